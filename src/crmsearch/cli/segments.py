"""``crmsearch segments``: saved segments from the command line."""

from contextlib import suppress

import click

from crmsearch.cli.look import ask_segments, filter_option
from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.errors import NotFoundError
from crmsearch.node import connection
from crmsearch.search.filters import format_filter, parse_filter
from crmsearch.search.findings import Language, show_share
from crmsearch.search.segment_service import SegmentService
from crmsearch.search.segments import Definition, SegmentView
from crmsearch.settings import from_env

__all__ = ["segments"]


@click.group()
def segments() -> None:
    """Named, saved filters over customers: built-in ones and your own."""


@segments.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """All segments with the number of their members.

    \b
    Examples:
      crmsearch segments list
      crmsearch segments list --json | jq '.segments[] | select(.size == 0).name'
    """
    answer = ask_segments(connection(from_env()), lambda service: service.all())
    if as_json:
        print_json(answer)
        return
    rows = [(each.name, each.label, each.size, "built in" if each.built_in else f"version {each.version}") for each in answer.segments]
    print_table(f"Segments of {answer.population:,} customers", ["name", "label", "members", ""], rows)
    for each in answer.segments:
        if each.reason:
            words.print(f"{each.name}: {each.reason}", highlight=False, markup=False)


@segments.command("show")
@click.argument("name")
@json_option
def show_command(name: str, as_json: bool) -> None:
    """One segment: what it is made of, and how many members it has.

    \b
    Examples:
      crmsearch segments show churn-high
      crmsearch segments show vip --json
    """
    _print(ask_segments(connection(from_env()), lambda service: service.get(name)), as_json)


@segments.command("put")
@click.argument("name")
@click.option("--label", required=True, help="The name that people read.")
@click.option("--description", default="", help="What it is for.")
@click.option("--q", default="", help="Text that members must fit, as in a search.")
@filter_option
@click.option("--version", type=int, help="Version to replace; without it whatever is there.")
@json_option
def put_command(name: str, label: str, description: str, q: str, filters: tuple[str, ...], version: int | None, as_json: bool) -> None:
    """Save a segment, as a new version if it is there.

    \b
    Examples:
      crmsearch segments put vip --label VIP --filter rfm_monetary:5 --filter last_order_at:now-90d..
      crmsearch segments put vip-berlin --label "VIP in Berlin" --filter segment:vip --filter city:Berlin
    """
    definition = Definition(label=label, description=description, q=q, filters=[parse_filter(each) for each in filters])

    async def put(service: SegmentService) -> SegmentView:
        tag = f'"{version}"' if version is not None else None
        if tag is None:
            with suppress(NotFoundError):
                tag = f'"{(await service.get(name)).version}"'
        return (await service.put(name, definition, tag, None))[0]

    _print(ask_segments(connection(from_env()), put), as_json)


@segments.command("delete")
@click.argument("name")
def delete_command(name: str) -> None:
    """Delete a saved segment that no other uses; its versions stay readable.

    \b
    Examples:
      crmsearch segments delete vip
    """
    ask_segments(connection(from_env()), lambda service: service.delete(name, None))
    words.print(f"Segment {name} was deleted.", highlight=False, markup=False)


@segments.command("profile")
@click.argument("name")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of the sentences.")
@json_option
def profile_command(name: str, lang: Language, as_json: bool) -> None:
    """What is special about a segment: findings that are more than noise, over-represented values.

    \b
    Examples:
      crmsearch segments profile churn-high
      crmsearch segments profile rfm-champions --lang zh
    """
    answer = ask_segments(connection(from_env()), lambda service: service.profile(name, lang))
    if as_json:
        print_json(answer)
        return
    for finding in answer.findings:
        click.echo(finding.sentence)
    if answer.other_findings:
        words.print(f"{answer.other_findings} further findings; --json has the figures of all fields", highlight=False)
    rows = [
        (each.field, each.label, each.counts["segment"], show_share(each.shares["segment"]), show_share(each.shares["everyone"]), each.lift)
        for each in answer.over_represented
    ]
    columns = ["field", "value", "members", "share of members", "share of everyone", "lift"]
    print_table(f"Over-represented among {answer.size:,} of {answer.population:,} customers", columns, rows)
    if answer.other_over_represented:
        words.print(f"{answer.other_over_represented} further values", highlight=False)


def _print(view: SegmentView, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    rows = [
        ("name", view.name),
        ("label", view.label),
        ("description", view.description),
        ("text", view.q),
        ("filters", "\n".join(map(format_filter, view.filters))),
        ("version", "built in" if view.built_in else str(view.version)),
        ("members", f"{view.size:,}" if view.size is not None else view.reason),
    ]
    print_table(f"Segment {view.name}", ["", ""], [row for row in rows if row[1]])
