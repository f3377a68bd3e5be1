"""Charts of statistics: which kinds fit a question, what figures they need, and the picture of an answer."""

import math
from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from crmsearch.charts.labels import named
from crmsearch.charts.plots import Bar, Box, Frame, bars, boxes, choose_kind, heatmap, histogram, lines, notice, stacks
from crmsearch.charts.svg import finish
from crmsearch.charts.words import Language, field_label, number, say, told_of, value_label, value_text
from crmsearch.contract import FIELDS
from crmsearch.errors import InvalidRequestError
from crmsearch.search.stats import (
    AnyStats,
    CategoryStats,
    FieldStats,
    Group,
    HistogramBin,
    HistogramRequest,
    StatsRequest,
    StatsResponse,
    check_stats,
)

__all__ = ["draw_stats", "prepare_stats"]

BINS = 200  # of a histogram that was not asked for otherwise; more than are drawn, so that a long tail can be left out
DRAWN = 40  # bins of numbers
TAIL = 0.005  # share of values at each end that are left out where this makes the picture much wider
BOX = (5.0, 25.0, 50.0, 75.0, 95.0)
MOST_PARTS = 7  # colours of stacked bars that can be told apart; the rest is one more

# What fits, the usual first: by whether the field has figures, and by how many fields it is grouped.
_FITTING: dict[tuple[bool, int], tuple[str, ...]] = {
    (True, 0): ("histogram", "box", "line"),
    (True, 1): ("bars", "box", "line"),
    (True, 2): ("heatmap", "bars"),
    (False, 0): ("bars",),
    (False, 1): ("heatmap", "bars"),
    (False, 2): (),
}


class _Ask(msgspec.Struct, frozen=True):
    """What one chart is drawn of."""

    name: str
    frame: Frame
    answer: StatsResponse
    language: Language

    def framed(self, subtitle: str, *caption: str, x: str = "") -> Frame:
        notes = " · ".join([*caption, *([self.frame.caption] if self.frame.caption else [])])
        return replace(self.frame, subtitle=subtitle, caption=notes, x=x)

    def say(self, word: str, *values: str) -> str:
        return say(self.language, word, *values)

    def shown(self, value: float) -> str:
        return value_text(self.name, value)


class _Share(msgspec.Struct, frozen=True):
    """The share of a value in a group, or what it is at most if the value is not ``listed`` there."""

    share: float
    listed: bool = True

    @property
    def drawn(self) -> float | None:
        return self.share if self.listed else None

    @property
    def text(self) -> str:
        # A bound is rounded up, so that it stays one.
        return _percent(self.share) if self.listed else f"≤ {math.ceil(round(1000 * self.share, 6)) / 1000:.1%}"


Drawn = tuple[str, list[str]]
"""The SVG of one chart, and its rows in words."""


def prepare_stats(request: StatsRequest, kind: str | None) -> StatsRequest:
    """The request with the figures that its chart needs.

    Raises:
        InvalidRequestError: the request cannot be answered, or the kind does not fit every field.
    """
    check_stats(request)
    kinds = {name: _kind(request, name, kind) for name in request.fields}
    wanted = {kinds[name] for name in request.numeric}
    if not request.groupings and wanted & {"histogram", "line"} and request.histogram is None:
        request = replace(request, histogram=HistogramRequest(bins=BINS))
    if "box" in wanted:
        request = replace(request, percentiles=tuple(dict.fromkeys((*request.percentiles, *BOX))))
    return request


def draw_stats(request: StatsRequest, answer: StatsResponse, kind: str | None = None, language: Language = "en") -> str:
    """The answer to a prepared request as SVG: one chart for each field, below each other."""
    titles, charts, told = [], [], []
    answer = _in_words(request, answer, language)
    for name in request.fields:
        ask = _ask(request, answer, name, language)
        svg, rows = _draw(request, ask, _kind(request, name, kind))
        titles.append(ask.frame.title)
        charts.append(svg)
        told.append(f"{ask.frame.title}: {'; '.join(told_of(rows, language))}.")
    return finish(charts, " · ".join(titles), " ".join(told))


