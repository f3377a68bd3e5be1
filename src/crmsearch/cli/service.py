"""``serve``, ``up``, ``down`` and ``demo``."""

import logging
import os
import shutil
import tempfile
from contextlib import suppress
from typing import Any

import click
import msgspec
import uvicorn
from uvicorn.config import LOGGING_CONFIG

from crmsearch import node as local_node
from crmsearch.background import check_binding, start_api, stop_api
from crmsearch.cli.generations import make_lifecycle, make_run_store
from crmsearch.cli.look import ask, print_hits
from crmsearch.cli.output import print_report, stages, words
from crmsearch.cli.statistics import print_stats
from crmsearch.errors import BackendError
from crmsearch.loading import IngestOptions, load_customers, report_page
from crmsearch.logs import configure_logging
from crmsearch.sample import make_sample
from crmsearch.search.request import SearchRequest
from crmsearch.search.stats import StatsRequest
from crmsearch.settings import Settings, child_environment, from_env

__all__ = ["demo", "down", "serve", "up"]

DEMO_SEED = 7
DEMO_TYPO = "Micheal Jonson"  # for Michael Johnson
GRACE_S = 10  # for requests under way when the service is stopped
HUNG_S = 15  # after which a process that says nothing is replaced; one that died is at once, and one of a busy machine is only slow


def _api_options(command: Any) -> Any:
    for option in (
        click.option("--port", type=click.IntRange(1, 65535), help="Port; CRMSEARCH_API_PORT or 8000 when left out."),
        click.option("--host", help="Address to bind to; loopback when left out."),
    ):
        command = option(command)
    return command


def _with_api(settings: Settings, host: str | None, port: int | None, workers: int | None = None) -> Settings:
    given = {name: value for name, value in (("host", host), ("port", port), ("workers", workers)) if value is not None}
    return msgspec.structs.replace(settings, api=msgspec.structs.replace(settings.api, **given))


@click.command()
@_api_options
@click.option("--workers", type=click.IntRange(1), help="API processes; CRMSEARCH_API_WORKERS or 1 when left out.")
@click.option("--state", hidden=True, help="Mark by which `crmsearch down` knows its process.")
def serve(host: str | None, port: int | None, workers: int | None, state: str | None) -> None:  # noqa: ARG001
    """Run the API and console in the foreground until Ctrl-C.

    \b
    Examples:
      crmsearch serve
      crmsearch keys create --role admin && crmsearch serve --host 0.0.0.0 --workers 4
    """
    settings = local_node.connection(_with_api(from_env(), host, port, workers))
    check_binding(settings)
    _check_contract(settings)
    # The server's processes read their settings as any other: from the environment.
    os.environ.update(child_environment(settings))
    os.environ.pop("CRMSEARCH_ELASTICSEARCH_API_KEY_FILE", None)  # the key that was in it is passed on, and two logins are refused
    with tempfile.TemporaryDirectory(prefix="crmsearch-metrics-") as counts:
        if settings.api.workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts  # where the processes count together, for any of them to tell
        _serve(settings)


def _serve(settings: Settings) -> None:
    address = f"http://{settings.api.host}:{settings.api.port}/"
    as_json = settings.log.format == "json"
    if as_json:
        configure_logging(settings.log)  # of the process that looks after several, which has no application
        logging.getLogger("crmsearch.api").info("listening at %s", address)
    else:
        words.print(f"{address}   API: /schema   Ctrl-C ends it", highlight=False)
    uvicorn.run(
        "crmsearch.api.app:create_app_from_env",
        factory=True,
        host=settings.api.host,
        port=settings.api.port,
        workers=settings.api.workers,
        loop="uvloop",
        http="httptools",
        access_log=False,  # its lines would hold query strings; the application writes its own
        log_level="warning",
        log_config=None if as_json else LOGGING_CONFIG,  # without one of its own its lines take our form
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=HUNG_S,
        server_header=False,
    )


def _check_contract(settings: Settings) -> None:
    """Refuse to serve customers of a contract that is not known; one that cannot be asked for now is told by ``/health/ready`` later."""
    with suppress(BackendError):
        make_lifecycle(settings).check_live()


@click.command()
@_api_options
def up(host: str | None, port: int | None) -> None:
    """Start the local node, unless another Elasticsearch is set, and the API with its console in the background.

    \b
    Example:
      crmsearch up && crmsearch search "wang 上海"
    """
    settings = local_node.ensure(_with_api(from_env(), host, port))
    _check_contract(settings)
    click.echo(start_api(settings, any_port=port is None).url + "/")


@click.command()
def down() -> None:
    """Stop what `up` or `demo` started; data stays.

    \b
    Example:
      crmsearch down
    """
    settings = from_env()
    api = stop_api(settings)
    words.print("API stopped" if api else "the API was not running")
    if settings.elasticsearch.url:
        words.print("Elasticsearch is not ours to stop (CRMSEARCH_ELASTICSEARCH_URL is set)")
    else:
        words.print("local node stopped" if local_node.stop(settings) else "the local node was not running")


@click.command()
@click.option("--rows", type=click.IntRange(100), default=20_000, show_default=True, help="Customer records to make.")
@_api_options
def demo(rows: int, host: str | None, port: int | None) -> None:
    """The main job on sample data: node, sample, clean, index, promote, API and console; then a search and a statistic.

    \b
    Example:
      crmsearch demo && crmsearch search "wang 上海"; crmsearch down
    """
    settings = local_node.ensure(_with_api(from_env(), host, port))
    folder = settings.paths.state / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    words.print(f"sample: {rows:,} rows in {folder}", highlight=False)
    files = make_sample(folder, rows, DEMO_SEED).files
    options = IngestOptions(
        paths=(files["customers"],), orders=(files["orders"],), tickets=(files["tickets"],), campaigns=(files["campaigns"],)
    )
    with stages() as show:
        report = load_customers(settings, make_lifecycle(settings), make_run_store(settings), options, show)
    api = start_api(settings, any_port=port is None)
    print_report(report)
    search = SearchRequest(q=DEMO_TYPO, size=5)
    print_hits(f"Search with a typo: {DEMO_TYPO!r}", ask(settings, lambda service: service.search(search)))
    stats = StatsRequest(fields=["age"], by="city", size=10)
    print_stats(stats, ask(settings, lambda service: service.stats(stats)))
    words.print(f"\nReport:  {report_page(settings, report)}", highlight=False)
    words.print(f"Console: [bold]{api.url}/[/]\nAPI:     {api.url}/schema\nStop with: make down   (or: crmsearch down)", highlight=False)
