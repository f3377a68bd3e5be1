"""Rules for any text: invisible characters, spaces, full-width forms, placeholders and spreadsheet formulas.

Every other rule begins with :func:`tidy`, so what it returns is one printable line in Unicode form NFC.
"""

import re
import unicodedata

from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = [
    "HAN",
    "capitalise_words",
    "clean_code",
    "clean_notes",
    "clean_text",
    "is_formula",
    "is_junk",
    "is_nothing",
    "match_key",
    "neutralise_formula",
    "split_list",
    "tidy",
    "title_case",
]

MAX_TEXT = 500  # characters; a longer "short" text is a shifted column or a pasted document
MAX_NOTES = 10_000  # characters; keeps one note from dominating an index request

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"

# Letters, digits and joining signs typed in full width. Chinese punctuation, which is full width by right, stays.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "，：；！？（）～"}

# What people and programs write into a cell to say that they know nothing; compared by casefold, without "?", "!" or "." at the end.
_NOTHING = frozenset(
    {"n/a", "n.a", "n\\a", "#n/a", "nil", "null", "none", "nan", "nat", "undefined", "unknown", "tbd", "tba", "blank", "missing", "keine"}
    | {"(null)", "(none)", "(blank)", "[null]", "<null>", "\\n", "#name", "#ref", "#value", "#null", "#div/0"}
    | {"not available", "not applicable", "not provided", "not known", "not specified", "no data"}
    | {"无", "没有", "未知", "不详", "不明", "暂无", "空", "未填", "未填写", "未提供", "待定", "缺失", "无数据"}
)
# "Na" is a name (李娜), so only the spellings that programs write count.
_NOTHING_EXACT = frozenset({"NA", "na"})

# Words that fill a mandatory box: no name, no place, no company.
_JUNK = frozenset(
    {"test", "tests", "testing", "tester", "dummy", "fake", "foo", "foobar", "asdf", "asdfgh", "qwer", "qwerty"}
    | {"abc", "abcd", "abcdef", "xyz", "x", "delete", "anonymous", "noname", "nobody"}
    | {"测试", "测试用户", "测试客户", "测试数据", "匿名", "匿名用户", "某某", "某人", "佚名", "无名", "无名氏", "未命名", "客户", "新客户"}
)
_REPEATED = re.compile(r"([ax×])\1+")

_FORMULA = re.compile(
    r"""
      =.*                       # =1+1, =HYPERLINK("…")
    | [+\-@]\s*[A-Za-z]\w*\s*\(.* # @SUM(…), -SUM(…)
    | [+\-@].*[|!].*             # -2+3+cmd|' /C calc'!A0
    """,
    re.VERBOSE,
)
_FORMULA_WORD = re.compile(r"[+\-@][^\W\d_].*")  # "@name" and "+abc" are formulas to a spreadsheet, but plain words in a note


def tidy(raw: str, *, compatible: bool = False) -> Clean[str]:
    """Reduce a cell to one printable line.

    One ordinary space at either edge is taken for the style of the file ("a, b") and not for dirt.

    Args:
        raw: the cell as read.
        compatible: fold every compatibility character (NFKC), which suits codes, numbers and dates. Otherwise only full-width letters,
            digits and signs are folded, which leaves Chinese punctuation alone.
    """
    if raw.isascii() and raw.isprintable() and "  " not in raw:
        return Clean(raw.strip(" ") or None)
    issues = []
    visible = raw
    if not raw.isprintable():
        # Zero-width characters, soft hyphens, direction marks, control, private and unassigned characters.
        visible = "".join(char for char in raw if char.isprintable() or char.isspace())
        if visible != raw:
            issues.append("invisible")
    line = " ".join(visible.split())
    if line and line != visible.removeprefix(" ").removesuffix(" "):
        issues.append("spaces")
    composed = unicodedata.normalize("NFC", line)
    folded = unicodedata.normalize("NFKC", composed) if compatible else composed.translate(_FULL_WIDTH)
    if folded != composed:
        issues.append("full_width")
        # Folding may open spaces (U+00A8 becomes one with a mark) and let letters and marks compose.
        folded = unicodedata.normalize("NFC", " ".join(folded.split()))
    return Clean(folded or None, tuple(issues))


