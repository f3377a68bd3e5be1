import pytest

from crmsearch.cleaning.chinese import pinyin_forms, pinyin_words, to_simplified


def test_every_mix_of_full_and_initial_syllables() -> None:
    assert set(pinyin_forms("王小明")) == {
        *("wangxiaoming", "wangxiaom", "wangxming", "wangxm", "wxiaoming", "wxiaom", "wxming", "wxm"),
        "xiaomingwang",
    }


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("单田芳", {"shantianfang", "stf"}),
        ("曾国藩", {"zengguofan", "zgf"}),
        ("区楚良", {"ouchuliang"}),
        ("仇英", {"qiuying"}),
        ("解缙", {"xiejin"}),
        ("查良镛", {"zhaliangyong", "zlyong"}),
        ("尉迟恭", {"yuchigong", "ycg", "gongyuchi"}),
        ("朴树", {"piaoshu", "pushu"}),
        ("乐毅", {"yueyi", "leyi"}),
        ("翟天临", {"zhaitianlin", "ditianlin"}),
        ("覃海燕", {"qinhaiyan", "tanhaiyan"}),
        ("盖伦", {"gelun", "gailun"}),
        ("吕布", {"lvbu", "lyubu", "lubu", "lb"}),
        ("欧阳娜娜", {"ouyangnana", "oynn", "ouyangnn", "nanaouyang"}),
        ("葉問", {"yewen", "yw", "wenye"}),
        ("歐陽修", {"ouyangxiu", "oyx"}),
        ("王", {"wang", "w"}),
    ],
)
def test_surname_readings(name: str, forms: set[str]) -> None:
    assert forms <= set(pinyin_forms(name))


def test_long_names_have_the_full_form_and_the_initials() -> None:
    assert pinyin_forms("深圳星河科技") == ["shenzhenxinghekeji", "szxhkj"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("王小明", ["wang xiao ming xiaoming"]),
        ("歐陽娜娜", ["ouyang ou yang na nana"]),
        ("吕布", ["lv bu", "lyu bu", "lu bu"]),
        ("王", ["wang"]),
    ],
)
def test_a_name_as_words_has_a_line_for_each_reading_of_the_surname(name: str, words: list[str]) -> None:
    assert pinyin_words(name) == words


def test_names_without_chinese_characters_have_no_pinyin() -> None:
    assert pinyin_forms("John Smith") == []
    assert pinyin_words("John Smith") == []
    assert pinyin_forms("") == []


def test_to_simplified() -> None:
    assert to_simplified("葉問") == "叶问"
    assert to_simplified("John Smith") == "John Smith"
