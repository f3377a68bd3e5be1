"""How a table to read is named: ``SYSTEM=PATH#PART``, of which system and part may be left out.

``zoho=leads.csv`` is a file and the system that it comes from, ``book.xlsx#Leads`` one sheet of a workbook, and
``export.zip#crm/contacts.csv`` one member of an archive. The command line and the job both read it.
"""

import re

__all__ = ["is_system", "split_part", "split_system"]

_SYSTEM = r"[a-z][a-z0-9_]*"
_NAMED = re.compile(rf"({_SYSTEM})=(.+)")
_PART = re.compile(r"(.+\.(?:xlsx|xlsm|zip))#(.+)", re.IGNORECASE | re.DOTALL)


def is_system(word: str) -> bool:
    """Tell whether a word may be the name of a source system."""
    return re.fullmatch(_SYSTEM, word) is not None


def split_system(word: str) -> tuple[str, str]:
    """System and path; the system is empty where none is named, as in a path with an equals sign in its folder."""
    match = _NAMED.fullmatch(word)
    return (match[1], match[2]) if match else ("", word)


def split_part(path: str) -> tuple[str, str]:
    """A path and, behind ``#``, the sheet or member of it that is meant; empty for all."""
    match = _PART.fullmatch(path)
    return (match[1], match[2]) if match else (path, "")
