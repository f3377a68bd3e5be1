"""Insights, profiles and comparisons made by hand for charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crmsearch.search.campaigns import CampaignGroup, CampaignInsight, Rate
from crmsearch.search.compare import Comparison, Overlap
from crmsearch.search.contrast import CategoryContrast, Moments, NumberContrast, ValueContrast
from crmsearch.search.findings import Finding
from crmsearch.search.profile import Profile
from crmsearch.search.significance import Interval
from crmsearch.search.tickets import MeanOf, Measure, OpenTickets, ServiceGroup, ServiceInsight
from crmsearch.search.tour import Tour
from crmsearch.search.tour.changes import Moved
from crmsearch.search.tour.groups import Unusual
from crmsearch.search.tour.pairs import Associated

LONG = "Revenue is 503.4 on average where Gender is female, and 320.1 elsewhere; " * 9


def campaigns(labels: Sequence[str], by: str = "city") -> CampaignInsight:
    def group(label: str, place: int) -> CampaignGroup:
        rate = 0.1 + place / 100
        known = Rate(responses=place, rate=rate, interval=Interval(rate / 2, rate * 1.5), design_effect=1.2)
        unknown = Rate(responses=0, rate=None, interval=None, design_effect=1.0)
        return CampaignGroup(value=label, label=label, customers=9, sent=1234 + place, opened=known, clicked=unknown, converted=known)

    return CampaignInsight(
        **_whole(by), ranked_by="converted", total=group("", 3), groups=[group(label, i) for i, label in enumerate(labels)], best=[]
    )


def service(labels: Sequence[str], measure: Measure = "resolution") -> ServiceInsight:
    def group(label: str, place: int) -> ServiceGroup:
        # The interval of one customer is not known.
        interval = Interval(30.0 - place, 50.0 + place) if place else None
        mean = MeanOf(n=place + 1, mean=40.0, std_deviation=3.0, interval=interval)
        share = OpenTickets(n=place + 1, open_tickets=1, customers=1, share=0.5, interval=Interval(0.2, 0.8))
        return ServiceGroup(value=label, label=label, customers=9, tickets=20, resolution=mean, satisfaction=mean, open=share)

    return ServiceInsight(
        **_whole("owner"), ranked_by=measure, total=group("", 3), groups=[group(label, i) for i, label in enumerate(labels)], worst=[]
    )


def tour(sentences: Sequence[str], earlier: str | None = "crm-customers-1") -> Tour:
    interval, judged = Interval(-0.4, 0.1), dict[str, Any](p_value=0.001, q_value=0.01, link="/v1/customers/search")
    pairs = [
        Associated(
            fields=["city", "owner"], n=90, cramers_v=0.9 / (place + 1), values=["x", "y"], count=9, expected=3.0, lift=3.0,
            sentence=sentence, **judged,
        )
        for place, sentence in enumerate(sentences)
    ]  # fmt: skip
    unusual = [
        Unusual(
            field="city", value="x", number="age", n=9, mean=40.0, rest_n=90, rest_mean=45.0, difference=-5.0, interval=Interval(-9, -1),
            effect_size=-0.5, effect="medium", sentence=sentence, **judged,
        )
        for sentence in sentences
    ]  # fmt: skip
    moved = [
        Moved(
            field="city", value="x", direction="falling", count=9, known=90, share=0.1, earlier_count=18, earlier_known=90,
            earlier_share=0.2, difference=-0.1, interval=interval, effect_size=-0.3, sentence=sentence, **judged,
        )
        for sentence in sentences
    ]  # fmt: skip
    return Tour(
        population=3000,
        earlier=earlier,
        earlier_population=2900 if earlier else None,
        fields=["city"],
        numbers=["age"],
        values=15,
        tested={"associations": 44, "unusual": 272, "moved": 37},
        associations=pairs,
        other_associations=0,
        unusual=unusual,
        other_unusual=4,
        moved=moved if earlier else [],
        other_moved=0,
        took_ms=1,
    )


def profile(label: str, values: Sequence[str], tested: bool = True) -> Profile:
    numbers, category = _contrasts(("segment", "everyone"), values, tested)
    return Profile(
        name="vip",
        label=label,
        size=100,
        population=1000,
        share=0.1,
        numbers=numbers,
        categories=[category],
        over_represented=[],
        other_over_represented=0,
        findings=[_finding()] if tested else [],
        other_findings=0,
        by_definition=["revenue"],
        withheld=[],
        took_ms=1,
    )


def comparison(a: str, b: str, values: Sequence[str], both: int = 20, nobody: bool = False) -> Comparison:
    only_a, only_b, both = (0, 0, 0) if nobody else (30, 50, both)
    either = only_a + only_b + both
    numbers, category = _contrasts(("only_a", "only_b", "a", "b"), values, not nobody)
    return Comparison(
        a="a",
        b="b",
        labels={"a": a, "b": b, "only_a": f"“{a}” without “{b}”", "only_b": f"“{b}” without “{a}”"},
        overlap=Overlap(
            a=only_a + both, b=only_b + both, both=both, only_a=only_a, only_b=only_b, either=either, population=1000,
            jaccard=both / either if either else None,
        ),
        tested=None if nobody else ["only_a", "only_b"],
        numbers=numbers,
        categories=[category],
        findings=[],
        other_findings=0,
        by_definition=[],
        withheld=[],
        took_ms=1,
    )  # fmt: skip


def _whole(by: str) -> dict[str, Any]:
    known = by != "segment"
    return {
        "by": by, "label": by, "population": 500, "other_groups": 7, "other_count": 70 if known else None,
        "missing_count": 3 if known else None, "took_ms": 1,
        "suppressed": False,
    }  # fmt: skip


def _contrasts(groups: Sequence[str], values: Sequence[str], tested: bool) -> tuple[list[NumberContrast], CategoryContrast]:
    moments = {
        group: Moments(n=50, missing=1, mean=1.6e12 + place, std_deviation=9.0, min=1.0, max=9.0) for place, group in enumerate(groups)
    }
    judged: dict[str, Any] = (
        {"difference": -4.0, "interval": Interval(-9.0, 1.0), "effect_size": -0.4, "more_than_noise": True} if tested else {}
    )
    numbers = [NumberContrast(field=name, label=name, groups=moments, **judged) for name in ("age", "revenue", "last_order_at")]
    counts, known = dict.fromkeys(groups, 5), dict.fromkeys(groups, 50)
    found = [
        ValueContrast(
            field="city", value=value, label=value, counts=counts, known=known, shares=dict.fromkeys(groups, 0.1), lift=1.0, **judged
        )
        for value in values
    ]
    nothing = dict.fromkeys(groups, 0)
    return numbers, CategoryContrast(
        field="city", label="City", known=known, missing=nothing, values=found, other_count=nothing, distinct=9
    )


def _finding() -> Finding:
    return Finding(
        kind="mean", field="age", value=None, effect_size=-0.4, effect="small", q_value=0.01, sentence="Age is lower.", link="/v1"
    )
