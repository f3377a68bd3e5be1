"""How two names of persons compare, part by part: spelling, sound, script, short form, initial, order."""

from functools import lru_cache
from typing import Literal, NamedTuple

from rapidfuzz.distance import OSA, JaroWinkler

from crmsearch.cleaning.spelling import nicknames
from crmsearch.resolution.features import Features, soundex

__all__ = ["NameLevels", "compare_names"]

Level = Literal["same", "sound", "short", "initial", "part", "similar", "distant", "swapped", "differs", "unknown"]


class NameLevels(NamedTuple):
    """The level of agreement of the given and of the family name."""

    given: Level
    family: Level


_UNKNOWN = NameLevels("unknown", "unknown")


def compare_names(a: Features, b: Features) -> NameLevels:
    """Compare given and family names, also in the other order, and as one text where neither order fits; symmetric."""
    if not a.whole or not b.whole:
        return _UNKNOWN
    if not (a.given or a.family) or not (b.given or b.family):
        return _single_word(a, b)
    levels = NameLevels(_given(a, b), _family(a, b))
    if levels.given != "differs" and levels.family != "differs":
        return levels
    if _is_swapped(a, b):
        return NameLevels("swapped", "swapped")
    if _is_one_text(a, b):
        return NameLevels("similar", "similar")
    return levels


def _single_word(a: Features, b: Features) -> NameLevels:
    """One of them is a name that cannot be split: equal to the other, a part of it, or both parts written together."""
    if a.whole == b.whole:
        return NameLevels("same", "unknown")
    if a.whole in {b.given, b.family} or b.whole in {a.given, a.family}:
        return NameLevels("part", "unknown")
    return NameLevels("similar", "unknown") if _is_one_text(a, b) else NameLevels("differs", "unknown")


def _given(a: Features, b: Features) -> Level:
    if not a.given or not b.given:
        return "unknown"
    if a.given_han and b.given_han and a.given_han != b.given_han:
        return _han_given(a, b)
    if a.given == b.given:
        return "same" if bool(a.given_han) == bool(b.given_han) else "sound"
    if a.given_han or b.given_han:
        # A romanised name may have its syllables apart.
        return "sound" if a.given.replace(" ", "") == b.given.replace(" ", "") else _similar(a.given, b.given)
    return _latin_given(a.given, b.given) if a.given < b.given else _latin_given(b.given, a.given)


def _han_given(a: Features, b: Features) -> Level:
    one, two = a.given_han, b.given_han
    if a.given == b.given:
        return "sound"
    if sorted(one) == sorted(two) or (len(one) != len(two) and _ends_meet(one, two, a.given, b.given)):
        return "part"
    # One sign of two may be mistyped, but brothers share one as well.
    shared = len(one) == len(two) > 1 and any(x == y for x, y in zip(one, two, strict=True))
    return "part" if shared and _close_sounds(a, b) else "differs"


def _ends_meet(one: str, two: str, sound: str, other: str) -> bool:
    """Whether one of two texts is a part of the other, or begins or ends with the sound of it."""
    if one in two or two in one:
        return True
    short, long = sorted((sound, other), key=len)
    return long.startswith(short) or long.endswith(short)


def _close_sounds(a: Features, b: Features) -> bool:
    return OSA.distance(a.given, b.given, score_cutoff=1) <= 1


@lru_cache(maxsize=65_536)
def _latin_given(one: str, two: str) -> Level:
    ones, twos = one.split(" "), two.split(" ")
    first = _first_name(ones[0], twos[0])
    if first in {"differs", "distant"}:
        if one.replace(" ", "") == two.replace(" ", ""):
            return "same"
        # Called by the second name; where both have several, a second name in common is a family's, or a surname.
        shared = min(len(ones), len(twos)) == 1 and any(len(word) > 2 for word in {*ones} & {*twos})
        return "part" if shared else _distant(one.replace(" ", ""), two.replace(" ", ""))
    rest, other = ones[1:], twos[1:]
    if rest and other and not _compatible(rest, other):
        return "part" if first == "same" else "differs"
    return first


