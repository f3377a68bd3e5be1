"""What Elasticsearch says when it refuses an action for want of a privilege, without the rest of its text, which may quote documents."""

import re

__all__ = ["missing_privilege"]

_GRANTED_BY = re.compile(r"granted by the (index|cluster) privileges \[([\w,/: ]+)\]")
_PLACES = re.compile(r"on (?:restricted )?indices \[([^\]]+)\]")


def missing_privilege(text: str) -> str:
    """Which privileges would do, and on which indices, to be added to a sentence; empty where the text does not say it."""
    if not (wanted := _GRANTED_BY.search(text)):
        return ""
    places = _PLACES.search(text)
    return f": one of the {wanted[1]} privileges {wanted[2].replace(',', ', ')}" + (f" on {places[1]}" if places else "")
