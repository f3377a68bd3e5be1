"""Rules for names of persons and companies, Latin and Chinese."""

import re

from crmsearch.cleaning.text import HAN, capitalise_words, clean_text, is_formula, is_junk, is_nothing, match_key
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = [
    "COMPOUND_SURNAMES",
    "clean_name",
    "clean_name_part",
    "has_han",
    "is_salutation",
    "join_name",
    "looks_like_company",
    "split_name",
]

_HAN = re.compile(f"[{HAN}]")
_HAN_NAME = re.compile(f"[{HAN}·]+")
_HAN_GAP = re.compile(f"(?<=[{HAN}]) (?=[{HAN}])")

# What people are called by, as match keys; in the place of a job title these are no jobs.
_ADDRESSES = "mr mrs ms mx miss madam madame mme mlle monsieur sir dr prof herr frau fraulein hr fr senor senora srta sra"
_SALUTATIONS = frozenset(_ADDRESSES.split())
_TITLES = _SALUTATIONS | {"doctor", "professor", "rev", "reverend", "dipl", "ing"}
# Degrees behind a Latin name. "Jr." and "II" are none: they tell a son from his father, and stay. "Ma" and "Do" are family names.
_DEGREES = frozenset({"md", "phd", "dphil", "dds", "dmd", "dvm", "jd", "mba", "msc", "bsc", "llm", "llb", "cpa", "cfa", "esq", "rn"})
_GENERATIONS = frozenset({"jr", "sr", "ii", "iii", "iv"})
_HAN_SALUTATIONS = frozenset({"先生", "女士", "小姐", "太太", "夫人"})
_HAN_TITLE = re.compile(f"(?<=[{HAN}]) ?(?:先生|女士|小姐|太太|夫人|博士|教授|医生|老师|经理|同学|阁下)$")

# Words that bind to the family name behind them: Ludwig van Beethoven.
_PARTICLE_WORDS = "van von der den de del della di da dos das du la le los ter ten zu zur bin ibn al el"
_PARTICLES = frozenset(_PARTICLE_WORDS.split())

_MC = re.compile(r"\bMc([a-z])(?=[a-z]{2})")

_COMPOUND_WORDS = """
欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离
长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里 呼延 东郭
南门 羊舌 微生 左丘 梁丘 西门 第五 东门 贺兰 完颜
歐陽 司馬 東方 獨孤 南宮 聞人 諸葛 尉遲 赫連 澹臺 濮陽 公孫 仲孫 鍾離 長孫 鮮于 閭丘 巫馬 軒轅 東郭 南門 賀蘭 完顏
"""
COMPOUND_SURNAMES = frozenset(_COMPOUND_WORDS.split())

# What a company carries at the end of its name; the short ones are taken only behind another word.
_COMPANY_WORD = re.compile(
    r"(?i:\b(?:ltd|limited|inc|incorporated|llc|llp|plc|gmbh|mbh|ohg|corp|corporation|company|holdings?|group|pty|srl|s\.r\.l|sarl|s\.a|"
    r"pvt|consulting|solutions|technologies|industries|enterprises|partners|associates)\b\.?)"
    r"|(?<=\s)(?:AG|KG|SA|SE|BV|B\.V\.|NV|N\.V\.|OY|AB|A/S|SpA|S\.p\.A\.|SAS|Co\.?|KGaA)$|& (?:Co|Sons)\b"
)
_HAN_COMPANY = re.compile(
    r"公司|集团|集團|有限|株式会社|(?:工厂|厂|银行|医院|大学|学院|中学|学校|商行|事务所|工作室|合作社|研究院|研究所|酒店|超市)$"
)


def has_han(text: str) -> bool:
    """Tell whether a text holds a Chinese character."""
    return not text.isascii() and _HAN.search(text) is not None


def is_salutation(text: str) -> bool:
    """Tell whether a text is nothing but a form of address (``Mr.``, ``女士``)."""
    return text in _HAN_SALUTATIONS or match_key(text) in _SALUTATIONS


def looks_like_company(name: str) -> bool:
    """Guess from its words whether a name is a company's: ``Nordlicht GmbH``, ``深圳星河科技有限公司``."""
    return _COMPANY_WORD.search(name) is not None or (has_han(name) and len(name) > 3 and _HAN_COMPANY.search(name) is not None)


