"""Which values of the base rise and fall from one generation to the next. Pure."""

from typing import Literal

import msgspec

from crmsearch.search.contrast import Value
from crmsearch.search.filters import Filter
from crmsearch.search.findings import Language, build_link, field_label, show_share, show_value
from crmsearch.search.significance import Interval, benjamini_hochberg, cohen_h, is_signal, newcombe_interval, share_test
from crmsearch.search.small_groups import hide_rows
from crmsearch.search.tour.fields import FIELDS_TOURED, Body, counts

__all__ = ["Moved", "find_moved"]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A value whose share among the customers with a value is another than in the generation before.

    Most customers are in both generations, so that the test, which takes them for independent, calls too few changes more than noise
    rather than too many.
    """

    field: str
    value: Value
    direction: Literal["rising", "falling"]
    count: int
    known: int
    share: float
    earlier_count: int
    earlier_known: int
    earlier_share: float
    difference: float
    interval: Interval | None
    effect_size: float
    p_value: float
    q_value: float
    sentence: str
    link: str


def find_moved(answer: Body, before: Body, language: Language, k: int | None) -> tuple[int, list[Moved]]:
    """How many values were tested, and those that moved, the largest effect first; from the answers of two generations.

    Values that fewer than ``k`` customers have, now or then, are left out, and those that would give them away.
    """
    changes: list[tuple[str, Value, int, int, int, int]] = []
    for name in FIELDS_TOURED:
        now = _values(answer, name)
        then = _values(before, name) | counts(before["aggregations"][name])
        known, known_then = _known(answer, name), _known(before, name)
        if known and known_then:
            rows = {value: (now.get(value, 0), then.get(value, 0)) for value in {**now, **then}}
            hidden = hide_rows(rows, (known, known_then), k)
            changes += [
                (name, value, hits, known, hits_then, known_then) for value, (hits, hits_then) in rows.items() if value not in hidden
            ]
    p_values = [share_test(hits, n, hits_then, n_then) for _, _, hits, n, hits_then, n_then in changes]
    q_values = benjamini_hochberg(p_values)
    moved = []
    for (name, value, hits, n, hits_then, n_then), p_value, q_value in zip(changes, p_values, q_values, strict=True):
        if p_value is None or q_value is None or not is_signal(q_value):
            continue
        share, share_then = hits / n, hits_then / n_then
        moved.append(
            Moved(
                field=name,
                value=value,
                direction="rising" if share > share_then else "falling",
                count=hits,
                known=n,
                share=share,
                earlier_count=hits_then,
                earlier_known=n_then,
                earlier_share=share_then,
                difference=share - share_then,
                interval=newcombe_interval(hits, n, hits_then, n_then),
                effect_size=cohen_h(share, share_then),
                p_value=p_value,
                q_value=q_value,
                sentence=_moved_sentence(name, value, (hits, n), (hits_then, n_then), language),
                link=build_link([Filter(field=name, in_=[value])]),
            )
        )
    return sum(each is not None for each in p_values), sorted(moved, key=lambda each: -abs(each.effect_size))


def _values(answer: Body, name: str) -> dict[Value, int]:
    """Customers by value; a field of which no customer has a value was not counted."""
    return counts(answer["aggregations"].get(f"{name}.values", {"buckets": []}))


def _known(answer: Body, name: str) -> int:
    """Customers with any value of a field."""
    return int(answer["hits"]["total"]["value"] - answer["aggregations"][f"{name}.missing"]["doc_count"])


def _moved_sentence(name: str, value: Value, now: tuple[int, int], then: tuple[int, int], language: Language) -> str:
    share, share_then = now[0] / now[1], then[0] / then[1]
    of, shown = field_label(name, language), show_value(name, value, language)
    if language == "zh":
        word = "上升" if share > share_then else "下降"
        return (
            f"{of}为{shown}的占比{word}：{show_share(share)}（{now[0]:,}/{now[1]:,}），"
            f"上一次为 {show_share(share_then)}（{then[0]:,}/{then[1]:,}）。"
        )
    word = "rises" if share > share_then else "falls"
    return (
        f"{of}: {shown} {word} to {show_share(share)} ({now[0]:,} of {now[1]:,}) from {show_share(share_then)} "
        f"({then[0]:,} of {then[1]:,}) in the generation before."
    )
