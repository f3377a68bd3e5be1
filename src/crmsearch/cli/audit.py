"""``audit``: who has seen which customers, and whether the record of it is whole."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast, get_args

import click

from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.errors import AuditBrokenError
from crmsearch.indexing.audit_reader import MAX_EVENTS, AuditFilter, AuditReader
from crmsearch.indexing.client import make_async_client
from crmsearch.node import connection
from crmsearch.privacy.alerts import find_alerts
from crmsearch.privacy.audit import Action, Event, event_time, parse_head, parse_moment
from crmsearch.settings import from_env

__all__ = ["audit"]

Answer = TypeVar("Answer")
_SHOWN_IDS = 3
since_option = click.option("--since", metavar="WHEN", help="A day or time, in UTC unless it says otherwise.")
until_option = click.option("--until", metavar="WHEN", help="A day or time; what is before it.")


def _ask(question: Callable[[AuditReader], Awaitable[Answer]]) -> Answer:
    """Put one question to the audit trail, with a client of its own."""
    settings = connection(from_env()).elasticsearch

    async def asked() -> Answer:
        async with make_async_client(settings) as client:
            return await question(AuditReader(client, settings))

    return asyncio.run(asked())


@click.group(invoke_without_command=True)
@since_option
@until_option
@click.option("--key", help="Prefix of a key, as `crmsearch keys list` shows it.")
@click.option("--action", type=click.Choice(get_args(Action)), help="What was done.")
@click.option("--customer", metavar="ID", help="Who was shown or changed.")
@click.option("--limit", type=click.IntRange(1, MAX_EVENTS), default=50, show_default=True, help="Largest number of events.")
@json_option
@click.pass_context
def audit(
    context: click.Context,
    since: str | None,
    until: str | None,
    key: str | None,
    action: str | None,
    customer: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Who has seen which customers through the API, newest first; is the record whole (verify), what is worth a look (alerts).

    \b
    Examples:
      crmsearch audit --since 2026-11-26 --key 3f9a0c1b2d4e
      crmsearch audit --customer C-00123 --json
      crmsearch audit verify
      crmsearch audit alerts --utc-offset 8
    """
    if context.invoked_subcommand is not None:
        return
    wanted = AuditFilter(since=_moment(since), until=_moment(until), key=key, action=cast(Action | None, action), customer=customer)
    page = _ask(lambda reader: reader.page(wanted, limit))
    if as_json:
        print_json(page)
        return
    columns = ["when", "key", "name", "from", "purpose", "action", "status", "hits", "customers", "asked by"]
    print_table("Audit trail", columns, [_row(event) for event in page.events])
    if page.next is not None:
        words.print(f"There are more; --limit goes to {MAX_EVENTS}, --until to earlier ones.", highlight=False)


@audit.command("verify")
@click.option("--expect", "expected", multiple=True, metavar="HEAD", help="A head that was kept elsewhere; may be given several times.")
@json_option
def audit_verify(expected: tuple[str, ...], as_json: bool) -> None:
    """Verify that no event was changed, moved or taken out; ends with 8 if one was. Prints the head of every chain.

    Keep the heads where who administers Elasticsearch cannot write, and give them back with --expect: that finds what no anchor tells of.

    \b
    Examples:
      crmsearch audit verify
      crmsearch audit verify --json | jq -r .heads[] > /mnt/elsewhere/heads
      crmsearch audit verify $(sed 's/^/--expect /' /mnt/elsewhere/heads)
    """
    heads = [parse_head(text) for text in expected]
    verdict = _ask(lambda reader: reader.verify(heads)).verdict(datetime.now(UTC))
    if as_json:
        heads_told = {"heads": [each.text for each in verdict.heads], "unclosed": [each.text for each in verdict.unclosed]}
        print_json({"whole": verdict.whole, "events": verdict.events, **heads_told, "findings": verdict.findings})
    else:
        for head in verdict.heads:
            click.echo(head.text)
        for found in verdict.findings:
            words.print(f"{found.kind}: chain {found.chain}, event {found.sequence}: {found.says}", highlight=False, markup=False)
    for head in verdict.unclosed:
        said = (
            f"chain {head.chain} ends at event {head.sequence} without a last word: its process was killed, and may have had more to write"
        )
        words.print(said, highlight=False, markup=False)
    if not verdict.whole:
        raise AuditBrokenError(f"the audit trail is not as it was written: {len(verdict.findings)} findings in {verdict.events} events")
    words.print(f"{verdict.events} events in {len(verdict.heads)} chains are as they were written.", highlight=False)


@audit.command("alerts")
@since_option
@until_option
@click.option(
    "--utc-offset", type=click.IntRange(-12, 14), default=0, show_default=True, help="Hours that clocks at work are ahead of UTC."
)
@json_option
def audit_alerts(since: str | None, until: str | None, utc_offset: int, as_json: bool) -> None:
    """Keys and hours with many different customers, work at night, or many refusals; of the last day by default.

    \b
    Examples:
      crmsearch audit alerts
      crmsearch audit alerts --since 2026-11-01 --utc-offset 8 --json
    """
    wanted = AuditFilter(since=_moment(since) or event_time(datetime.now(UTC) - timedelta(days=1)), until=_moment(until))
    alerts = find_alerts(_ask(lambda reader: reader.hours(wanted)), utc_offset)
    if as_json:
        print_json({"alerts": alerts})
        return
    rows = [(each.hour, each.key, each.name, each.role, each.rule, each.value, each.above, each.says) for each in alerts]
    print_table("Alerts", ["hour (UTC)", "key", "name", "role", "rule", "is", "above", "what"], rows)


def _row(event: Event) -> tuple[object, ...]:
    more = len(event.customers) - _SHOWN_IDS
    ids = " ".join(event.customers[:_SHOWN_IDS]) + (f" +{more}" if more > 0 else "") + (" and others" if event.cut else "")
    asked = ", ".join(event.shape)
    return (event.at, event.key, event.name, event.client, event.purpose, event.action, str(event.status), event.hits, ids, asked)


def _moment(text: str | None) -> str | None:
    return parse_moment(text) if text is not None else None
