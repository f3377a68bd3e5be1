"""Customers who behave alike and have a like profile: look-alikes, not duplicates. Pure.

Nothing that names a person is compared, so two records of one person and two strangers count the same. Each trait of ``TRAITS`` gives
points for likeness, all of them for an equal value or a near number and a part for one further off; what the customer looked at does not
have is not compared. The score is the share of the points there were to get.
"""

from typing import Any

import msgspec

from crmsearch.contract import FIELDS, Customer
from crmsearch.errors import InvalidRequestError
from crmsearch.privacy.policy import WHOLE, Sight

__all__ = ["TRAITS", "LookAlike", "Part", "SimilarResponse", "Trait", "build_similar_body", "check_similar", "parse_similar"]

MAX_SIMILAR = 50  # look-alikes in one answer; beyond, they are alike in little that tells
LEAST_ALIKE = 0.3  # of the points; below, two customers share about what any two of one country do
Body = dict[str, Any]


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """How near two numbers are: within ``amount`` of the field's unit, or within ``share`` of the customer's own value if that is more."""

    amount: float = 0
    share: float = 0
    worth: float  # part of the trait's points

    def reach(self, value: float) -> float:
        return max(self.amount, self.share * abs(value))

    def words(self, value: float) -> str:
        return f"{self.share:.0%}" if self.share * abs(value) > self.amount else f"{self.amount:g}"


class Trait(msgspec.Struct, frozen=True):
    """One row: what is compared, the points it gives, why so many, and for numbers how near is near, the nearest first."""

    field: str
    points: float
    reason: str
    near: tuple[Near, ...] = ()


