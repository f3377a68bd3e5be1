"""Sentences say their numbers, in both languages; links lead to what they speak of and hold nothing personal."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from crmsearch.contract import FIELDS
from crmsearch.search.contrast import CATEGORIES, NUMBERS, Moments, NumberContrast, ValueContrast
from crmsearch.search.families import are_related
from crmsearch.search.filters import Filter, parse_filter
from crmsearch.search.findings import build_findings, build_link, show_number, show_share, show_value
from crmsearch.search.significance import Interval
from crmsearch.search.tour.fields import FIELDS_TOURED, NUMBERS_TOURED

GROUPS = {"segment": "the segment", "everyone": "everyone"}


def _moments(n: int, mean: float) -> Moments:
    return Moments(n=n, missing=0, mean=mean, std_deviation=1.0, min=0.0, max=9.0)


REVENUE = NumberContrast(
    field="revenue",
    label="Revenue",
    groups={"segment": _moments(980, 1204.5), "everyone": _moments(9700, 804.1)},
    difference=444.9,
    interval=Interval(400.0, 490.0),
    effect_size=0.62,
    effect="medium",
    p_value=1e-9,
    q_value=1e-8,
    more_than_noise=True,
)
CHAMPIONS = ValueContrast(
    field="rfm_segment",
    value="champions",
    label="champions",
    counts={"segment": 412, "everyone": 1830},
    known={"segment": 1000, "everyone": 10_000},
    shares={"segment": 0.412, "everyone": 0.183},
    lift=0.412 / 0.183,
    difference=0.25,
    interval=Interval(0.2, 0.3),
    effect_size=0.55,
    effect="medium",
    p_value=1e-9,
    q_value=1e-8,
    more_than_noise=True,
)


def test_findings_are_sentences_with_numbers_the_largest_effect_first() -> None:
    found = build_findings([REVENUE], [CHAMPIONS], GROUPS, [Filter(segment="vip")], "en")
    assert [each.sentence for each in found] == [
        "Revenue is 1,204 on average for the segment (n = 980) and 804.1 for everyone (n = 9,700); effect size +0.62, medium.",
        "RFM segment: champions is 41.2% of the segment (412 of 1,000) and 18.3% of everyone (1,830 of 10,000), 2.3 times as much.",
    ]
    assert [(each.kind, each.field, each.value) for each in found] == [("mean", "revenue", None), ("value", "rfm_segment", "champions")]


def test_findings_are_said_in_chinese_with_chinese_names() -> None:
    found = build_findings([REVENUE], [CHAMPIONS], {"segment": "该分群", "everyone": "全部客户"}, [], "zh")
    assert [each.sentence for each in found] == [
        "消费金额在该分群中平均为 1,204（n=980），在全部客户中为 804.1（n=9,700）；效应量 +0.62（中）。",
        "RFM 分群为“冠军客户”的客户在该分群中占 41.2%（412/1,000），在全部客户中占 18.3%（1,830/10,000），该分群是全部客户的 2.3 倍。",
    ]


@pytest.mark.parametrize("changed", [{"more_than_noise": False}, {"effect_size": 0.19}, {"effect_size": -0.1}, {"effect_size": None}])
def test_noise_and_trifles_are_no_findings(changed: dict[str, object]) -> None:
    weak = msgspec.structs.replace(REVENUE, **changed), msgspec.structs.replace(CHAMPIONS, **changed)
    assert build_findings([weak[0]], [weak[1]], GROUPS, [], "en") == []


def test_a_value_that_others_lack_has_no_times() -> None:
    alone = msgspec.structs.replace(CHAMPIONS, counts={"segment": 412, "everyone": 0}, shares={"segment": 0.412, "everyone": 0.0})
    assert build_findings([], [alone], GROUPS, [], "en")[0].sentence.endswith("and 0.0% of everyone (0 of 10,000).")


def test_links_show_the_customers_the_sentence_is_about() -> None:
    found = build_findings([REVENUE], [CHAMPIONS], GROUPS, [Filter(segment="vip")], "en")
    assert [parse_qsl(urlsplit(each.link).query) for each in found] == [
        [("filter", "segment:vip"), ("filter", "revenue:*"), ("sort", "-revenue")],
        [("filter", "segment:vip"), ("filter", "rfm_segment:champions")],
    ]
    little = msgspec.structs.replace(REVENUE, effect_size=-0.5)
    assert build_findings([little], [], GROUPS, [], "en")[0].link.endswith("&sort=revenue")
    odd = Filter(field="tags", in_=["a|b & c=d#"])
    assert parse_filter(dict(parse_qsl(urlsplit(build_link([odd])).query))["filter"]) == odd


def test_no_field_that_is_spoken_of_is_personal() -> None:
    assert all(field.analytics and field.filterable for field in [*CATEGORIES, *NUMBERS])
    assert all(FIELDS[name].analytics and FIELDS[name].facet and not FIELDS[name].many for name in FIELDS_TOURED)
    assert all(FIELDS[name].statistic for name in NUMBERS_TOURED)


def test_figures_are_written_as_people_read_them() -> None:
    assert show_number(FIELDS["created_at"], 1_790_000_000_000.0) == "2026-09-21"
    assert [show_number(FIELDS["revenue"], each) for each in (1234.5, 123.45, 1.234, -0.5)] == ["1,234", "123.5", "1.23", "-0.50"]
    assert [show_share(each) for each in (None, 0.0, 0.5, 0.00012, 1.0)] == ["–", "0.0%", "50.0%", "0.012%", "100.0%"]
    assert [show_value(*each, "zh") for each in (("gender", "female"), ("cluster", "few orders 2"), ("city", "北京"))] == [
        "“女”",
        "“订单少2”",
        "“北京”",
    ]
    assert show_value("cluster", "odd, few orders", "zh") == "“odd，订单少”"


def test_fields_made_from_each_other_are_related_and_others_are_not() -> None:
    assert are_related("rfm_segment", "revenue")
    assert are_related("city", "country")
    assert are_related("churn_risk", "satisfaction")
    assert are_related("age", "age")
    assert not are_related("churn_risk", "revenue")
    assert not are_related("city", "industry")
    assert not are_related("open_ticket_count", "satisfaction")
