"""``crmsearch node``: the embedded local Elasticsearch node from the command line."""

from contextlib import suppress

import click
import msgspec
from rich.console import Console

from crmsearch import node as local
from crmsearch.errors import NodeError
from crmsearch.node.installation import ELASTICSEARCH_VERSION, install
from crmsearch.settings import from_env

__all__ = ["node"]


def _say(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, markup=False, soft_wrap=True)


@click.group()
def node() -> None:
    """The local Elasticsearch that crmsearch brings along.

    It listens on this machine only, asks for a password, and keeps its data in CRMSEARCH_STATE_DIR. With CRMSEARCH_ELASTICSEARCH_URL
    set, crmsearch uses that Elasticsearch instead and starts nothing here.
    """


@node.command("install")
@click.option("--tarball", default="", metavar="FILE|URL", help="Official elasticsearch .tar.gz to install instead of the fetched one.")
def install_command(tarball: str) -> None:
    """Fetch and unpack the server; prints its folder.

    Needed once; ~900 MiB are fetched, ~200 MiB kept.

    \b
    Examples:
      crmsearch node install
      crmsearch node install --tarball ~/Downloads/elasticsearch-9.4.3-linux-x86_64.tar.gz
    """
    settings = from_env()
    if tarball and local.status(settings)["pid"] is not None:
        raise NodeError("the local node is running; stop it first: crmsearch node stop")
    click.echo(install(settings, tarball))
    _say(f"Elasticsearch {ELASTICSEARCH_VERSION} is installed; start it with `crmsearch node start`.")


@node.command("start")
@click.option("--tls", is_flag=True, help="Speak TLS, with an authority made for it; CRMSEARCH_NODE_TLS does the same for every start.")
def start_command(tls: bool) -> None:
    """Start the node, installing it first if need be; prints its address.

    \b
    Examples:
      crmsearch node start
      crmsearch node start --tls
      CRMSEARCH_NODE_HEAP=4g CRMSEARCH_NODE_PORT=9250 crmsearch node start
    """
    settings = from_env()
    settings = msgspec.structs.replace(settings, node=msgspec.structs.replace(settings.node, tls=tls or settings.node.tls))
    record = local.start(settings)
    click.echo(record.url)
    files = local.node_files(settings)
    _say(f"Elasticsearch {record.version} runs as process {record.pid}; user {record.username}, password in {files.password}.")
    if record.url.startswith("https:"):
        _say(f"Its certificate is signed by {files.authority}.")
    elif tls:
        _say("It was running already, without TLS; stop it first: crmsearch node stop")


@node.command("stop")
def stop_command() -> None:
    """Stop the node; its data stays.

    \b
    Example:
      crmsearch node stop
    """
    _say("The local node is stopped." if local.stop(from_env()) else "No local node is running.")


@node.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: url, version, state_dir, pid, health.")
def status_command(as_json: bool) -> None:
    """Show how the node is: green, yellow, red, unreachable or stopped.

    \b
    Examples:
      crmsearch node status
      crmsearch node status --json | jq -r .url
    """
    settings = from_env()
    state = local.status(settings)
    if as_json:
        click.echo(msgspec.json.encode(state).decode())
    else:
        for key, value in state.items():
            click.echo(f"{key:<10} {'-' if value is None else value}")
    if settings.elasticsearch.url:
        _say("CRMSEARCH_ELASTICSEARCH_URL is set: crmsearch uses that Elasticsearch, not the local node.")


@node.command("logs")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many of the last lines.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with lines as they come, until Ctrl-C.")
def logs_command(lines: int, following: bool) -> None:
    """Show the last lines of the node's log.

    \b
    Examples:
      crmsearch node logs -n 200
      crmsearch node logs -f
    """
    settings = from_env()
    for line in local.logs(settings, lines):
        click.echo(line)
    if following:
        with suppress(KeyboardInterrupt):
            for line in local.follow(settings):
                click.echo(line)
