"""Pictures of statistics: every kind, for every answer there may be; safe in a page, the same each time, and readable without seeing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmsearch.charts import (
    draw_campaigns,
    draw_comparison,
    draw_correlation,
    draw_crosstab,
    draw_profile,
    draw_service,
    draw_stats,
    draw_tour,
    prepare_stats,
)
from crmsearch.charts.statistics import _visible, mean_interval
from crmsearch.charts.words import _WORDS, number, value_text
from crmsearch.errors import InvalidRequestError, UnknownFieldError
from crmsearch.search.stats import CategoryStats, CategoryValue, HistogramBin, HistogramRequest, StatsRequest
from tests.unit.charts.figures import HOSTILE, category, correlation, crosstab, numeric, response
from tests.unit.charts.insight_figures import LONG, campaigns, comparison, profile, service, tour

SVG = "{http://www.w3.org/2000/svg}"
DAY = 86_400_000
BINS = [(float(low), float(low + 10), 5 * low + 1) for low in range(0, 90, 10) if low != 40]
DATES = [(1.6e12 + place * DAY * 30, 1.6e12 + (place + 1) * DAY * 30, place % 7) for place in range(36)]
RANGES: dict[str, Any] = {"field": "revenue", "ranges": [{"lt": 10}, {"gte": 10}]}


def _request(**given: Any) -> StatsRequest:
    return msgspec.convert({"fields": ["age"], **given}, StatsRequest)


def _pictures() -> Iterator[tuple[str, str]]:
    """Every kind of chart with usual and unusual figures, by name."""
    labels = {label: numeric(50 + place, 30.0 + place) for place, label in enumerate(HOSTILE)}
    two = {label: {"f": numeric(9, 33.0), "男": numeric(1, 36.0)} for label in HOSTILE}
    answers: dict[str, tuple[dict[str, Any], Any]] = {
        "whole": ({}, response("age", numeric(bins=BINS))),
        "approximate": ({}, response("age", numeric(bins=BINS, exact=False))),
        "one value": ({}, response("age", numeric(1, bins=[(40.0, 41.0, 1)]))),
        "nobody": ({}, response("age", numeric(0, bins=[]))),
        "negative": ({}, response("age", numeric(5, -40.0, bins=[(-50.0, -40.0, 5)]))),
        "groups": ({"by": "city"}, response("age", numeric(), labels)),
        "group of nobody": ({"by": "city"}, response("age", numeric(), {"a": numeric(0), "b": numeric(1, 3.0)})),
        "no group": ({"by": "city"}, response("age", numeric(), {})),
        "many groups": ({"by": "city"}, response("age", numeric(), {f"city {place}": numeric(9, float(place)) for place in range(200)})),
        "ranges": ({"by": RANGES}, response("age", numeric(), {"< 10": numeric(5, -3.0), "≥ 10": numeric(6, 4.0)})),
        "two": ({"by": ["city", "gender"]}, response("age", numeric(), two)),
        "equal": ({"by": ["city", "gender"]}, response("age", numeric(), {"a": {"f": numeric(), "m": numeric()}})),
        "dates": ({"fields": ["created_at"]}, response("created_at", numeric(80, 1.65e12, DATES))),
        "date groups": ({"fields": ["created_at"], "by": "city"}, response("created_at", numeric(80, 1.65e12), {"a": numeric(9, 1.6e12)})),
        "values": ({"fields": ["city"]}, response("city", category(dict.fromkeys(HOSTILE, 9), 5))),
        "values of groups": (
            {"fields": ["gender"], "by": "city"},
            response("gender", category({"f": 50, "m": 3}), {label: category({"f": 3}, 2) for label in HOSTILE}),
        ),
        "one value of groups": (
            {"fields": ["city"], "by": "gender"},
            response("city", category({"Bern": 5}), {"female": category({"Bern": 3}), "male": category({"Bern": 2})}),
        ),
        "withheld": ({}, msgspec.structs.replace(response("age", numeric()), fields={}, withheld=["age"])),
    }
    for name, (asked, answer) in answers.items():
        for kind in (None, "histogram", "bars", "box", "line", "heatmap"):
            try:
                request = prepare_stats(_request(**asked), kind)
            except InvalidRequestError:
                continue
            yield f"{name}, {kind}", draw_stats(request, answer, kind, "zh" if kind is None else "en")
    for kind in ("heatmap", "bars"):
        yield f"table, {kind}", draw_crosstab(crosstab(["", *HOSTILE], ["f", "m", ""]), kind)
        yield f"wide table, {kind}", draw_crosstab(crosstab(["a"], [f"a long column {place}" for place in range(20)]), kind, "zh")
        yield f"correlation, {kind}", draw_correlation(correlation(), kind)
    yield "empty table", draw_crosstab(msgspec.structs.replace(crosstab([], []), n=0, chi_square=None))
    yield from _insight_pictures()


def _insight_pictures() -> Iterator[tuple[str, str]]:
    for kind in (None, "points"):
        yield f"campaigns, {kind}", draw_campaigns(campaigns(HOSTILE), kind)
        yield f"service, {kind}", draw_service(service(HOSTILE), kind, "zh")
        yield f"open tickets, {kind}", draw_service(service(HOSTILE, "open"), kind)
        yield f"profile, {kind}", draw_profile(profile(HOSTILE[0], [*HOSTILE, *map(str, range(20))]), kind)
        yield f"comparison, {kind}", draw_comparison(comparison(HOSTILE[4], HOSTILE[6], HOSTILE), kind, "zh")
    yield "campaigns of nobody", draw_campaigns(campaigns([]))
    yield "tour", draw_tour(tour([*HOSTILE, LONG]))
    yield "tour of one generation", draw_tour(tour(["北京的客户更多。" * 20], earlier=None), None, "zh")
    yield "tour of nothing", draw_tour(tour([]))
    yield "profile of few", draw_profile(profile("VIP", ["x"], tested=False))
    yield "comparison of nobody", draw_comparison(comparison("a", "b", [], nobody=True))


PICTURES = dict(_pictures())


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_self_contained_and_says_what_it_shows(name: str) -> None:
    picture = PICTURES[name]
    root = ET.fromstring(picture)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert float(root.get("width", 0)) == 720
    first, second = root[0], root[1]
    assert (first.tag, second.tag) == (f"{SVG}title", f"{SVG}desc")
    assert first.text
    assert second.text
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {
        "svg",
        "title",
        "desc",
        "g",
        "path",
        "line",
        "rect",
        "circle",
        "text",
        "tspan",
        "defs",
        "clipPath",
        "polyline",
        "polygon",
    }
    attributes = {attribute for element in root.iter() for attribute in element.attrib}
    assert not {attribute for attribute in attributes if attribute in {"style", "class", "href"} or attribute.startswith("on")}
    assert "http" not in re.sub(r'"http://www.w3.org/2000/svg"', "", picture)
    assert set(re.findall(r"url\(([^)]*)\)", picture)) <= {f"#{element.get('id')}" for element in root.iter()}
    assert len(picture) < 200_000


def test_labels_are_shown_as_they_are() -> None:
    request = _request(by="city")
    picture = draw_stats(request, response("age", numeric(), {label: numeric() for label in HOSTILE}), "bars")
    texts = ["".join(element.itertext()) for element in ET.fromstring(picture).iter(f"{SVG}text")]
    shown = " ".join(texts)
    for label in HOSTILE[:5]:
        assert label[:20] in shown, texts
    assert "<script" not in picture
    assert "\u2060" not in picture
    assert f"{'a' * 25}… (n = 100)" in texts


def test_values_of_known_vocabularies_are_called_by_their_words() -> None:
    request = _request(fields=["gender"], by="lifecycle")
    answer = response("gender", category({"female": 5, "旅": 3}), {"churned": category({"female": 2, "旅": 1})})
    chinese, english = draw_stats(request, answer, "bars", "zh"), draw_stats(request, answer, "bars")
    assert all(word in chinese for word in ("女", "旅", "已流失 (n = 3)"))
    assert "女" not in english
    assert "churned (n = 3)" in english
    table = msgspec.structs.replace(crosstab(["x", ""], ["female"]), row_field="city")
    assert "女" in draw_crosstab(table, "heatmap", "zh")


@given(label=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_label_makes_a_picture(label: str) -> None:
    request = _request(by="city")
    picture = draw_stats(request, response("age", numeric(), {label: numeric()}), "bars")
    root = ET.fromstring(picture)
    printable = "".join(character if character.isprintable() else " " for character in label)[:20].strip()
    assert printable.split(" ")[0][:8] in "".join(root.itertext()).replace("\u2060", "")


def test_the_same_figures_make_the_same_bytes_in_any_process() -> None:
    """Ids of the drawing library are random, and sets of Python have another order in each process."""
    script = "from tests.unit.charts.test_charts import PICTURES; print(*PICTURES.values())"
    expected = " ".join(PICTURES.values())
    command, environment = [sys.executable, "-c", script], {"PYTHONHASHSEED": "1", "PATH": ""}
    made = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert made.stdout == expected + "\n", "nothing else is printed, either"


def test_pictures_in_one_page_have_different_ids() -> None:
    ids = [set(re.findall(r'id="([^"]+)"', PICTURES[name])) for name in ("whole, None", "groups, None", "two, None")]
    assert all(ids)
    assert not set.intersection(*ids)


@pytest.mark.parametrize(
    ("given", "kind", "reason"),
    [
        ({}, "bars", "these fit: histogram, box, line"),
        ({}, "pie", "these fit: histogram, box, line"),
        ({"by": "city"}, "histogram", "these fit: bars, box, line"),
        ({"by": ["city", "gender"]}, "box", "these fit: heatmap, bars"),
        ({"fields": ["city"]}, "histogram", "these fit: bars"),
        ({"fields": ["age", "city"]}, "histogram", "city has no such chart here"),
        ({"fields": ["kind"], "by": ["city", "gender"]}, None, "ask for a cross-tabulation"),
    ],
)
def test_a_kind_that_does_not_fit_is_refused_with_those_that_do(given: dict[str, Any], kind: str | None, reason: str) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        prepare_stats(_request(**given), kind)
    with pytest.raises(InvalidRequestError, match="these fit: heatmap, bars"):
        draw_correlation(correlation(), "box")


def test_what_a_chart_needs_is_asked_for() -> None:
    assert prepare_stats(_request(), None).histogram == HistogramRequest(bins=200)
    assert prepare_stats(_request(histogram={"interval": 5}), None).histogram == HistogramRequest(interval=5)
    assert prepare_stats(_request(), "box").histogram is None
    assert set(prepare_stats(_request(percentiles=[1]), "box").percentiles) == {1, 5, 25, 50, 75, 95}
    assert prepare_stats(_request(by="city"), None) == _request(by="city")
    with pytest.raises(UnknownFieldError):
        prepare_stats(_request(fields=["nothing"]), None)


def _of_groups(name: str, whole: Any, groups: dict[str, Any], kind: str) -> tuple[str, str]:
    """The picture of a category by city, and what is told of its groups."""
    request = prepare_stats(_request(fields=[name], by="city"), kind)
    picture = draw_stats(request, response(name, whole, groups), kind)
    return picture, ET.fromstring(picture)[1].text or ""


def test_shares_of_a_list_are_no_parts_of_a_whole() -> None:
    tags = CategoryStats(
        n=10,
        missing=0,
        distinct=2,
        distinct_error_bound=0,
        values=[CategoryValue(value=name, label=name, count=count, share=count / 10) for name, count in (("vip", 8), ("new", 6))],
        other_count=0,
        error_bound=0,
    )
    picture, told = _of_groups("tags", tags, {"Bern": tags}, "bars")
    assert "vip 80%, new 60%" in told
    assert "other values" not in picture
    assert "a customer may have several values" in picture
    stacked, _ = _of_groups("gender", tags, {"Bern": tags}, "bars")
    assert "other values" in stacked


@pytest.mark.parametrize(("name", "kind"), [("company", "heatmap"), ("company", "bars"), ("tags", "heatmap"), ("tags", "bars")])
def test_a_value_that_is_not_listed_of_a_group_is_not_said_to_be_missing(name: str, kind: str) -> None:
    whole = category({"a": 50, "b": 30}, 20)
    picture, told = _of_groups(name, whole, {"Bern": category({"a": 900, "c": 51}, 49), "Basel": category({"a": 5, "c": 2})}, kind)
    assert "a 90%, b ≤ 5.1%" in told
    assert "b 0%" in told  # all values of Basel are listed
    assert "–" not in told
    reason = "among its other values" if (name, kind) == ("company", "bars") else "not among the most frequent values"
    assert reason in picture


def test_a_line_through_bars_leaves_their_figures_to_be_read() -> None:
    for picture in (
        draw_stats(_request(by="city"), response("age", numeric(), {"a": numeric(50, 39.0), "b": numeric(50, 20.0)})),
        draw_campaigns(campaigns(["a", "b"]), "points"),
    ):
        elements = list(ET.fromstring(picture).iter())
        (line,) = [place for place, each in enumerate(elements) if each.get("stroke-dasharray")]
        behind = elements[line:]
        papers = [place for place, each in enumerate(behind) if each.get("fill") == "rgb(255,255,255)"]
        assert len(papers) == 2
        for place in papers:  # and the figure follows on its paper
            assert next(each.tag for each in behind[place + 1 :] if each.tag != f"{SVG}g") == f"{SVG}text"


def test_a_long_tail_is_left_out_and_told() -> None:
    bins = [HistogramBin(float(place), float(place + 1), 1000) for place in range(50)]
    tail = [HistogramBin(float(place), float(place + 1), 1) for place in range(150, 200)]
    drawn, beyond = _visible([*bins, *tail], whole_width=False)
    assert len(drawn) <= 40
    assert beyond == 50
    assert sum(each.count for each in drawn) == 50_000
    assert all(each.high - each.low == 2 for each in drawn)
    level = [HistogramBin(float(place), float(place + 1), 10) for place in range(100)]
    drawn, beyond = _visible(level, whole_width=False)
    assert (beyond, sum(each.count for each in drawn)) == (0, 1000)


def test_the_interval_of_a_mean_is_students() -> None:
    """Of 10 values with a standard deviation of 12: 2.262 times 12 / sqrt(10), as tables of the t distribution have it."""
    interval = mean_interval(numeric(10, 40.0))
    assert interval is not None
    assert interval[1] - 40.0 == pytest.approx(2.262157 * 12 / 10**0.5, rel=1e-6)
    assert mean_interval(numeric(1)) is None


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3"), (1234567.0, "1,234,567"), (0.123456, "0.1235"), (1234.56, "1,235"), (1e17, "100,000,000,000,000,000")]
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_dates_are_written_as_dates() -> None:
    assert value_text("created_at", 1.7e12) == "2023-11-14"
    assert value_text("created_at", -1.0) == "1969-12-31"
    assert value_text("age", 3.0) == "3"


def test_both_languages_have_the_same_places_for_figures() -> None:
    for word, (english, chinese) in _WORDS.items():
        assert re.findall(r"{\d}", english) == re.findall(r"{\d}", chinese), word
