"""Rules for any text: invisible characters, spaces, full-width forms, placeholders and spreadsheet formulas.

Every other rule begins with :func:`tidy`, so what it returns is one printable line in Unicode form NFC.
"""

import re
import unicodedata
from functools import lru_cache

from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = [
    "HAN",
    "capitalise_words",
    "clean_code",
    "clean_label",
    "clean_notes",
    "clean_text",
    "is_formula",
    "is_junk",
    "is_made_up_number",
    "is_nothing",
    "match_key",
    "neutralise_formula",
    "open_cell",
    "split_list",
    "tidy",
    "title_case",
]

MAX_TEXT = 500  # characters; a longer "short" text is a shifted column or a pasted document
MAX_NOTES = 10_000  # characters; keeps one note from dominating an index request

HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff〇"

# Letters, digits and joining signs typed in full width. Chinese punctuation, which is full width by right, stays.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "，：；！？（）～"}

# Letters and marks without ink, which Unicode counts as printable: fillers of Hangul and Braille, variation selectors.
_INKLESS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")

# What people and programs write into a cell to say that they know nothing; compared by casefold, without "?", "!" or "." at the end.
_NOTHING = frozenset(
    {"n/a", "n.a", "n\\a", "#n/a", "nil", "null", "none", "nan", "nat", "undefined", "unknown", "tbd", "tba", "blank", "missing", "keine"}
    | {"(null)", "(none)", "(blank)", "[null]", "<null>", "\\n", "#name", "#ref", "#value", "#null", "#div/0"}
    | {"not available", "not applicable", "not provided", "not known", "not specified", "no data"}
    | {
        "无",
        "没有",
        "未知",
        "不详",
        "不明",
        "暂无",
        "空",
        "未填",
        "未填写",
        "未提供",
        "待定",
        "缺失",
        "无数据",
        "無",
        "空白",
        "なし",
        "없음",
    }
    | {"sin datos", "inconnu", "unbekannt", "desconocido", "sconosciuto", "k.a", "s/n", "n.v.t", "00000000-0000-0000-0000-000000000000"}
)
_LONGEST_NOTHING = max(map(len, _NOTHING)) + 8  # characters, with signs behind it
# "Na" is a name (李娜), so only the spellings that programs write count.
_NOTHING_EXACT = frozenset({"NA", "na"})

# Words that fill a mandatory box: no name, no place, no company.
_JUNK = frozenset(
    {"test", "tests", "testing", "tester", "dummy", "fake", "foo", "foobar", "asdf", "asdfgh", "qwer", "qwerty"}
    | {"abc", "abcd", "abcdef", "xyz", "x", "delete", "anonymous", "noname", "nobody"}
    | {"测试", "测试用户", "测试客户", "测试数据", "匿名", "匿名用户", "某某", "某人", "佚名", "无名", "无名氏", "未命名", "客户", "新客户"}
)
_REPEATED = re.compile(r"([ax×])\1+")
# Fewer of them fill a company or a street: "ABC" and "Foo" are companies.
_FILLER = frozenset(
    {"test", "tests", "testing", "dummy", "asdf", "asdfgh", "qwer", "qwerty", "测试", "测试数据", "测试公司", "test company", "test test"}
)
_FILLER_SIGNS = re.compile(r"[x×]{3,}|某+")

_FORMULA = re.compile(
    r"""
      =.*                       # =1+1, =HYPERLINK("…")
    | [+\-@]\s*[A-Za-z]\w*\s*\(.* # @SUM(…), -SUM(…)
    | [+\-@].*[|!].*             # -2+3+cmd|' /C calc'!A0
    """,
    re.VERBOSE,
)
_IN_ORDER = "0123456789" * 3
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
    visible = _INKLESS.sub("", raw)
    if visible != raw:
        issues.append("invisible")
    if not visible.isprintable():
        # Zero-width characters, soft hyphens, direction marks, control, private and unassigned characters.
        printable = "".join(char for char in visible if char.isprintable() or char.isspace())
        if printable != visible and not issues:
            issues.append("invisible")
        visible = printable
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
    if len(text) > _LONGEST_NOTHING and text[0].isalnum():
        return False
    if text in _NOTHING_EXACT or text.rstrip("?!. ").casefold() in _NOTHING:
        return True
    return not text[:1].isalnum() and all(unicodedata.category(char)[0] == "P" for char in text.replace(" ", ""))


