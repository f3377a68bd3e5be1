import pytest

from crmsearch.cleaning.names import COMPOUND_SURNAMES, join_name, looks_like_company, split_name


@pytest.mark.parametrize(
    ("name", "given", "family"),
    [
        ("John Smith", "John", "Smith"),
        ("Juan Carlos de la Cruz", "Juan Carlos", "de la Cruz"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Van Morrison", "Van", "Morrison"),
        ("William Patrick Jr.", "William", "Patrick"),
        ("Malik Hester II", "Malik", "Hester"),
        ("Madonna", None, None),
        ("王小明", "小明", "王"),
        ("王", None, "王"),
        ("欧阳娜娜", "娜娜", "欧阳"),
        ("司马光", "光", "司马"),
        ("尉迟恭", "恭", "尉迟"),
        ("歐陽修", "修", "歐陽"),
        ("阿卜杜拉·买买提", "阿卜杜拉", "买买提"),
        ("古丽娜尔江", None, None),
        ("王小明 David", None, None),
        ("José Ortega y Gasset", "José", "Ortega y Gasset"),
        ("Vincent van 't Hoff", "Vincent", "van 't Hoff"),
        ("Marie-Claire Dubois-Lefèvre", "Marie-Claire", "Dubois-Lefèvre"),
    ],
)
def test_split_name(name: str, given: str | None, family: str | None) -> None:
    assert split_name(name) == (given, family)


@pytest.mark.parametrize(
    ("written", "name", "given", "family"),
    [
        ("García Márquez, Gabriel", "Gabriel García Márquez", "Gabriel", "García Márquez"),
        ("van der Berg, Anna Maria", "Anna Maria van der Berg", "Anna Maria", "van der Berg"),
        ("Smith Jr., John", "John Smith Jr.", "John", "Smith"),
        ("John Smith, Jr.", "John Smith Jr.", "John", "Smith"),
        ("Gabriel García Márquez", "Gabriel García Márquez", "Gabriel García", "Márquez"),
    ],
)
def test_a_comma_says_how_long_the_family_name_is(written: str, name: str, given: str, family: str) -> None:
    assert split_name(name, written) == (given, family)


@pytest.mark.parametrize(
    ("given", "family", "name"),
    [("小明", "王", "王小明"), ("Anna", "Weber", "Anna Weber"), (None, "Weber", "Weber"), ("Anna", None, "Anna"), (None, None, None)],
)
def test_join_name(given: str | None, family: str | None, name: str | None) -> None:
    assert join_name(given, family) == name


@pytest.mark.parametrize(
    "name",
    [
        "Nordlicht GmbH",
        "Acme Inc.",
        "Smith & Sons",
        "Miller Ltd",
        "Siemens AG",
        "Pérez y Cía S.A.",
        "华为技术有限公司",
        "海尔集团",
        "中国银行",
        "阳光幼儿大学",
    ],
)
def test_companies(name: str) -> None:
    assert looks_like_company(name)


@pytest.mark.parametrize("name", ["Ag Smith", "Vincent Price", "Sa Ra Kim", "Inci Kaya", "王小厂", "李银行", "Limi Tedd"])
def test_persons(name: str) -> None:
    assert not looks_like_company(name)


def test_compound_surnames_are_two_characters() -> None:
    assert all(len(surname) == 2 for surname in COMPOUND_SURNAMES)