def _in_words(request: StatsRequest, answer: StatsResponse, language: Language) -> StatsResponse:
    """The answer with the values of its categories and groups as they are called in the language."""

    def of_fields(fields: dict[str, AnyStats]) -> dict[str, AnyStats]:
        return {name: of_values(name, each) if isinstance(each, CategoryStats) else each for name, each in fields.items()}

    def of_values(name: str, stats: CategoryStats) -> CategoryStats:
        values = [replace(each, label=value_label(name, each.value, each.label, language)) for each in stats.values]
        return replace(stats, values=values)

    def of_groups(groups: list[Group] | None, depth: int = 0) -> list[Group] | None:
        return groups and [
            replace(
                group,
                label=value_label(request.groupings[depth].field, group.value, group.label, language),
                fields=of_fields(group.fields),
                groups=of_groups(group.groups, depth + 1),
            )
            for group in groups
        ]

    return replace(answer, fields=of_fields(answer.fields), groups=of_groups(answer.groups))


def _kind(request: StatsRequest, name: str, kind: str | None) -> str:
    fitting = _FITTING[name in request.numeric, len(request.groupings)]
    if not fitting:
        raise InvalidRequestError(f"{name} by two fields has no chart; group by one, or ask for a cross-tabulation")
    return choose_kind(kind, fitting, f"{name} has")


def _ask(request: StatsRequest, answer: StatsResponse, name: str, language: Language) -> _Ask:
    title = field_label(name, language)
    if request.groupings:
        title = say(language, "by", title, say(language, "and").join(field_label(each.field, language) for each in request.groupings))
    notes = []
    whole = answer.fields.get(name)
    if whole is not None and whole.missing:
        notes.append(say(language, "missing", number(whole.missing)))
    if answer.other_count:
        notes.append(say(language, "other", number(answer.other_count)))
    if answer.missing_count:
        notes.append(say(language, "ungrouped", number(answer.missing_count)))
    dates = name in request.numeric and FIELDS[name].type == "date"
    return _Ask(name, Frame(title=title, caption=" · ".join(notes), dates=dates), answer, language)


def _draw(request: StatsRequest, ask: _Ask, kind: str) -> Drawn:
    whole, depth = ask.answer.fields.get(ask.name), len(request.groupings)
    if whole is None or whole.n == 0:
        text = ask.say("too_few" if whole is None else "nothing")
        return notice(ask.frame, text), [text]
    if isinstance(whole, CategoryStats):
        return _values(ask, whole) if depth == 0 else _values_by_group(ask, whole, kind)
    return (_whole, _by_group, _by_two)[depth](ask, whole, kind)


def _whole(ask: _Ask, stats: FieldStats, kind: str) -> Drawn:
    if kind == "box":
        if (values := _box(stats)) is None:
            return notice(ask.frame, ask.say("too_few")), [ask.say("too_few")]
        told = [f"{percent:g}%: {ask.shown(value)}" for percent, value in zip(BOX, values, strict=True)]
        return boxes(ask.framed(ask.say("box")), [Box(ask.say("all"), values)]), told
    bins, beyond = _visible(stats.histogram or [], whole_width=ask.frame.dates)
    told = [f"{ask.shown(each.low)} – {ask.shown(each.high)}: {each.count:,}" for each in bins]
    if kind == "line":
        return lines(ask.framed(ask.say("customers")), [("", list(_outline(bins)))]), told
    notes = [ask.say("median", _marked(ask, stats.median, exact=stats.exact.median))] if stats.median is not None else []
    notes += [ask.say("beyond", number(beyond))] if beyond else []
    frame = ask.framed(ask.say("customers"), *notes, x=field_label(ask.name, ask.language))
    return histogram(frame, [(each.low, each.high, each.count) for each in bins], stats.median), told


def _by_group(ask: _Ask, whole: FieldStats, kind: str) -> Drawn:
    rows = [(group, stats) for group in ask.answer.groups or [] if (stats := _figures(group, ask.name)) is not None]
    if not rows:
        return notice(ask.frame, ask.say("nothing")), [ask.say("nothing")]
    told = [f"{group.label} {_told(ask, stats)}" for group, stats in rows]
    if kind == "box":
        drawn = [Box(named(group.label, stats.n), values) for group, stats in rows if (values := _box(stats)) is not None]
        return boxes(ask.framed(ask.say("box")), drawn) if drawn else notice(ask.frame, ask.say("too_few")), told
    if kind == "line":
        points = [(float(place), stats.mean or 0.0) for place, (_, stats) in enumerate(rows)]
        return lines(ask.framed(ask.say("mean_only")), [("", points)], [group.label for group, _ in rows]), told
    assert whole.mean is not None
    shown, labels = (
        [_bar(ask, place, stats) for place, (_, stats) in enumerate(rows)],
        [named(group.label, stats.n) for group, stats in rows],
    )
    frame = ask.framed(ask.say("mean"), ask.say("all_mean", ask.shown(whole.mean)))
    return bars(frame, labels, shown, whole.mean, from_zero=not ask.frame.dates), told


