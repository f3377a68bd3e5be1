"""``search`` and ``doctor``: a quick look from the terminal."""

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from crmsearch.artifacts import CONNECTOR, artifact_path
from crmsearch.background import running_api
from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.errors import ConfigError, CrmSearchError
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.logins import Logins
from crmsearch.indexing.restrictions import RestrictionReader
from crmsearch.indexing.segments import SegmentStore
from crmsearch.java import find_java
from crmsearch.keyfile import cursor_key, make_vault
from crmsearch.node import connection
from crmsearch.privacy.access import SETTINGS
from crmsearch.privacy.policy import PURPOSES, sight_of
from crmsearch.search.cursor import Cursors
from crmsearch.search.filters import parse_filter
from crmsearch.search.request import SearchRequest
from crmsearch.search.resolver import Resolver
from crmsearch.search.response import SearchResponse
from crmsearch.search.segment_service import SegmentService
from crmsearch.search.service import ElasticsearchBackend, SearchService
from crmsearch.search.view import RestrictedBackend, View
from crmsearch.settings import Settings, changed_settings, from_env
from crmsearch.trust import expiry

__all__ = ["ask", "ask_segments", "doctor", "filter_option", "print_hits", "search"]

Answer = TypeVar("Answer")
MIN_FREE_GB = 5
MIN_VALIDITY = timedelta(days=14)
filter_option = click.option(
    "--filter", "-f", "filters", multiple=True, metavar="F", help="city:北京|上海, age:20..39, emails:*, -tags:test, segment:vip"
)


class Services(NamedTuple):
    """What can be asked of a customer base."""

    search: SearchService
    segments: SegmentService


def ask(settings: Settings, question: Callable[[SearchService], Awaitable[Answer]]) -> Answer:
    """Put one question to the search service, with a client of its own."""
    return _asked(settings, lambda services: question(services.search))


def ask_segments(settings: Settings, question: Callable[[SegmentService], Awaitable[Answer]]) -> Answer:
    """Put one question to the segments, with a client of its own."""
    return _asked(settings, lambda services: question(services.segments))


def _asked(settings: Settings, question: Callable[[Services], Awaitable[Answer]]) -> Answer:
    async def answered() -> Answer:
        client, vault = make_async_client(settings.elasticsearch), make_vault(settings)
        try:
            backend = RestrictedBackend(
                ElasticsearchBackend(client, settings.elasticsearch.index_prefix, settings.elasticsearch.timeout_s, vault),
                RestrictionReader(client, settings.elasticsearch),
            )
            cursors = Cursors(cursor_key(settings), settings.api.cursor_ttl_s, time.time)
            store = SegmentStore(client, settings.elasticsearch, vault)
            resolver = Resolver(store)
            search = SearchService(backend, cursors, resolver)
            return await question(Services(search, SegmentService(backend, store, search, resolver)))
        finally:
            await client.close()

    return asyncio.run(answered())


def print_hits(title: str, answer: SearchResponse) -> None:
    """Hits for people, with what matched."""
    rows = [
        (
            hit.id,
            hit.customer.name,
            hit.customer.gender,
            hit.customer.age,
            hit.customer.city,
            ", ".join(hit.customer.phones),
            ", ".join(hit.customer.emails),
            ", ".join(hit.matched),
        )
        for hit in answer.hits
    ]
    print_table(title, ["id", "name", "gender", "age", "city", "phones", "e-mails", "matched"], rows)
    relation = "at least " if answer.total_relation == "gte" else ""
    words.print(f"{relation}{answer.total:,} found in {answer.took_ms} ms", highlight=False)