# Behaviour gives nearly two thirds of the points, profile the rest.
TRAITS: tuple[Trait, ...] = (
    Trait("cluster", 5, "the miner's own answer to who behaves alike, over all figures at once"),
    Trait("rfm_segment", 4, "how recently, often and dearly they buy, in a word that the business uses"),
    Trait("top_category", 3, "what they buy; the one trait of taste"),
    # A fifth of the money is a difference that a month makes, a half still is the same kind of customer.
    Trait("revenue", 3, "customers are valued by it", (Near(share=0.2, worth=1), Near(share=0.5, worth=0.5))),
    # One order more or less is nothing, whatever share of the orders it is.
    Trait("order_count", 2, "how often; partly in the segment", (Near(amount=1, share=0.2, worth=1), Near(amount=2, share=0.5, worth=0.5))),
    Trait("average_order_value", 1.5, "tells one dear order from many small ones", (Near(share=0.2, worth=1), Near(share=0.5, worth=0.5))),
    Trait("churn_risk", 2, "who is about to leave wants the same care", (Near(amount=0.1, worth=1), Near(amount=0.2, worth=0.5))),
    Trait("ticket_count", 1, "how much help they need", (Near(amount=1, share=0.3, worth=1),)),
    Trait("satisfaction", 1, "known of few, and by few answers", (Near(amount=0.5, worth=1),)),
    Trait("lifecycle", 2, "a lead and a customer are treated differently"),
    Trait("industry", 2, "what companies of one trade need is alike"),
    Trait("job_title", 2, "what people of one job decide is alike"),
    Trait("tags", 2, "what colleagues found worth a word; shared among the tags"),
    # A generation is some fifteen years; five either way are the same stage of life, ten still the same generation.
    Trait("age", 2, "the stage of life", (Near(amount=5, worth=1), Near(amount=10, worth=0.5))),
    Trait("city", 1.5, "the same shops and prices"),
    Trait("country", 1, "the same market; weak, since most customers share it"),
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one trait adds: ``points`` of the ``of`` there were, and why in words."""

    field: str
    points: float
    of: float
    reason: str


class LookAlike(msgspec.Struct, frozen=True, kw_only=True):
    """One customer who is like another; ``score`` from 0 to 1, made of the ``parts``, the weightiest first."""

    id: str
    score: float
    customer: Customer
    reasons: list[str]
    parts: list[Part]


class SimilarResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Look-alikes of a customer, likest first; ``compared`` are the fields that the customer has, without which nothing can be said."""

    customer_id: str
    compared: list[str]
    similar: list[LookAlike]
    took_ms: int


def check_similar(size: int) -> None:
    """Raise the reason why so many look-alikes cannot be had."""
    if not 1 <= size <= MAX_SIMILAR:
        raise InvalidRequestError(f"size is {size}; from 1 to {MAX_SIMILAR} look-alikes can be asked for")


def build_similar_body(customer: Customer, size: int) -> Body:
    """The ``_search`` body for those who are most like a customer. Every clause is named ``field|level``, for the parts of the score."""
    traits = _compared(customer)
    query: Body = {"bool": {"must_not": [{"ids": {"values": [customer.customer_id]}}], "should": [], "minimum_should_match": 1}}
    for trait in traits:
        query["bool"]["should"] += _clauses(trait, getattr(customer, trait.field))
    if customer.kind is not None:  # a company is not like a person, whatever its figures
        query["bool"]["filter"] = [{"term": {"kind": customer.kind}}]
    return {
        "query": query,
        "size": size if traits else 0,
        "min_score": LEAST_ALIKE * sum(trait.points for trait in traits),
        "track_total_hits": False,
        # By the score alone, which lets Elasticsearch pass over whoever cannot come near; a second key would have all of them scored.
    }


def parse_similar(customer: Customer, answer: Body, sight: Sight = WHOLE) -> SimilarResponse:
    """The answer to ``build_similar_body(customer, …)``."""
    traits = _compared(customer)
    return SimilarResponse(
        customer_id=customer.customer_id,
        compared=[trait.field for trait in traits],
        similar=[_parse_hit(customer, traits, hit, sight) for hit in answer["hits"]["hits"]],
        took_ms=answer["took"],
    )


def _compared(customer: Customer) -> list[Trait]:
    return [trait for trait in TRAITS if getattr(customer, trait.field) not in (None, [])]


def _clauses(trait: Trait, value: Any) -> list[Body]:
    path = FIELDS[trait.field].path
    if isinstance(value, list):
        return [_worth(trait, str(at), {"term": {path: each}}, trait.points / len(value)) for at, each in enumerate(value)]
    if not trait.near:
        return [_worth(trait, "0", {"term": {path: value}}, trait.points)]
    clauses = []
    # Whoever is near is also less near, so each level adds what it is worth beyond the next.
    for at, (near, further) in enumerate(zip(trait.near, [*(level.worth for level in trait.near[1:]), 0.0], strict=True)):
        reach = near.reach(value)
        within = {"range": {path: {"gte": value - reach, "lte": value + reach}}}
        clauses.append(_worth(trait, str(at), within, trait.points * (near.worth - further)))
    return clauses


def _worth(trait: Trait, level: str, clause: Body, points: float) -> Body:
    return {"constant_score": {"filter": clause, "boost": points, "_name": f"{trait.field}|{level}"}}


def _parse_hit(customer: Customer, traits: list[Trait], hit: Body, sight: Sight) -> LookAlike:
    other = msgspec.convert(sight.shown(hit["_source"]), Customer)
    matched: dict[str, list[int]] = {}
    for name in hit["matched_queries"]:
        field, _, level = name.partition("|")
        matched.setdefault(field, []).append(int(level))
    parts = [_part(trait, customer, other, matched[trait.field]) for trait in traits if trait.field in matched]
    parts.sort(key=lambda part: -part.points)
    score = sum(part.points for part in parts) / sum(trait.points for trait in traits)
    return LookAlike(id=hit["_id"], score=round(score, 4), customer=other, reasons=[part.reason for part in parts], parts=parts)


def _part(trait: Trait, customer: Customer, alike: Customer, levels: list[int]) -> Part:
    own, other = getattr(customer, trait.field), getattr(alike, trait.field)
    label = FIELDS[trait.field].label
    label = label if label[:2].isupper() else label[:1].lower() + label[1:]  # but not "rFM"
    if isinstance(own, list):
        points = trait.points * len(levels) / len(own)
        reason = f"shared {label}: {', '.join(own[level] for level in sorted(levels))}"
    elif trait.near:
        near = trait.near[min(levels)]
        points = trait.points * near.worth
        reason = f"same {label}: {own:,}" if own == other else f"{label} within {near.words(own)}: {own:,} and {other:,}"
    else:
        points, reason = trait.points, f"same {label}: {own}"
    return Part(field=trait.field, points=round(points, 4), of=trait.points, reason=reason)