def _by_two(ask: _Ask, whole: FieldStats, kind: str) -> Drawn:
    groups = ask.answer.groups or []
    columns = list(dict.fromkeys(inner.label for group in groups for inner in group.groups or []))
    found = {
        (group.label, inner.label): stats
        for group in groups
        for inner in group.groups or []
        if (stats := _figures(inner, ask.name)) is not None
    }
    if not found:
        return notice(ask.frame, ask.say("nothing")), [ask.say("nothing")]
    told = [f"{outer}, {inner} {_told(ask, stats)}" for (outer, inner), stats in found.items()]
    rows = [group.label for group in groups]
    assert whole.mean is not None
    if kind == "bars":
        shown = [_bar(ask, rows.index(outer), stats, columns.index(inner)) for (outer, inner), stats in found.items()]
        return bars(ask.framed(ask.say("mean")), rows, shown, parts=columns, from_zero=not ask.frame.dates), told
    means = {place: stats.mean for place, stats in found.items() if stats.mean is not None}
    cells = [
        [(means[row, column], ask.shown(means[row, column])) if (row, column) in means else (None, "") for column in columns]
        for row in rows
    ]
    frame = ask.framed(ask.say("mean_only"))
    return heatmap(frame, rows, columns, cells, (min(*means.values(), whole.mean), whole.mean, max(*means.values(), whole.mean))), told


def _values(ask: _Ask, stats: CategoryStats) -> Drawn:
    told = [f"{each.label}: {each.count:,} ({each.share:.1%})" for each in stats.values]
    notes = [ask.say("values", number(stats.other_count))] if stats.other_count else []
    shown = [Bar(row=row, value=each.count, text=f"{each.count:,} ({each.share:.1%})") for row, each in enumerate(stats.values)]
    return bars(ask.framed(ask.say("customers"), *notes), [each.label for each in stats.values], shown), told


def _values_by_group(ask: _Ask, whole: CategoryStats, kind: str) -> Drawn:
    labels = [each.label for each in whole.values][: MOST_PARTS if kind == "bars" else None]
    rows = [
        (named(group.label, stats.n), _shares(stats, labels))
        for group in ask.answer.groups or []
        if isinstance(stats := group.fields.get(ask.name), CategoryStats) and stats.n
    ]
    if not rows:
        return notice(ask.frame, ask.say("too_few")), [ask.say("too_few")]
    told = [f"{row} {', '.join(f'{label} {share.text}' for label, share in zip(labels, shares, strict=True))}" for row, shares in rows]
    listed = all(share.listed for _, shares in rows for share in shares)
    if kind == "bars" and not FIELDS[ask.name].many:
        stacked = []
        for label, shares in rows:
            widths = [share.drawn or 0.0 for share in shares]
            stacked.append((label, [*widths, max(0.0, 1 - sum(widths))]))
        frame = ask.framed(ask.say("share"), *([] if listed else [ask.say("with_others")]))
        return stacks(frame, stacked, [*labels, ask.say("others")]), told
    notes = [*([ask.say("several")] if FIELDS[ask.name].many else []), *([] if listed else [ask.say("at_most")])]
    frame = replace(ask.framed(ask.say("share"), *notes), shares=True)
    if kind == "bars":
        # Side by side: the shares of a list are no parts of a whole.
        beside = [
            Bar(row=row, value=share.drawn or 0.0, text=share.text, part=part)
            for row, (_, shares) in enumerate(rows)
            for part, share in enumerate(shares)
        ]
        return bars(frame, [label for label, _ in rows], beside, parts=labels), told
    cells = [[(share.drawn, share.text) for share in shares] for _, shares in rows]
    most = max(share.drawn or 0.0 for _, shares in rows for share in shares)
    return heatmap(frame, [label for label, _ in rows], labels, cells, (0.0, 0.0, max(0.5, most))), told


