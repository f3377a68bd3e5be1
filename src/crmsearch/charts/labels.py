"""Texts as a chart can hold them: as they are whatever they hold, no longer than there is room, and broken into lines.

Room is counted in columns: a letter is one, a Chinese character two.
"""

import math
import re
import unicodedata

__all__ = ["LEGEND", "MARK", "fit", "label", "literal", "named", "room", "shorten", "wrap"]

LONGEST = 40  # columns of a label
LEGEND = 26  # columns of a label in a legend; of more the library makes two lines
COUNT = 14  # columns of it that a count takes
# The library makes links and formulas of some labels. This character between the signs keeps it from that, and is taken out again.
MARK = "\u2060"
# What the library thinks too little of a Chinese character's width, in marks: it takes 8.9 pixels for either, of 12 that the one has.
_LACKING = 0.35
# Words; Chinese characters one by one, with the signs that may not stand at the end or the beginning of a line.
_PIECES = re.compile(r"[“（《]*[\u2e80-\uffef][，。；：、）》”！？,.;:)]*|\s+|[^\s\u2e80-\uffef]+[，。；：、）》！？]*")


def room(text: str) -> int:
    """How many columns a text takes."""
    return len(text) + _wide(text)


def literal(text: str) -> str:
    """A label as the library shall show it: as it is, whatever it holds, and with room for all of it."""
    printable = "".join(character if character.isprintable() else " " for character in text.replace(MARK, ""))
    return re.sub(r"([<\\&])", rf"\1{MARK}", printable) + MARK * math.ceil(_LACKING * _wide(text))


def fit(text: str) -> str:
    """A label, no longer than there is room."""
    return shorten(text, LONGEST)


def label(text: str) -> str:
    """The same as the library takes it."""
    return literal(fit(text))


def named(text: str, n: int) -> str:
    """The label of a row with how many it is of."""
    return f"{shorten(text, LONGEST - COUNT)} (n = {n:,})"


def shorten(text: str, most: int) -> str:
    """A text of so many columns; what is longer ends in an ellipsis."""
    if room(text) <= most:
        return text
    kept = text[: most - 1]
    while room(kept) > most - 1:
        kept = kept[:-1]
    return f"{kept}…"


def wrap(text: str, most: int, lines: int) -> list[str]:
    """A text in so many lines of so many columns; what is longer ends in an ellipsis."""
    found = [""]
    for piece in _PIECES.findall(text):
        if found[-1] and room(found[-1] + piece.rstrip()) > most and len(found) < lines:
            found.append("")
        found[-1] += piece if found[-1] else piece.lstrip()
    return [shorten(line.rstrip(), most) for line in found]


def _wide(text: str) -> int:
    return 0 if text.isascii() else sum(unicodedata.east_asian_width(character) in "WF" for character in text)