def clean_name(raw: str) -> Outcome[str]:
    """Clean a full name: titles off, family name last in Latin script, no gaps between Chinese characters, usual case."""
    outcome = _clean_words(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    name, issues = outcome.value, list(outcome.issues)
    if looks_like_company(name):
        return outcome
    bare = _without_titles(name)
    if bare != name:
        issues.append("name_title")
    ordered = _given_name_first(bare)
    if ordered != bare:
        issues.append("name_order")
    return _finish(ordered, issues)


def clean_name_part(raw: str) -> Outcome[str]:
    """Clean a given name or a family name that has a cell of its own."""
    outcome = _clean_words(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    bare = _without_titles(outcome.value)
    return _finish(bare, [*outcome.issues, *(["name_title"] if bare != outcome.value else [])])


def _clean_words(raw: str) -> Outcome[str]:
    """What all names share. An apostrophe is an apostrophe, and two Chinese characters have no space between them."""
    outcome = clean_text(raw)
    if isinstance(outcome, Rejection):
        return outcome
    if outcome.value is None:
        return Clean(None, tuple("name_placeholder" if code == "placeholder" else code for code in outcome.issues))
    name, issues = outcome.value.replace("’", "'"), outcome.issues
    if is_junk(name) or is_salutation(name):
        return Clean(None, (*issues, "name_placeholder"))
    if has_han(name):
        closed = _HAN_GAP.sub("", name.replace("•", "·").replace("・", "·"))
        if len(closed) != len(name) and "spaces" not in issues:
            issues = (*issues, "spaces")
        name = closed
    return Clean(name, issues)


def _finish(name: str, issues: list[str]) -> Outcome[str]:
    if is_junk(name) or is_nothing(name) or is_salutation(name):
        return Clean(None, (*issues, "name_placeholder"))
    if is_formula(name):  # "Mr. =1+1"
        return Rejection("formula_cell")
    cased = _usual_case(name)
    if cased != name:
        issues.append("name_case")
    return Clean(cased, tuple(issues))


def _without_titles(name: str) -> str:
    if has_han(name):
        while (bare := _HAN_TITLE.sub("", name)) != name:
            name = bare
        return name
    words = name.split(" ")
    while len(words) > 1 and match_key(words[0]) in _TITLES:
        del words[0]
    while len(words) > 2 and match_key(words[-1]) in _DEGREES:
        words.pop()
        words[-1] = words[-1].rstrip(",") or words[-1]
    return " ".join(words)


def _given_name_first(name: str) -> str:
    family, comma, given = name.partition(",")
    family, given = family.strip(), given.strip()
    if not (comma and family and given) or "," in given or has_han(name):
        return name
    if match_key(given) in _GENERATIONS:
        return f"{family} {given}"
    return _without_titles(f"{_without_titles(given)} {family}")


def _usual_case(name: str) -> str:
    if not (name.islower() or name.isupper()):
        return name
    words = name.split(" ")
    last = len(words) - 1
    return " ".join(_cased_word(word, inner=0 < place < last) for place, word in enumerate(words))


def _cased_word(word: str, *, inner: bool) -> str:
    key = match_key(word)
    if inner and key in _PARTICLES:
        return word.lower()
    if key in {"ii", "iii", "iv"}:
        return word.upper()
    # McDonald is safe to restore, "Mac" is not: Macdonald and MacDonald both exist, as does Mack.
    return _MC.sub(lambda match: "Mc" + match[1].upper(), capitalise_words(word))


def split_name(name: str) -> tuple[str | None, str | None]:
    """Split a clean personal name into given name and family name; a part that cannot be told is ``None``.

    A Chinese name starts with its surname (one character, or a compound such as 欧阳); with a middle dot it is a transliteration, given
    name first. A Latin name ends with its family name, with the particles before it; ``Jr.`` and ``II`` belong to neither.
    """
    if has_han(name):
        return _split_han(name)
    words = [word for word in name.replace(",", "").split(" ") if match_key(word) not in _GENERATIONS]
    if len(words) < 2:
        return None, None
    start = len(words) - 1
    while start > 1 and words[start - 1].casefold() in _PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def _split_han(name: str) -> tuple[str | None, str | None]:
    if _HAN_NAME.fullmatch(name) is None:
        return None, None
    if "·" in name:
        given, _, family = name.rpartition("·")
        return given or None, family or None
    size = 2 if name[:2] in COMPOUND_SURNAMES else 1
    if len(name) > size + 3:
        return None, None
    return name[size:] or None, name[:size]


def join_name(given: str | None, family: str | None) -> str | None:
    """Make a full name of its parts, in the order and spacing of their script."""
    if given is None or family is None:
        return given or family
    if has_han(given) and has_han(family):
        return family + given
    return f"{given} {family}"
