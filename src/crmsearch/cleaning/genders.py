"""The rule for genders."""

from functools import lru_cache

from crmsearch.cleaning.text import is_formula, is_nothing, match_key, tidy
from crmsearch.cleaning.values import Clean, Outcome, Rejection

__all__ = ["clean_gender"]

# Words by gender, as match keys. The digits are ISO/IEC 5218, which GB/T 2261 and Dynamics 365 share.
_WORDS = {
    "female": "f female fem woman women girl lady w weiblich frau femme feminin femenino mujer mrs ms miss "
    "女 女性 女士 女生 女人 小姐 太太 2",
    "male": "m male man men boy gentleman mann mannlich herr homme masculin masculino hombre mr 男 男性 先生 男生 男人 男士 1",
    "other": "o other x d divers diverse nonbinary nb enby transgender genderqueer intersex 其他 其它 非二元",
    "unknown": "u unknown undisclosed unspecified notstated prefernottosay undefined 0 9 未知 保密 不详 未说明",
}
_GENDER = {word: gender for gender, words in _WORDS.items() for word in words.split()}

# Codes that systems write; any other spelling was typed by somebody and counts as a variant.
_PLAIN = frozenset({*_WORDS, *(word.title() for word in _WORDS), "F", "M", "X", "U", "女", "男", "0", "1", "2", "9"})


@lru_cache(maxsize=4_096)
def clean_gender(raw: str) -> Outcome[str]:
    """Clean a gender to one of the contract's words, from codes and words in English, Chinese, German, French or Spanish."""
    tidied = tidy(raw, compatible=True)
    text = tidied.value
    if text is None:
        return tidied
    gender = _GENDER.get(match_key(text))
    if gender is not None:
        return Clean(gender, tidied.issues if text in _PLAIN else (*tidied.issues, "gender_variant"))
    if is_nothing(text):
        return Clean(None, (*tidied.issues, "placeholder"))
    return Rejection("formula_cell" if is_formula(text) else "gender_unreadable")
