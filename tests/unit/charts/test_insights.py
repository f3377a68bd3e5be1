"""Pictures of insights and segments: what is drawn, what is said of it, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from crmsearch.charts import draw_campaigns, draw_comparison, draw_profile, draw_service, draw_tour
from crmsearch.charts.segments import effect_bar
from crmsearch.errors import InvalidRequestError
from crmsearch.search.significance import Interval
from tests.unit.charts.insight_figures import LONG, campaigns, comparison, profile, service, tour

SVG = "{http://www.w3.org/2000/svg}"


def _texts(picture: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(picture).iter(f"{SVG}text")]


def _said(picture: str) -> str:
    found = ET.fromstring(picture).find(f"{SVG}desc")
    assert found is not None
    return found.text or ""


@pytest.mark.parametrize(
    ("draw", "answer", "kinds"),
    [
        (draw_tour, tour(["x"]), "bars"),
        (draw_campaigns, campaigns(["x"]), "bars, points"),
        (draw_service, service(["x"]), "bars, points"),
        (draw_profile, profile("VIP", ["x"]), "bars, points"),
        (draw_comparison, comparison("a", "b", ["x"]), "bars, points"),
    ],
)
def test_a_kind_that_does_not_fit_is_refused_with_those_that_do(draw: Callable[..., str], answer: Any, kinds: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"there is no such chart here; these fit: {kinds}$"):
        draw(answer, "pie")
    assert draw(answer, kinds.rpartition(" ")[2])


def test_groups_stand_in_the_order_of_the_answer_with_their_figures() -> None:
    picture = draw_campaigns(campaigns(["Bern", "Basel", "Chur"]))
    texts = _texts(picture)
    assert [text for text in texts if "(n = " in text] == ["Bern (n = 1,234)", "Basel (n = 1,235)", "Chur (n = 1,236)"]
    assert [text for text in texts if re.fullmatch(r"1[0-2]\.0%", text)] == ["10.0%", "11.0%", "12.0%"]
    assert "dashed: everyone, 13.0% · n: campaigns sent · 70 in groups not shown · 3 in no group" in texts
    assert _said(picture).startswith("dashed: everyone, 13.0%; Bern 10.0% (5.0% – 15.0%), n 1,234; Basel")


def test_groups_without_a_figure_are_counted_and_not_drawn() -> None:
    answer = campaigns(["Bern", "Basel"])
    blank = msgspec.structs.replace(answer.groups[0], converted=answer.groups[0].clicked)
    texts = _texts(draw_campaigns(msgspec.structs.replace(answer, groups=[blank, answer.groups[1]])))
    assert [text for text in texts if "(n = " in text] == ["Basel (n = 1,235)"]
    assert any("1 groups have no figure" in text for text in texts)


def test_a_figure_without_an_interval_has_none_in_the_picture() -> None:
    """Of one customer a mean has no interval; of two there is one, which is a line with two ends."""
    one, two = draw_service(service(["A"])), draw_service(service(["A", "B"]))
    assert two.count("<line") - one.count("<line") >= 3
    assert "A 40, n 1;" in _said(two)
    assert "B 40 (29 – 51), n 2" in _said(two)


def test_segments_overlap_so_that_no_customers_are_counted_beside() -> None:
    texts = _texts(draw_campaigns(campaigns(["VIP"], by="segment")))
    assert any("7 groups are not shown" in text and "in no group" not in text for text in texts)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_empty_answer_says_so(language: Any) -> None:
    english = language == "en"
    nothing = draw_service(service([]), None, language)
    assert ("no customer here belongs to a group" if english else "此处没有属于任何分组的客户") in _texts(nothing)
    alone = _texts(draw_tour(tour([], earlier=None), None, language))
    assert alone.count("nothing here is more than noise" if english else "没有超出偶然的发现") == 2
    assert ("there is no earlier generation to compare with" if english else "没有可供比较的上一代") in alone
    few = _texts(draw_profile(profile("VIP", ["x"], tested=False), None, language))
    assert few.count("too few customers to tell a difference" if english else "客户太少, 无法判断差异") == 2
    nobody = _texts(draw_comparison(comparison("a", "b", [], nobody=True), None, language))
    assert ("nobody is in either" if english else "两者皆无客户") in nobody


def test_findings_stand_under_their_sentences_and_are_told_in_full() -> None:
    picture = draw_tour(tour(["Berliners buy more.", LONG]))
    texts = _texts(picture)
    assert texts.count("Berliners buy more.") == 3
    assert sum(text.endswith("…") for text in texts) == 3, "the long one is shortened where it stands"
    assert _said(picture).count(LONG.strip()) == 3, "and whole in the description"
    assert "272 were looked at · and 4 more" in texts
    assert texts.count("-0.50") == 2
    assert texts.count("-10.0%") == 2


def test_what_a_segment_is_defined_by_is_not_drawn() -> None:
    texts = _texts(draw_profile(profile("VIP", ["Bern"])))
    assert "Age" in texts
    assert "City: Bern" in texts
    assert "Revenue" not in texts
    assert "left out, since it is so by definition: Revenue" in texts
    assert any(text.startswith("-0.40 (2020-09-13 / ") for text in texts), "dates are written as dates"


def test_the_largest_effects_are_drawn_and_the_others_counted() -> None:
    picture = draw_profile(profile("VIP", [f"city {place}" for place in range(20)]))
    texts = _texts(picture)
    assert sum(text.startswith("City: ") for text in texts) == 15
    assert "and 5 more" in texts
    assert "Age is lower." in _said(picture)


def test_a_comparison_shows_the_parts_and_what_was_tested() -> None:
    texts = _texts(draw_comparison(comparison("VIP", "Berlin", ["x"])))
    assert {"only VIP", "in both", "only Berlin", "20 (20.0%)", "Jaccard index 0.20"} <= set(texts)
    assert "“Berlin” without “VIP”" in " ".join(texts)


def test_an_interval_in_standard_deviations_keeps_its_ends_in_order() -> None:
    bar = effect_bar(0, -0.5, -5.0, Interval(-9.0, 1.0))
    assert (bar.value, bar.low, bar.high, bar.text) == (-0.5, -0.9, 0.1, "-0.50")
    assert effect_bar(0, 0.0, 0.0, Interval(-1.0, 1.0)).low is None