def is_junk(text: str) -> bool:
    """Tell whether a tidy text is filler: it has no letters (``123456``), or only filler words (``test 2``, ``xxx``)."""
    words = text.casefold().rstrip("?!. 0123456789").split()
    if not any(char.isalpha() for char in text):
        return True
    return bool(words) and all(word in _JUNK or _REPEATED.fullmatch(word) for word in words)


def is_made_up_number(digits: str) -> bool:
    """Tell whether six digits or more are one digit repeated or the digits in their order: ``000000``, ``123456789``."""
    return len(digits) >= 6 and (digits == digits[0] * len(digits) or digits in _IN_ORDER or digits[::-1] in _IN_ORDER)


def is_formula(text: str, *, prose: bool = False) -> bool:
    """Tell whether a spreadsheet would run a tidy text. Signed numbers, ``+86 …`` and a lone ``-`` are not formulas.

    Args:
        text: a tidy text.
        prose: the text is a note, where ``-word`` and ``@word`` are a list and a mention.
    """
    return text[:1] in "=+-@" and bool(_FORMULA.fullmatch(text) or (not prose and _FORMULA_WORD.fullmatch(text)))


def neutralise_formula(text: str) -> str:
    """Prefix an apostrophe to a text that a spreadsheet could run when it opens an export.

    Stricter than :func:`is_formula`, since here a false alarm costs one visible character. Every export that a spreadsheet may open (CSV
    and TSV of segments, clusters, quarantine) calls it for each text, whatever the field: a value that was clean when it was indexed, such
    as a phone in E.164 or a note, may begin with one of these signs. Spreadsheets set to Chinese or Japanese take the full-width ones too.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) else text


def open_cell(raw: str, *, limit: int = MAX_TEXT, too_long: str = "too_long", compatible: bool = True) -> Outcome[str]:
    """What all rules begin with: the tidy text of a cell, or ``None`` or a rejection if there is nothing to read in it.

    Args:
        raw: the cell as read.
        limit: characters; a longer text is refused, which bounds the work of the rule that follows.
        too_long: the code of that refusal.
        compatible: as for :func:`tidy`.
    """
    tidied = tidy(raw, compatible=compatible)
    text = tidied.value
    if text is None:
        return tidied
    if len(text) > limit:
        return Rejection(too_long)
    if is_nothing(text):
        return Clean(None, (*tidied.issues, "placeholder"))
    if is_formula(text):
        return Rejection("formula_cell")
    return tidied


def clean_text(raw: str) -> Outcome[str]:
    """Clean a short text; its letter case is kept."""
    return open_cell(raw, compatible=False)


@lru_cache(maxsize=65_536)
def clean_label(raw: str) -> Outcome[str]:
    """Clean a short text that fills a box of a form, such as a company, a street or a job title; ``xxx`` and ``123456`` are dropped."""
    outcome = open_cell(raw, compatible=False)
    if isinstance(outcome, Clean) and outcome.value is not None:
        word = outcome.value.casefold()
        if word in _FILLER or _FILLER_SIGNS.fullmatch(word) or is_made_up_number(word):
            return Clean(None, (*outcome.issues, "placeholder"))
    return outcome


def clean_code(raw: str) -> Outcome[str]:
    """Clean a key, a postcode or another code, where compatibility characters are never meant.

    What spreadsheets and data frames make of a long number is undone (``1234.0``, ``1.3800138001E10``) where no digit is lost; where some
    are (``1.38E+10``), the rest could be anybody's code.
    """
    outcome = open_cell(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    code = _restored(outcome.value)
    if code is None:
        return Rejection("scientific_notation")
    return outcome if code == outcome.value else Clean(code, outcome.issues)


_WHOLE = re.compile(r"(\+?[0-9]+)\.0+")
_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]+))?e(\+?)([0-9]{1,2})", re.IGNORECASE)
_EXACT_POWER = 15  # the digits that a double-precision number holds for sure


def _restored(text: str) -> str | None:
    """Write a number without fraction or exponent, ``None`` if digits are lost; any other text comes back as it is."""
    if match := _WHOLE.fullmatch(text):
        return match[1]
    match = _SCIENTIFIC.fullmatch(text)
    if match is None:
        return text
    digits, rounded, power = match[2] or "", bool(match[3]), int(match[4])
    if len(digits) > power or not (digits or rounded):  # "1.234E2" is no whole number, "5E10" may well be a code
        return text
    # Spreadsheets write E+10 and round to the width of the column, programs write E10 and leave out nothing but zeros.
    if power >= _EXACT_POWER or (rounded and len(digits) < power):
        return None
    return match[1] + digits.ljust(power, "0")


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