def _first_name(one: str, two: str) -> Level:
    if one == two:
        return "initial" if len(one) == 1 else "same"
    if len(one) == 1 or len(two) == 1:
        return "initial" if one[0] == two[0] else "differs"
    if two in nicknames().get(one, ()) or one in nicknames().get(two, ()):
        return "short"
    return _distant(one, two)


def _compatible(rest: list[str], other: list[str]) -> bool:
    return any(
        x == y or (min(len(x), len(y)) == 1 and x[0] == y[0]) or (len(x) > 3 and _similar(x, y) == "similar") for x in rest for y in other
    )


def _family(a: Features, b: Features) -> Level:
    one, two = a.family, b.family
    if not one or not two:
        return "unknown"
    if one == two:
        return "same" if a.family_han == b.family_han or not (a.family_han and b.family_han) else "sound"
    if a.family_han or b.family_han:
        if {one, *a.readings} & {two, *b.readings}:
            return "sound"
        return "differs"
    ones, twos = set(one.replace("-", " ").split(" ")), set(two.replace("-", " ").split(" "))
    if any(len(word) > 2 for word in ones & twos):
        return "part"
    return _similar(one, two)


@lru_cache(maxsize=65_536)
def _similar(one: str, two: str) -> Level:
    """One slip in a word of four letters or more, two in one of seven or more, or a shape that is nearly the same."""
    shorter = min(len(one), len(two))
    if shorter >= 4 and OSA.distance(one, two, score_cutoff=2) <= (1 if shorter < 7 else 2):
        return "similar"
    if shorter == 3 and sorted(one) == sorted(two):
        return "similar"
    return "similar" if shorter >= 4 and JaroWinkler.similarity(one, two) >= 0.9 else "differs"


def _distant(one: str, two: str) -> Level:
    """Two slips in a name of four to six letters, one in a shorter, the beginning, or another spelling of the same sound."""
    level = _similar(one, two)
    shorter = min(len(one), len(two))
    if level != "differs" or shorter < 2:
        return level
    if shorter < 4:
        return "distant" if OSA.distance(one, two, score_cutoff=1) <= 1 and one[0] == two[0] else "differs"
    begins = one.startswith(two) or two.startswith(one)
    near = (
        begins or OSA.distance(one, two, score_cutoff=2) <= 2 or (soundex(one) == soundex(two) and JaroWinkler.similarity(one, two) >= 0.75)
    )
    return "distant" if near else "differs"


def _is_swapped(a: Features, b: Features) -> bool:
    if not (a.given and a.family and b.given and b.family):
        return False
    if a.given_han and b.given_han:
        return a.given_han == b.family_han and a.family_han == b.given_han
    crossed = (_similar_or_same(a.given, b.family), _similar_or_same(a.family, b.given))
    return "differs" not in crossed and ("same" in crossed or len(a.whole) >= 8)


def _similar_or_same(one: str, two: str) -> Level:
    return "same" if one == two else _similar(min(one, two), max(one, two))


def _is_one_text(a: Features, b: Features) -> bool:
    """A slip may hit the space between the names, or take a surname of one sign away."""
    han, other = a.family_han + a.given_han, b.family_han + b.given_han
    if han and other:
        if len(han) == len(other):
            return len(han) > 2 and (sorted(han) == sorted(other) or sorted(a.whole) == sorted(b.whole))
        return min(len(han), len(other)) >= 2 and _ends_meet(han, other, a.whole, b.whole)
    shorter = min(len(a.whole), len(b.whole))
    if not (a.given and a.family and b.given and b.family):
        # One of them is a single word: perhaps both names written together.
        return shorter >= 6 and OSA.distance(a.whole, b.whole, score_cutoff=1) <= 1
    return shorter >= 8 and OSA.distance(a.whole, b.whole, score_cutoff=1) <= 1
