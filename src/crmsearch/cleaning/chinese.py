"""Chinese text as it is compared: simplified characters, and the ways in which a name is read and typed in Latin letters."""

import itertools
import re
from collections.abc import Callable
from functools import cache, lru_cache

import opencc
from pypinyin import Style, lazy_pinyin

from crmsearch.cleaning.names import COMPOUND_SURNAMES, has_han
from crmsearch.cleaning.text import HAN

__all__ = ["pinyin_forms", "pinyin_words", "readings", "soften", "to_simplified"]

MAX_MIXED = 4  # syllables; a name of four has 16 mixes of full and initial syllables, more would not be typed

# Surnames that are read otherwise than as common words, likeliest reading first; the common reading stays findable behind them.
_SURNAMES = {
    "单": "shan", "曾": "zeng", "区": "ou", "仇": "qiu", "解": "xie", "查": "zha", "朴": "piao", "乐": "yue", "翟": "zhai", "覃": "qin",
    "盖": "ge", "吕": "lv lyu lu", "闾": "lv lyu lu", "缪": "miao", "召": "shao", "种": "chong", "繁": "po", "秘": "bi", "洗": "xian",
    "员": "yun", "折": "she", "宓": "fu", "郇": "xun", "牟": "mu", "隗": "wei", "么": "yao", "郗": "chi", "都": "du", "阚": "kan",
    "卜": "bu", "黑": "he", "重": "chong", "柏": "bo", "祭": "zhai", "谌": "shen", "乐正": "yue'zheng",
}  # fmt: skip

_NOT_HAN = re.compile(f"[^{HAN}]+")
_SOFT_INITIAL = re.compile(r"([zcs])h")
_SOFT_FINAL = re.compile(r"([aei])ng(?![aeiouv])")


@cache
def _converter() -> Callable[[str], str]:
    # One per process: building its dictionaries takes far longer than a name.
    convert: Callable[[str], str] = opencc.OpenCC("t2s").convert
    return convert


def to_simplified(text: str) -> str:
    """Write traditional Chinese characters as simplified ones; other text comes back as it is."""
    return _converter()(text) if has_han(text) else text


@lru_cache(maxsize=16_384)
def _syllables_of(name: str) -> tuple[list[list[str]], list[str]]:
    """The readings of the surname, and the reading of what follows it."""
    han = _NOT_HAN.sub("", to_simplified(name))
    size = 2 if len(han) > 2 and han[:2] in COMPOUND_SURNAMES else 1
    return _readings(han[:size]), lazy_pinyin(han[size:], style=Style.NORMAL)


@lru_cache(maxsize=16_384)
def _forms_of(name: str) -> tuple[str, ...]:
    surnames, given = _syllables_of(name)
    forms: dict[str, None] = {}
    for family in surnames:
        syllables = [*family, *given]
        initials = [syllable[:1] for syllable in syllables]
        if len(syllables) > MAX_MIXED:
            forms |= dict.fromkeys(("".join(syllables), "".join(initials)))
            continue
        forms |= dict.fromkeys("".join(mix) for mix in itertools.product(*zip(syllables, initials, strict=True)))
        forms["".join([*given, *family])] = None
    return tuple(forms)


def _readings(surname: str) -> list[list[str]]:
    """All readings of a surname, each as its syllables."""
    known = [reading.split("'") for reading in _SURNAMES.get(surname, "").split()]
    common = lazy_pinyin(surname, style=Style.NORMAL)
    return known if common in known else [*known, common]


def pinyin_forms(name: str) -> list[str]:
    """All ways to type a Chinese name in Latin letters: 王小明 as wangxiaoming, wangxm, wxming, wxm and the other mixes.

    Every reading of the surname counts; the given name may also come first (xiaomingwang). A name of more than four syllables, such as a
    company's, has the full form and the initials only. A name without Chinese characters has none.
    """
    return list(_forms_of(name)) if has_han(name) else []


def pinyin_words(name: str) -> list[str]:
    """A Chinese name as words that are found beside others, such as a city: 王小明 as ``wang xiao ming xiaoming``.

    There is one line for each reading of the surname.
    """
    if not has_han(name):
        return []
    surnames, given = _syllables_of(name)
    return [" ".join(dict.fromkeys(("".join(family), *family, *given, "".join(given)))).rstrip() for family in surnames]


@lru_cache(maxsize=16_384)
def readings(han: str) -> tuple[str, ...]:
    """How a run of Chinese characters may be read, without gaps: as a name, with every reading of its surname, and as common words."""
    surnames, given = _syllables_of(han)
    named = ("".join([*family, *given]) for family in surnames)
    return tuple(dict.fromkeys((*named, "".join(lazy_pinyin(to_simplified(han), style=Style.NORMAL)))))


@lru_cache(maxsize=65_536)
def soften(reading: str) -> str:
    """A reading without what many speakers of Chinese do not tell apart: zh, ch, sh from z, c, s, and final ng from n."""
    return _SOFT_FINAL.sub(r"\1n", _SOFT_INITIAL.sub(r"\1", reading))