@click.command()
@click.argument("text")
@filter_option
@click.option("--size", type=int, default=10, show_default=True, help="Hits to show.")
@click.option("--sort", default="", help="Fields, separated by commas; -revenue is descending.")
@click.option("--purpose", type=click.Choice(list(PURPOSES)), help="Mask what this purpose does not show; everything is shown without.")
@json_option
def search(text: str, filters: tuple[str, ...], size: int, sort: str, purpose: str | None, as_json: bool) -> None:
    """Look customers up.

    \b
    Examples:
      crmsearch search "jon smiht"
      crmsearch search 王 --filter city:上海 --filter age:20..39
      crmsearch search "" --filter tags:vip --sort=-revenue
      crmsearch search smith --purpose browse
    """
    request = SearchRequest(
        q=text, filters=[parse_filter(each) for each in filters], size=size, sort=[field for field in sort.split(",") if field]
    )
    view = View(sight_of(SETTINGS, purpose))
    answer = ask(connection(from_env()), lambda service: service.within(view).search(request))
    if as_json:
        print_json(answer)
    else:
        print_hits(f"Customers for {text!r}", answer)


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check what crmsearch needs on this machine, and say how to mend what is wrong.

    Exits with 1 if something is.

    \b
    Examples:
      crmsearch doctor
      crmsearch doctor --json | jq '.checks[] | select(.ok | not)'
    """
    settings = from_env()
    checks: list[tuple[str, bool, str]] = [("Python", sys.version_info >= (3, 11), sys.version.split()[0])]

    def check(name: str, look: Callable[[], str]) -> None:
        try:
            checks.append((name, True, look()))
        except CrmSearchError as error:
            checks.append((name, False, error.detail))

    def connected() -> Settings:
        return connection(settings)

    if find_spec("pyspark") is None:
        checks.append(("Spark", True, "not installed here, as in the API's image; loads are the matter of another"))
    else:
        check("Java for Spark", lambda: str(find_java("spark", settings.spark.java_home).home))
        jar = Path(settings.spark.connector_jar) if settings.spark.connector_jar else artifact_path(CONNECTOR, settings.paths.cache)
        check("connector", lambda: str(jar) if jar.is_file() else f"{CONNECTOR.file_name} is fetched at the first ingest")
    if not settings.elasticsearch.url:
        check("Java for the local node", lambda: str(find_java("elasticsearch", settings.node.java_home).home))
    check("Elasticsearch", lambda: _login_state(connected()))
    check("certificate", lambda: _certificate_state(connected()))
    check("privileges", lambda: _privileges_state(connected()))
    check("customer index", lambda: _index_state(connected()))
    check("analysts' index", lambda: _analytics_state(connected()))
    api = running_api(settings)
    checks.append(("API", True, api.url if api else "not running in the background; `crmsearch up` starts it"))
    folder = next(path for path in (settings.paths.state, *settings.paths.state.parents) if path.exists())
    free_gb = shutil.disk_usage(folder).free / 1e9
    checks.append(
        ("disk", free_gb >= MIN_FREE_GB, f"{free_gb:.0f} GB free at {folder}" + ("" if free_gb >= MIN_FREE_GB else "; free some space"))
    )
    changed = {variable: repr(value) for variable, value in changed_settings(settings).items()}
    if as_json:
        print_json({"checks": [{"name": name, "ok": good, "detail": detail} for name, good, detail in checks], "settings": changed})
    else:
        print_table(
            "crmsearch doctor", ["check", "", "detail"], [(name, "ok" if good else "WRONG", detail) for name, good, detail in checks]
        )
        print_table("Settings in use that differ from their defaults", ["variable", "value"], list(changed.items()))
    if not all(good for _, good, _ in checks):
        sys.exit(1)


def _login_state(settings: Settings) -> str:
    with make_client(settings.elasticsearch) as client:
        return f"{settings.elasticsearch.url} as {Logins(client, settings.elasticsearch.index_prefix).login()}"


def _certificate_state(settings: Settings) -> str:
    ends = expiry(settings.elasticsearch)
    if ends is None:
        return "none: plain http, on this machine alone"
    if ends - datetime.now(UTC) < MIN_VALIDITY:
        raise ConfigError(f"valid until {ends:%Y-%m-%d} only; renew it")
    return f"valid until {ends:%Y-%m-%d}"


def _privileges_state(settings: Settings) -> str:
    with make_client(settings.elasticsearch) as client:
        parts = Logins(client, settings.elasticsearch.index_prefix).suffices_for()
    if not parts:
        raise ConfigError("the login may do what no part needs; make keys with `crmsearch keys bootstrap`")
    return f"enough for {', '.join(parts)}"


def _analytics_state(settings: Settings) -> str:
    with make_client(settings.elasticsearch) as client:
        lifecycle = Lifecycle(client, settings.elasticsearch, make_vault(settings))
        live = lifecycle.live()
        if live is None:
            return "none yet; a full load makes it"
        mirror = lifecycle.analytics(live).mirror()
    if mirror is None:
        raise ConfigError("none: an older crmsearch, or a job without --analytics-index, made the customers; run `crmsearch index rebuild`")
    return mirror.index


def _index_state(settings: Settings) -> str:
    async def look(service: SearchService) -> Any:
        await service.check()
        return await service.search(SearchRequest(size=0))

    answer = ask(settings, look)
    return f"{answer.total:,}{' or more' if answer.total_relation == 'gte' else ''} customers"
