"""``kibana``: dashboards for analysts, as a file and in a running Kibana."""

import re
from pathlib import Path

import click

from crmsearch.cli.output import json_option, print_json, print_table, words
from crmsearch.errors import ConfigError
from crmsearch.indexing.client import make_client
from crmsearch.indexing.users import put_user
from crmsearch.kibana.client import Kibana, Login, parse_login
from crmsearch.kibana.objects import build_objects, to_ndjson
from crmsearch.kibana.setup import Outcome, role_name, set_up
from crmsearch.kibana.views import CONSOLE, DEFAULT_SPACE, Place
from crmsearch.node import connection
from crmsearch.progress import show_progress
from crmsearch.settings import KibanaSettings, Secret, Settings, from_env

__all__ = ["kibana"]

_SPACE = re.compile(r"[a-z0-9_-]+")
_WAIT_S = 300.0


def _check_space(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _SPACE.fullmatch(value):
        raise click.BadParameter("a space is named by its identifier, of a-z, 0-9, _ and -")
    return value


def _check_console(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"https?://[^\s{}#?]+", value):
        raise click.BadParameter("the console's address looks like https://crm.example.com")
    return value


_console = click.option(
    "--console", default=CONSOLE, show_default=True, callback=_check_console, help="Address of the console, to which customers are linked."
)
_space = click.option("--space", default=DEFAULT_SPACE, show_default=True, callback=_check_space, help="Identifier of the space in Kibana.")
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def kibana() -> None:
    """Data views and dashboards for analysts, over the customers without personal data."""


@kibana.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; stdout when left out.")
@_console
@_space
def build(out: Path | None, console: str, space: str) -> None:
    """Write data views and dashboards as a file for Kibana's «Saved Objects → Import».

    \b
    Examples:
      crmsearch kibana build --out crmsearch.ndjson
      crmsearch kibana build --console https://crm.example.com > crmsearch.ndjson
    """
    objects = build_objects(Place(prefix=from_env().elasticsearch.index_prefix, space=space, console=console))
    content = to_ndjson(objects)
    if out is None:
        click.echo(content, nl=False)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}); name another file with --out") from error
    words.print(f"{len(objects)} objects written: {out}", highlight=False, markup=False)


@kibana.command()
@click.option("--url", required=True, help="Address of Kibana, with its base path if it has one.")
@click.option("--login-file", type=_file, help="File of one line: an encoded API key, or name:password; else CRMSEARCH_KIBANA_….")
@click.option("--ca-file", type=_file, help="PEM file of the authority that signed Kibana's certificate.")
@click.option("--plain-http", is_flag=True, help="Let the login go over plain http to another machine.")
@_console
@_space
@click.option(
    "--default/--no-default",
    "default_view",
    default=True,
    help="Make all customers the default data view of the space, or leave one that there is.",
)
@click.option("--user", help="Make this user too, who has the analysts' role and nothing else; takes a login to Elasticsearch that may.")
@click.option("--user-password-file", type=_file, help="File that holds the password of --user.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(min=0), default=_WAIT_S, show_default=True, help="Longest wait for Kibana, in seconds."
)
@json_option
def setup(
    url: str,
    login_file: Path | None,
    ca_file: Path | None,
    plain_http: bool,
    console: str,
    space: str,
    default_view: bool,
    user: str | None,
    user_password_file: Path | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Bring data views, dashboards and the analysts' role into a running Kibana; run again, it changes nothing.

    What somebody changed of these dashboards is put back; copies of them are left alone.

    \b
    Examples:
      crmsearch kibana setup --url https://kibana.example.com:5601 --login-file kibana-login.txt --console https://crm.example.com
      crmsearch kibana setup --url http://localhost:5601 --user ada --user-password-file ada.txt
    """
    if (user is None) != (user_password_file is None):
        raise click.UsageError("--user and --user-password-file belong together")
    settings = from_env()
    password = Secret(_read(user_password_file).strip()) if user_password_file else Secret()
    place = Place(prefix=settings.elasticsearch.index_prefix, space=space, console=console)
    login = _login(login_file, settings.kibana)
    with Kibana(url, login, space=space, ca_file=str(ca_file or ""), plain_http=plain_http) as target:
        with show_progress("waiting for Kibana") as alive:
            target.wait(wait_s, lambda: alive(0))
        with show_progress("setting Kibana up") as alive:
            outcomes = set_up(target, place, default_view=default_view, on_step=lambda: alive(0))
    if user is not None:
        outcomes.append(_put_user(settings, user, password, role_name(place)))
    if as_json:
        print_json(outcomes)
        return
    print_table("Kibana", ["what", "id", "state"], [(each.kind, each.name, each.state) for each in outcomes])
    changed = sum(each.state != "unchanged" for each in outcomes)
    words.print(f"{changed} of {len(outcomes)} were changed." if changed else "Nothing had to be changed.", highlight=False)


def _put_user(settings: Settings, user: str, password: Secret, role: str) -> Outcome:
    with make_client(connection(settings).elasticsearch) as client:
        return Outcome("user", user, put_user(client, user, password, role))


def _login(file: Path | None, settings: KibanaSettings) -> Login:
    if file is not None:
        return parse_login(_read(file))
    if settings.username and settings.api_key:
        raise ConfigError("CRMSEARCH_KIBANA_USERNAME and CRMSEARCH_KIBANA_API_KEY are set; one login is needed, so unset the other")
    if not settings.username and not settings.api_key:
        raise ConfigError(
            "no login for Kibana; give --login-file, or set CRMSEARCH_KIBANA_USERNAME and _PASSWORD, or CRMSEARCH_KIBANA_API_KEY"
        )
    return Login(username=settings.username, password=settings.password, api_key=settings.api_key)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__})") from error