def is_nothing(text: str) -> bool:
    """Tell whether a tidy text only says that nothing is known: ``n/a``, ``无``, or nothing but punctuation."""
    if text in _NOTHING_EXACT or text.rstrip("?!. ").casefold() in _NOTHING:
        return True
    return not text[:1].isalnum() and all(unicodedata.category(char)[0] == "P" for char in text.replace(" ", ""))


def is_junk(text: str) -> bool:
    """Tell whether a tidy text is filler: it has no letters (``123456``), or only filler words (``test 2``, ``xxx``)."""
    words = text.casefold().rstrip("?!. 0123456789").split()
    if not any(char.isalpha() for char in text):
        return True
    return bool(words) and all(word in _JUNK or _REPEATED.fullmatch(word) for word in words)


def is_formula(text: str, *, prose: bool = False) -> bool:
    """Tell whether a spreadsheet would run a tidy text. Signed numbers, ``+86 …`` and a lone ``-`` are not formulas.

    Args:
        text: a tidy text.
        prose: the text is a note, where ``-word`` and ``@word`` are a list and a mention.
    """
    return text[:1] in "=+-@" and bool(_FORMULA.fullmatch(text) or (not prose and _FORMULA_WORD.fullmatch(text)))


def neutralise_formula(text: str) -> str:
    """Prefix an apostrophe to a text that a spreadsheet could run when it opens an export.

    Stricter than :func:`is_formula`, since here a false alarm costs one visible character.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def clean_text(raw: str) -> Outcome[str]:
    """Clean a short text such as a company, a street or a job title; its letter case is kept."""
    return _judge(tidy(raw))


def clean_code(raw: str) -> Outcome[str]:
    """Clean a key, a postcode or another code, where compatibility characters are never meant."""
    return _judge(tidy(raw, compatible=True))


def clean_notes(raw: str) -> Outcome[str]:
    """Clean free prose: lines are joined, and what is beyond ``MAX_NOTES`` characters is cut."""
    tidied = tidy(raw)
    text = tidied.value
    if text is None:
        return tidied
    if is_nothing(text):
        return Clean(None, (*tidied.issues, "placeholder"))
    if is_formula(text, prose=True):
        return Rejection("formula_cell")
    if len(text) > MAX_NOTES:
        return Clean(text[:MAX_NOTES].rstrip(), (*tidied.issues, "notes_cut"))
    return tidied


def _judge(tidied: Clean[str]) -> Outcome[str]:
    text = tidied.value
    if text is None:
        return tidied
    if len(text) > MAX_TEXT:
        return Rejection("too_long")
    if is_nothing(text):
        return Clean(None, (*tidied.issues, "placeholder"))
    if is_formula(text):
        return Rejection("formula_cell")
    return tidied


def split_list(raw: str) -> Clean[tuple[str, ...]]:
    """Split a cell of several words at ``;``, ``,``, ``|``, ``、`` or line ends; empty and repeated parts go."""
    issues: dict[str, None] = {}
    values: dict[str, None] = {}
    for part in re.split(r"[;,|、；，\r\n]", raw):
        outcome = clean_text(part)
        if isinstance(outcome, Rejection):
            issues[outcome.code] = None
            continue
        issues.update(dict.fromkeys(outcome.issues))
        if outcome.value is not None:
            values[outcome.value] = None
    return Clean(tuple(values) or None, tuple(issues))


def match_key(text: str) -> str:
    """Reduce a word to what its spellings share: letters and digits, case folded, without accents."""
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _NOT_ALPHANUMERIC.sub("", text.casefold())


def title_case(text: str) -> str:
    """Give a text that is all lower or all upper case a capital per word; mixed case was somebody's choice and stays."""
    return capitalise_words(text) if text.islower() or text.isupper() else text


def capitalise_words(text: str) -> str:
    """Give every word a capital and small letters behind it, but not the "s" of a genitive: ``King's Lynn``."""
    return _GENITIVE.sub("s", _WORD.sub(lambda match: match[0][0].title() + match[0][1:].lower(), text))


_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_WORD = re.compile(r"(?:[^\W\d_][\u0300-\u036f]*)+")
_GENITIVE = re.compile(r"(?<=[^\W\d_]')S\b")
