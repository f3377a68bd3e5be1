"""``stats``: figures and counts of fields, from the terminal."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from crmsearch.cli.look import ask, filter_option
from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.contract import FIELDS
from crmsearch.node import connection
from crmsearch.search.filters import parse_filter
from crmsearch.search.stats import (
    AnyStats,
    CategoryStats,
    FieldStats,
    StatsRequest,
    StatsResponse,
    parse_groupings,
    parse_histogram,
    parse_percentiles,
)
from crmsearch.settings import from_env

__all__ = ["print_stats", "stats"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("fields", nargs=-1, required=True, metavar="FIELD...")
@click.option("--by", multiple=True, help="Field to group by, or a number or date cut into ranges: age:18|30|45. At most two.")
@filter_option
@click.option("--size", type=int, default=20, show_default=True, help="Largest number of groups, and of values of a category.")
@click.option("--percentiles", default="", metavar="P,P", help="Percentiles to show, such as 5,95; the median is always shown.")
@click.option("--histogram", metavar="H", help="Width of the bins (days for dates), hour to year for dates, or auto.")
@json_option
@click.option("--svg", "as_svg", is_flag=True, help="Print a chart, as SVG.")
@click.option("--chart", help="Kind of chart: histogram, bars, box, line or heatmap; one that fits by default.")
def stats(
    fields: tuple[str, ...],
    by: tuple[str, ...],
    filters: tuple[str, ...],
    size: int,
    percentiles: str,
    histogram: str | None,
    as_json: bool,
    as_svg: bool,
    chart: str | None,
) -> None:
    """Mean, median, sample variance and standard deviation of numbers and dates; counts and shares of categories.

    \b
    Examples:
      crmsearch stats age
      crmsearch stats age revenue --by city --filter gender:female --percentiles 5,95
      crmsearch stats revenue --by gender --by 'age:18|30|45|60'
      crmsearch stats created_at --histogram month
      crmsearch stats age --by city --svg > age.svg
    """
    request = StatsRequest(
        fields=list(fields),
        by=[grouping for each in by for grouping in parse_groupings(each)],
        filters=[parse_filter(each) for each in filters],
        size=size,
        percentiles=parse_percentiles(percentiles),
        histogram=parse_histogram(histogram) if histogram is not None else None,
    )
    settings = connection(from_env())
    if as_svg or chart is not None:
        # Only this needs the library that draws.
        from crmsearch.charts import draw_stats, prepare_stats

        wanted = prepare_stats(request, chart)
        click.echo(draw_stats(wanted, ask(settings, lambda service: service.stats(wanted)), chart))
        return
    answer = ask(settings, lambda service: service.stats(request))
    if as_json:
        print_json(answer)
    else:
        print_stats(request, answer, shown=parse_percentiles(percentiles) if percentiles else ())


def print_stats(request: StatsRequest, answer: StatsResponse, shown: Sequence[float] = ()) -> None:
    """Statistics for people; an approximate median or percentile is marked with ~."""
    for name in request.fields:
        rows = list(_rows(name, answer, nested=len(request.groupings) == 2))
        title = FIELDS[name].label
        if request.groupings:
            title += f" by {' and '.join(FIELDS[each.field].label.lower() for each in request.groupings)}"
        groups = [each.field for each in request.groupings] or [""]
        if name in request.categorical:
            values = [
                (*path, value.label, value.count, f"{value.share:.1%}")
                for path, stats in rows
                if isinstance(stats, CategoryStats)
                for value in stats.values
            ]
            print_table(title, [*groups, name, "customers", "share"], values)
            for path, stats in rows:
                if isinstance(stats, CategoryStats) and stats.other_count:
                    words.print(
                        f"{path[-1]}: {stats.other_count:,} times a value not shown; --size shows more", highlight=False, markup=False
                    )
            continue
        percents = [f"{percent:.12g}" for percent in shown]
        columns = ["n", "missing", "mean", "median", "sample variance", "std deviation", "min", "max", *(f"p{each}" for each in percents)]
        figures = [(*path, *_figures(name, stats, percents)) for path, stats in rows if isinstance(stats, FieldStats)]
        print_table(title, [*groups, *columns], figures)
        whole = answer.fields[name]
        if isinstance(whole, FieldStats) and whole.histogram is not None:
            bins = [(_value(name, each.low), _value(name, each.high), each.count) for each in whole.histogram]
            print_table(f"{FIELDS[name].label}, histogram", ["from", "to below", "customers"], bins)
    if answer.other_count:
        words.print(f"{answer.other_count:,} customers are in groups not shown; --size shows more", highlight=False)
    if answer.missing_count and request.groupings:
        words.print(f"{answer.missing_count:,} customers have no {request.groupings[0].field}", highlight=False)


def _rows(name: str, answer: StatsResponse, *, nested: bool) -> Iterator[tuple[tuple[str, ...], AnyStats]]:
    """The labels of each part, as many as there are groupings, and what is said of the field in it."""
    yield ("all", "all") if nested else ("all",), answer.fields[name]
    for group in answer.groups or []:
        yield (group.label, "all") if nested else (group.label,), group.fields[name]
        yield from (((group.label, each.label), each.fields[name]) for each in group.groups or [])


def _figures(name: str, stats: FieldStats, percents: Sequence[str]) -> Iterator[Any]:
    yield from (stats.n, stats.missing, _value(name, stats.mean))
    yield _marked(_value(name, stats.median), stats.exact.median)
    # Squares and distances of milliseconds say nothing to people; days do.
    day = 86_400_000 if FIELDS[name].type == "date" else 1
    yield None if stats.variance is None else stats.variance / day**2
    yield None if stats.std_deviation is None else stats.std_deviation / day
    yield from (_value(name, stats.min), _value(name, stats.max))
    yield from (_marked(_value(name, stats.percentiles[each]), stats.exact.percentiles) for each in percents)


def _value(name: str, value: float | None) -> float | str | None:
    """A number as it is, a moment as its date and time."""
    if value is None or FIELDS[name].type != "date":
        return value
    return (_EPOCH + timedelta(milliseconds=value)).isoformat(sep=" ", timespec="minutes").removesuffix("+00:00")


def _marked(value: float | str | None, exact: bool) -> float | str | None:
    if exact or value is None:
        return value
    return f"~{value:,.2f}" if isinstance(value, float) else f"~{value}"