def _shares(stats: CategoryStats, labels: Sequence[str]) -> list[_Share]:
    """The shares of these values in a group. One that is not among its most frequent may still occur, as often as the last of these."""
    known = {each.label: each.share for each in stats.values}
    if not stats.other_count:
        return [_Share(known.get(label, 0.0)) for label in labels]
    most = min(known.values(), default=1.0) + stats.error_bound / stats.n
    return [_Share(known[label]) if label in known else _Share(most, listed=False) for label in labels]


def _figures(group: Group, name: str) -> FieldStats | None:
    """The figures of a group that has any."""
    stats = group.fields.get(name)
    return stats if isinstance(stats, FieldStats) and stats.n else None


def _bar(ask: _Ask, row: int, stats: FieldStats, part: int = 0) -> Bar:
    assert stats.mean is not None
    low, high = mean_interval(stats) or (None, None)
    return Bar(row=row, value=stats.mean, low=low, high=high, text=ask.shown(stats.mean), part=part)


def mean_interval(stats: FieldStats) -> tuple[float, float] | None:
    """Student's 95% interval of the mean; ``None`` of fewer than two values."""
    if stats.mean is None or stats.std_deviation is None:
        return None
    from scipy.special import stdtrit

    reach = float(stdtrit(stats.n - 1, 0.975)) * stats.std_deviation / math.sqrt(stats.n)
    return stats.mean - reach, stats.mean + reach


def _box(stats: FieldStats) -> tuple[float, float, float, float, float] | None:
    """The percentiles of a box; ``None`` where too few customers are behind one of them for who asks."""
    found = [value for percent in BOX if (value := stats.percentiles[f"{percent:g}"]) is not None]
    if len(found) < len(BOX):
        return None
    lowest, lower, middle, upper, highest = found
    return lowest, lower, middle, upper, highest


def _marked(ask: _Ask, median: float, *, exact: bool) -> str:
    return ask.shown(median) if exact else f"{ask.shown(median)} ({ask.say('approximate')})"


def _told(ask: _Ask, stats: FieldStats) -> str:
    assert stats.mean is not None
    interval = mean_interval(stats)
    within = f" ({ask.shown(interval[0])} – {ask.shown(interval[1])})" if interval else ""
    return f"{ask.shown(stats.mean)}{within}, n {stats.n:,}"


def _visible(bins: list[HistogramBin], *, whole_width: bool) -> tuple[list[HistogramBin], int]:
    """Bins as they are drawn, few enough to be seen and without a tail that would press them together, and how many values lie beyond."""
    if whole_width or len(bins) <= DRAWN:
        return bins, 0
    n = sum(each.count for each in bins)
    begin, end = 0, len(bins)
    for at_end in (True, False):
        beyond = 0
        while end - begin > 1 and beyond + bins[end - 1 if at_end else begin].count <= TAIL * n:
            beyond += bins[end - 1 if at_end else begin].count
            begin, end = (begin, end - 1) if at_end else (begin + 1, end)
    if bins[end - 1].high - bins[begin].low > (bins[-1].high - bins[0].low) / 2:
        begin, end = 0, len(bins)
    width = bins[0].high - bins[0].low
    most = math.ceil((bins[end - 1].high - bins[begin].low) / width / DRAWN) * width
    drawn: list[HistogramBin] = []
    for each in bins[begin:end]:
        low = math.floor(each.low / most + 1e-9) * most
        if drawn and drawn[-1].low == low:
            drawn[-1] = HistogramBin(low, low + most, drawn[-1].count + each.count)
        else:
            drawn.append(HistogramBin(low, low + most, each.count))
    return drawn, n - sum(each.count for each in drawn)


def _outline(bins: Sequence[HistogramBin]) -> Iterator[tuple[float, float]]:
    """The counts at the beginning of each bin, down to zero where bins were left out."""
    for before, each in zip([None, *bins], bins, strict=False):
        if before is not None and each.low > before.high:
            yield before.high, 0
            if each.low - (each.high - each.low) > before.high:
                yield each.low - (each.high - each.low), 0
        yield each.low, each.count


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 or share == 0 else f"{share:.1%}"
