"""Rules for names of persons and companies, Latin and Chinese."""

import re
import unicodedata

from crmsearch.cleaning.text import HAN, capitalise_words, clean_text, is_formula, is_junk, is_nothing, match_key
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = [
    "COMPOUND_SURNAMES",
    "clean_company_name",
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
_HAN_DOT = re.compile(rf"(?<=[{HAN}]) ?[·•・‧∙⋅●.．] ?(?=[{HAN}])")  # what is typed for the dot between the parts of 阿卜杜拉·买买提

# What people are called by, as match keys; in the place of a job title these are no jobs.
_ADDRESSES = "mr mrs ms mx miss madam madame mme mlle monsieur sir dr prof herr frau fraulein hr fr senor senora srta sra"
_SALUTATIONS = frozenset(_ADDRESSES.split())
_TITLE_WORDS = """
doctor professor rev reverend dipl ing sir dame signor signora signorina sig sigra dott dottssa dhr mevr mevrouw meneer dra profa shri smt
capt captain lieutenant sgt sergeant hon honourable honorable hrn frl dring
"""
_TITLES = _SALUTATIONS | frozenset(_TITLE_WORDS.split())
# Words that are names too (Don, Gen, Col); with their dot they are titles.
_DOTTED_TITLES = frozenset({"mag", "col", "gen", "lt", "maj", "don", "univ", "med", "jur", "rer", "nat", "habil"})
# Degrees behind a Latin name. "Jr." and "II" are none: they tell a son from his father, and stay. "Ma" and "Do" are family names.
_DEGREES = frozenset({"md", "phd", "dphil", "dds", "dmd", "dvm", "jd", "mba", "msc", "bsc", "llm", "llb", "cpa", "cfa", "esq", "rn"})
_GENERATIONS = frozenset({"jr", "sr", "ii", "iii", "iv"})
_HAN_SALUTATIONS = frozenset({"先生", "女士", "小姐", "太太", "夫人", "様", "老师", "同学"})
_HAN_TITLE = re.compile(
    f"(?<=[{HAN}]) ?(?:先生|女士|小姐|太太|夫人|女史|博士|教授|医生|醫生|医师|醫師|律师|老师|老師|总经理|副总|经理|經理|总监|主任|工程师"
    "|会计|老板|老闆|师傅|同学|阁下|閣下|殿|様|さん|さま|さまへ|氏)$"
)
_HAN_CHIEF = re.compile(f"^((?:[{HAN}]){{1,2}})总$")  # 王总, "Director Wang"; taken off only where a surname is left
_HAN_BEFORE = re.compile("^(?:尊敬的|亲爱的)")
_SUFFIX_TITLE = re.compile(
    r"^([^\W\d_]+)(?i:-san|-sama)$|(?<=[가-힣]) ?(?:선생님|님|씨)$"
)  # Tanaka-san; "Min-ji" behind a surname is a name

# A nickname or a remark behind or inside a name: Robert (Bob) Smith, Robert "Bob" Smith, 王小明（离职）.
_NICKNAME = re.compile(r"""\s*(?:\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]|【[^【】]*】|"[^"]*"|“[^“”]*”|«[^«»]*»|(?<=\s)'[^']+'(?=\s|$))""")
_WRAPPED = re.compile(r"""^(?:\(([^()]+)\)|（([^（）]+)）|\[([^\[\]]+)\]|【([^【】]+)】|"([^"]+)"|“([^“”]+)”|'([^']+)')$""")
_STRAY = '-–—*#_~^|\\<>{}[]=+@!?;:/,&$%"`´，。、！？；：…'
_DIGITS_BEHIND = re.compile(r"(?<=[^\W\d_])[0-9]{1,4}$")

# Words that bind to the family name behind them: Ludwig van Beethoven.
_PARTICLE_WORDS = """
van von der den de del della dello degli delle di da dal dalla do dos das du des la le los las ter ten te zu zur zum vom bin ibn bint al el
af av vande vander 't
"""
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_BETWEEN_SURNAMES = frozenset({"y", "i", "e"})  # José Ortega y Gasset

_MC = re.compile(r"\bMc([a-z])(?=[a-z]{2})")

_COMPOUND_WORDS = """
欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离
长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里 呼延 东郭
南门 羊舌 微生 左丘 梁丘 西门 第五 东门 贺兰 完颜 纳兰 富察 淳于 单于 即墨 哥舒 达奚 褚师 钮祜 范姜 張簡
歐陽 司馬 東方 獨孤 南宮 聞人 諸葛 尉遲 赫連 澹臺 濮陽 公孫 仲孫 鍾離 長孫 鮮于 閭丘 巫馬 軒轅 東郭 南門 賀蘭 完顏 納蘭 單于 褚師 範姜
"""
COMPOUND_SURNAMES = frozenset(_COMPOUND_WORDS.split())

# What a company carries at the end of its name; the short ones are taken only behind another word.
_COMPANY_WORD = re.compile(
    r"(?i:\b(?:ltd|limited|inc|incorporated|llc|llp|plc|gmbh|mbh|ohg|corp|corporation|company|holdings?|group|pty|srl|s\.r\.l|sarl|s\.a|"
    r"pvt|consulting|solutions|technologies|industries|enterprises|partners|associates|university|hospital|institute|foundation|association|"
    r"ministry|sdn\.? bhd|pte|kabushiki|k\.k\.|s\.l\.|d\.o\.o\.|z o\.o\.)\b\.?)"
    r"|(?<=\s)(?:AG|KG|SA|SE|BV|B\.V\.|NV|N\.V\.|OY|AB|A/S|SpA|S\.p\.A\.|SAS|Co\.?|KGaA)$|& (?:Co|Sons)\b"
)
_HAN_COMPANY = re.compile(
    r"公司|集团|集團|有限|株式会社|(?:工厂|厂|银行|医院|大学|学院|中学|学校|商行|事务所|工作室|合作社|研究院|研究所|酒店|超市|商店|门店|"
    r"中心|协会|协會|基金会|委员会|分行|支行|诊所|药店|药房|幼儿园|餐厅|饭店|出版社|报社|电视台|俱乐部|管理局|政府)$|주식회사|유한회사|㈜"
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
    if isinstance(outcome, Rejection) or outcome.value is None or looks_like_company(outcome.value):
        return outcome
    bare, issues = _bare(outcome.value, list(outcome.issues))
    ordered = _given_name_first(bare)
    if ordered != bare:
        ordered, issues = _bare(ordered, [*issues, "name_order"])  # what stood inside may stand at an edge now
    return _finish(ordered, issues)


def clean_company_name(raw: str) -> Outcome[str]:
    """Clean the name of what is known to be a company: no titles, no order, no change of case."""
    return _clean_words(raw)


def clean_name_part(raw: str) -> Outcome[str]:
    """Clean a given name or a family name that has a cell of its own."""
    outcome = _clean_words(raw)
    if isinstance(outcome, Rejection) or outcome.value is None:
        return outcome
    return _finish(*_bare(outcome.value, list(outcome.issues)))


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
        closed = _closed(name)
        if len(closed) != len(name) and "spaces" not in issues:
            issues = (*issues, "spaces")
        name = closed
    return Clean(name, issues)


def _closed(name: str) -> str:
    """Chinese characters have no space between them, and one dot is the dot of transliterations."""
    return _HAN_GAP.sub("", _HAN_DOT.sub("·", name))


def _bare(name: str, issues: list[str]) -> tuple[str, list[str]]:
    """Take off what is no part of a personal name: nicknames, signs, titles, in this order, until nothing is left to take."""
    while True:
        plain = _without_nicknames(name)
        if plain != name:
            issues.append("name_nickname")
        signless = _without_signs(plain)
        if signless != plain:
            issues.append("name_signs")
        bare = _without_titles(signless)
        if bare != signless:
            issues.append("name_title")
        if bare == name:
            return name, list(dict.fromkeys(issues))
        name = bare


def _without_nicknames(name: str) -> str:
    while wrapped := _WRAPPED.fullmatch(name):
        name = next(filter(None, wrapped.groups())).strip()
    bare = _closed(" ".join(_NICKNAME.sub(" ", name).split())) if _NICKNAME.search(name) else name
    return bare if any(char.isalpha() for char in bare) else name


def _without_signs(name: str) -> str:
    """Emoji and other pictures go, signs at the edges too, and the number that systems put behind a double ("Weber2")."""
    if not name.isascii():
        name = "".join(char for char in name if unicodedata.category(char) not in {"So", "Sk", "Co"} or char in "`´^¨")
    bare = _closed(" ".join(name.split())).strip(_STRAY).strip()
    if " " in bare or has_han(bare):  # one Latin word with digits may be a user name or a brand (Forever21)
        bare = _DIGITS_BEHIND.sub("", bare)
    return bare if any(char.isalpha() for char in bare) else name


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
    name = _SUFFIX_TITLE.sub(lambda match: match[1] or "", name)
    if has_han(name):
        name = _HAN_BEFORE.sub("", name) or name
        before, gap, behind = name.partition(" ")
        if gap and _is_title(before):  # Dr. 李明
            name = behind
        while (bare := _HAN_TITLE.sub("", name)) != name:
            name = bare
        chief = _HAN_CHIEF.fullmatch(name)
        return chief[1] if chief and (len(chief[1]) == 1 or chief[1] in COMPOUND_SURNAMES) else name
    words = name.split(" ")
    while len(words) > 1 and _is_title(words[0]):
        del words[0]
    while len(words) > 2 and match_key(words[-1]) in _DEGREES:
        words.pop()
        words[-1] = words[-1].rstrip(",") or words[-1]
    return " ".join(words)


def _is_title(word: str) -> bool:
    key = match_key(word)
    return key in _TITLES or (word.endswith(".") and key in _DOTTED_TITLES)


def _given_name_first(name: str) -> str:
    """Turn "Smith, John", "Smith Jr., John", "Smith, John Jr." and "Smith, John, Jr." round; ``Jr.`` belongs behind it all."""
    if "," not in name and "，" not in name:
        return name
    parts = [part.strip() for part in re.split("[,，]", name)]
    if has_han(name):
        return "".join(parts) if len(parts) == 2 and all(_HAN_NAME.fullmatch(part) for part in parts) and len(parts[0]) <= 2 else name
    generations = [part for part in parts[1:] if match_key(part) in _GENERATIONS]
    family, *others = [part for part in parts if part not in generations]
    if len(others) > 1 or not family or not all(others):
        return name
    words = [*(_without_titles(others[0]).split(" ") if others else ()), *family.split(" ")]
    generations += [word for word in words if match_key(word) in _GENERATIONS]
    plain = [word for word in words if match_key(word) not in _GENERATIONS]
    return _without_titles(" ".join([*plain, *generations])) if plain else name


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


def split_name(name: str, written: str = "") -> tuple[str | None, str | None]:
    """Split a clean personal name into given name and family name; a part that cannot be told is ``None``.

    A Chinese name starts with its surname (one character, or a compound such as 欧阳); with a middle dot it is a transliteration, given
    name first. A Latin name ends with its family name, with the particles before it; ``Jr.`` and ``II`` belong to neither.

    Args:
        name: the clean name.
        written: the cell that it was made from. What stands before a comma there is the family name, however many words it has
            ("García Márquez, Gabriel").
    """
    if has_han(name):
        return _split_han(name)
    words = [word for word in name.replace(",", "").split(" ") if match_key(word) not in _GENERATIONS]
    if len(words) < 2:
        return None, None
    start = _family_before_comma(words, written) or _family_by_particles(words)
    return " ".join(words[:start]), " ".join(words[start:])


def _family_before_comma(words: list[str], written: str) -> int | None:
    before, comma, _ = written.partition(",")
    if not comma:
        return None
    wanted = "".join(key for word in before.split() if (key := match_key(word)) not in _GENERATIONS)
    return next((start for start in range(len(words) - 1, 0, -1) if match_key("".join(words[start:])) == wanted), None)


def _family_by_particles(words: list[str]) -> int:
    start = len(words) - 1
    if start > 2 and words[start - 1] in _BETWEEN_SURNAMES:
        start -= 2
    while start > 1 and words[start - 1].casefold() in _PARTICLES:
        start -= 1
    return start


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
