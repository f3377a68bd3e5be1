"""The rule for genders."""

from functools import lru_cache

from crmsearch.cleaning.text import is_formula, match_key, open_cell, tidy
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_gender"]

MAX_CELL = 60  # characters; no word for a gender is longer

# Words by gender, as match keys. The digits are ISO/IEC 5218, which GB/T 2261 and Dynamics 365 share.
_WORDS = {
    "female": "f female fem woman women girl lady w weiblich frau dame femme feminin fille feminino feminina femenino femenina mujer "
    "senora femmina donna femminile mulher senhora vrouw vrouwelijk kvinna kvinde kvinne kobieta zena женский женщина жен kadin kadın nu "
    "여 여자 여성 女 女性 女士 女生 女人 女子 女孩 小姐 太太 mrs ms miss mme 2",
    "male": "m male masc man men boy gentleman mann mannlich herr homme h masculin garcon masculino hombre varon senor maschio uomo "
    "maschile homem senhor mannelijk meneer mezczyzna muz мужской мужчина муж erkek nam "
    "남 남자 남성 男 男性 先生 男生 男人 男士 男子 男孩 mr 1",
    "other": "o other x d divers diverse nonbinary nb enby transgender genderqueer intersex autre otro outro andere altro 其他 其它 非二元 "
    "その他 기타",
    "unknown": "u unknown undisclosed unspecified notstated notspecified prefernottosay decline declined private undefined 0 9 未知 保密 "
    "不详 未说明 不明 秘密",
}
_GENDER = {match_key(word): gender for gender, words in _WORDS.items() for word in words.split()}

# Codes that systems write; any other spelling was typed by somebody and counts as a variant.
_PLAIN = frozenset({*_WORDS, *(word.title() for word in _WORDS), "F", "M", "X", "U", "女", "男", "0", "1", "2", "9"})


@lru_cache(maxsize=4_096)
def clean_gender(raw: str) -> Outcome[str]:
    """Clean a gender to one of the contract's words, from codes and words of a dozen languages."""
    tidied = tidy(raw, compatible=True)
    text = tidied.value
    gender = _GENDER.get(match_key(text)) if text is not None and not is_formula(text) else None
    if gender is not None:  # before the test for placeholders, since "unknown" and 保密 are answers here
        return Clean(gender, tidied.issues if text in _PLAIN else (*tidied.issues, "gender_variant"))
    outcome = open_cell(raw, limit=MAX_CELL, too_long="gender_unreadable")
    return Rejection("gender_unreadable") if isinstance(outcome, Clean) and outcome.value is not None else outcome
