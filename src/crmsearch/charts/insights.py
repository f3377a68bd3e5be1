"""Charts of insights: campaigns and service by group with their intervals, and the findings of a tour under their sentences."""

from collections.abc import Sequence

import msgspec

from crmsearch.charts.labels import named
from crmsearch.charts.plots import Bar, Frame, bars, choose_kind, notice, sentences
from crmsearch.charts.segments import effect_bar
from crmsearch.charts.svg import finish
from crmsearch.charts.words import Language, field_label, number, say, told_of
from crmsearch.search.campaigns import CampaignInsight
from crmsearch.search.findings import show_share
from crmsearch.search.grouping import GroupsAnswer
from crmsearch.search.significance import Interval
from crmsearch.search.tickets import MeanOf, OpenTickets, ServiceGroup, ServiceInsight
from crmsearch.search.tour import Tour
from crmsearch.search.tour.changes import Moved

__all__ = ["draw_campaigns", "draw_service", "draw_tour"]

_KINDS = ("bars", "points")
_FIELDS = {"resolution": "average_resolution_hours", "satisfaction": "satisfaction"}


class _Group(msgspec.Struct, frozen=True):
    """One row: a share or a mean of ``n``, and its interval; nothing where it is withheld."""

    label: str
    n: int | None
    figure: float | None
    interval: Interval | None


def draw_campaigns(answer: CampaignInsight, kind: str | None = None, language: Language = "en") -> str:
    """The response that ranks the groups, with its interval in each."""
    name = answer.ranked_by
    groups = [_Group(each.label, each.sent, (rate := getattr(each, name)).rate, rate.interval) for each in answer.groups]
    total = getattr(answer.total, name).rate
    frame = Frame(title=say(language, "by", say(language, name), answer.label), subtitle=say(language, "best"), shares=True)
    said = [each.sentence for each in answer.best if each.response == name]
    return _draw_groups(answer, frame, "n_sent", groups, total, said, choose_kind(kind, _KINDS), language)


def draw_service(answer: ServiceInsight, kind: str | None = None, language: Language = "en") -> str:
    """The measure that ranks the groups, with its interval in each."""
    name = answer.ranked_by
    groups = [_measured(each, name) for each in answer.groups]
    measure = say(language, "open") if name == "open" else field_label(_FIELDS[name], language)
    frame = Frame(title=say(language, "by", measure, answer.label), subtitle=say(language, "worst"), shares=name == "open")
    said = [each.sentence for each in answer.worst if each.measure == name]
    total = _measured(answer.total, name).figure
    return _draw_groups(answer, frame, "n_customers", groups, total, said, choose_kind(kind, _KINDS), language)


def _measured(group: ServiceGroup, name: str) -> _Group:
    found: MeanOf | OpenTickets | None = getattr(group, name)
    if found is None:
        return _Group(group.label, None, None, None)
    return _Group(group.label, found.n, found.share if isinstance(found, OpenTickets) else found.mean, found.interval)


def _draw_groups(
    answer: GroupsAnswer,
    frame: Frame,
    n: str,
    groups: Sequence[_Group],
    total: float | None,
    said: Sequence[str],
    kind: str,
    language: Language,
) -> str:
    def shown(figure: float) -> str:
        return show_share(figure) if frame.shares else number(figure)

    rows: list[Bar] = []
    labels, told = [], []
    for each in groups:
        if each.figure is None or each.n is None:
            continue
        low, high = (each.interval.low, each.interval.high) if each.interval else (None, None)
        rows.append(Bar(row=len(rows), value=each.figure, low=low, high=high, text=shown(each.figure)))
        labels.append(named(each.label, each.n))
        within = f" ({shown(each.interval.low)} – {shown(each.interval.high)})" if each.interval else ""
        told.append(f"{each.label} {shown(each.figure)}{within}, n {each.n:,}")
    if not rows or total is None:
        text = say(language, "no_groups")
        return finish([notice(frame, text)], frame.title, text)
    notes = [
        say(language, "everyone", shown(total)),
        say(language, n),
        *([say(language, "other", number(answer.other_count))] if answer.other_count else []),
        *([say(language, "groups", number(answer.other_groups))] if answer.other_groups and answer.other_count is None else []),
        *([say(language, "blank_groups", number(len(groups) - len(rows)))] if len(rows) < len(groups) else []),
        *([say(language, "ungrouped", number(answer.missing_count))] if answer.missing_count else []),
    ]
    chart = bars(msgspec.structs.replace(frame, caption=" · ".join(notes)), labels, rows, total, from_zero=kind == "bars")
    return finish([chart], frame.title, " ".join([*said, f"{'; '.join([notes[0], *told_of(told, language)])}."]))


def draw_tour(answer: Tour, kind: str | None = None, language: Language = "en") -> str:
    """The findings of each kind by their strength, each under its sentence."""
    choose_kind(kind, ("bars",))
    associations = [(each.sentence, Bar(row=0, value=each.cramers_v, text=f"{each.cramers_v:.2f}")) for each in answer.associations]
    unusual = [(each.sentence, effect_bar(0, each.effect_size, each.difference, each.interval)) for each in answer.unusual]
    moved = [(each.sentence, _change_bar(each)) for each in answer.moved]
    parts = (
        ("associations", say(language, "cramers_v"), False, associations, answer.other_associations),
        ("unusual", say(language, "deviations", say(language, "all_others")), False, unusual, answer.other_unusual),
        ("moved", say(language, "points"), True, moved, answer.other_moved),
    )
    charts, titles, told = [], [], []
    for name, subtitle, shares, rows, others in parts:
        title = say(language, name)
        notes = [say(language, "tested", number(answer.tested[name])), *([say(language, "more", number(others))] if others else [])]
        none = say(language, "no_earlier" if name == "moved" and answer.earlier is None else "unremarkable")
        frame = Frame(title=title, subtitle=subtitle if rows else "", caption=" · ".join(notes), shares=shares)
        charts.append(sentences(frame, rows) if rows else notice(frame, none))
        titles.append(title)
        told.append(f"{title}: {' '.join(sentence for sentence, _ in rows) or none}")
    return finish(charts, f"{say(language, 'covered', number(answer.population))}: {' · '.join(titles)}", " ".join(told))


def _change_bar(each: Moved) -> Bar:
    low, high = (each.interval.low, each.interval.high) if each.interval else (None, None)
    return Bar(row=0, value=each.difference, low=low, high=high, text=f"{each.difference:+.1%}")
