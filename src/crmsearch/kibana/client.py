"""Kibana's HTTP API, as far as it is needed here, and what it refuses turned into ours.

What Kibana says of an error is passed on only where it is about a request of ours that it does not understand. The login is in a
header, never in a URL.
"""

import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec

from crmsearch.errors import ConfigError, KibanaError
from crmsearch.kibana.objects import to_ndjson
from crmsearch.kibana.views import DEFAULT_SPACE
from crmsearch.processes import wait_until
from crmsearch.settings import LOOPBACK, Secret

__all__ = ["Kibana", "Login", "parse_login"]

Body = dict[str, Any]

_TIMEOUT_S = 60.0  # of one answer; an import takes some seconds
_SAID = 200  # characters of a sentence of its
_STARTING = frozenset({502, 503, 504})


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A user with password, or an encoded API key."""

    username: str = ""
    password: Secret = Secret()
    api_key: Secret = Secret()


def parse_login(text: str) -> Login:
    """What a file says: ``name:password``, or an encoded API key, which has no colon.

    Raises:
        ConfigError: it is neither.
    """
    text = text.strip()
    name, colon, password = text.partition(":")
    if "\n" in text or not text or (colon and not (name and password)) or (not colon and len(text.split()) > 1):
        raise ConfigError("the login file must hold one line: an encoded API key, or name:password")
    return Login(username=name, password=Secret(password)) if colon else Login(api_key=Secret(text))


class Kibana:
    """One space of one Kibana."""

    def __init__(self, url: str, login: Login, *, space: str = DEFAULT_SPACE, ca_file: str = "", plain_http: bool = False) -> None:
        """Connect to nothing yet.

        Args:
            url: of Kibana, with its base path if it has one.
            login: who may make data views, dashboards and roles.
            space: whose objects are meant.
            ca_file: PEM file of the authority to trust; that of this machine when left out.
            plain_http: whether the login may go over plain http to another machine.

        Raises:
            ConfigError: one of these cannot be used.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ConfigError("the address of Kibana is not a URL; it looks like https://kibana.example.com:5601")
        if parts.username is not None:
            raise ConfigError("the address of Kibana holds a login, which would show in logs; put it into a file for --login-file")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not plain_http:
            raise ConfigError(
                "the address of Kibana is plain http to another machine, which would show the login to the network; use https://, or say "
                "--plain-http where nobody else is on that network"
            )
        headers = {"kbn-xsrf": "crmsearch"}
        if login.api_key:
            headers["Authorization"] = f"ApiKey {login.api_key!s}"
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers=headers,
            auth=(login.username, str(login.password)) if login.username else None,
            verify=_make_context(ca_file) if parts.scheme == "https" else True,
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
        self._space = space
        self._within = "" if space == DEFAULT_SPACE else f"/s/{space}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def wait(self, timeout_s: float, on_wait: Callable[[], object] = lambda: None) -> None:
        """Wait until Kibana says that it is available.

        Raises:
            KibanaError: it did not within ``timeout_s``, or is no Kibana.
        """
        said = "nothing"

        def available() -> bool:
            nonlocal said
            on_wait()
            said = self._level()
            return said == "available"

        if not wait_until(available, timeout_s):
            raise KibanaError(f"Kibana did not become available within {timeout_s:g} s; at last it said: {said}")

    def _level(self) -> str:
        try:
            answer = self._http.get("/api/status")
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise _untrusted() from error
            return f"no answer ({type(error).__name__})"
        if answer.status_code in _STARTING:
            return "it is starting"
        if answer.status_code in {401, 403}:
            raise _refused(answer.status_code, "ask for its status")
        try:
            return str(answer.json()["status"]["overall"]["level"])
        except (ValueError, KeyError, TypeError) as error:
            raise KibanaError(
                f"what answers at this address (status {answer.status_code}) is not Kibana; is a base path missing?"
            ) from error

    def check_space(self) -> None:
        """Raise ``KibanaError`` if there is no such space."""
        if self._within and self._ask("GET", f"/api/spaces/space/{self._space}", "look at the space", missing=True) is None:
            raise KibanaError(f"Kibana has no space {self._space}; make it first, or name another with --space")

    def data_view(self, view_id: str) -> Body | None:
        found = self._ask("GET", f"{self._within}/api/data_views/data_view/{view_id}", "read data views", missing=True)
        return None if found is None else dict(found["data_view"])

    def put_data_view(self, view: Body) -> None:
        self._ask("POST", f"{self._within}/api/data_views/data_view", "make data views", json={"override": True, "data_view": view})

    def default_view(self) -> str | None:
        found = self._ask("GET", f"{self._within}/api/data_views/default", "read data views")
        return found.get("data_view_id") or None

    def set_default_view(self, view_id: str) -> None:
        self._ask(
            "POST", f"{self._within}/api/data_views/default", "set the default data view", json={"data_view_id": view_id, "force": True}
        )

    def dashboards(self, ids: Sequence[str]) -> dict[str, Body]:
        """Those that there are, by id, as Kibana exports them. It exports all that are asked for or none, and says which are missing."""
        missing: set[str] = set()
        while wanted := [each for each in ids if each not in missing]:
            body = {
                "objects": [{"type": "dashboard", "id": each} for each in wanted],
                "includeReferencesDeep": False,
                "excludeExportDetails": True,
            }
            answer = self._send("POST", f"{self._within}/api/saved_objects/_export", json=body)
            if answer.status_code != 400:
                self._check(answer, "export dashboards")
                return {each["id"]: each for each in map(msgspec.json.decode, answer.content.splitlines())}
            named = {each.get("id") for each in _json(answer).get("attributes", {}).get("objects", [])} & set(wanted)
            if not named:
                raise KibanaError("Kibana does not export dashboards that it may hold (status 400)")
            missing |= named
        return {}

    def import_objects(self, objects: Sequence[Body]) -> None:
        """Put saved objects in the place of those of the same ids.

        Raises:
            KibanaError: Kibana took not all of them; with each that it did not take, and the kind of its reason.
        """
        file = {"file": ("crmsearch.ndjson", to_ndjson(objects), "application/ndjson")}
        path = f"{self._within}/api/saved_objects/_import"
        answer: Body = self._ask("POST", path, "import dashboards", params={"overwrite": "true"}, files=file)
        errors = [
            f"{each.get('type')} {each.get('id')}: {each.get('error', {}).get('type', 'unknown')}" for each in answer.get("errors", [])
        ]
        if errors or not answer.get("success") or answer.get("successCount") != len(objects):
            raise KibanaError(
                f"Kibana imported {answer.get('successCount', 0)} of {len(objects)} objects; {'; '.join(errors) or 'it does not say why'}"
            )
        # Where another space has an object of the same id, Kibana makes up a new one, and links would lead nowhere.
        renamed = [each["id"] for each in answer.get("successResults", []) if each.get("destinationId", each["id"]) != each["id"]]
        if renamed:
            raise KibanaError(f"Kibana gave {', '.join(renamed)} other ids, since another space has these; name the space with --space")

    def role(self, name: str) -> Body | None:
        found: Body | None = self._ask("GET", f"/api/security/role/{name}", "read roles", missing=True)
        return found

    def put_role(self, name: str, role: Body) -> None:
        self._ask("PUT", f"/api/security/role/{name}", "make roles", json=role)

    def _ask(self, method: str, path: str, what: str, *, missing: bool = False, **content: Any) -> Any:
        answer = self._send(method, path, **content)
        if missing and answer.status_code == 404:
            return None
        self._check(answer, what)
        return _json(answer) if answer.content else {}

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise _untrusted() from error
            raise KibanaError(f"Kibana does not answer any more ({type(error).__name__}); what was done stays, so try again") from error

    @staticmethod
    def _check(answer: httpx.Response, what: str) -> None:
        if answer.status_code in {401, 403}:
            raise _refused(answer.status_code, what)
        if not answer.is_success:
            # A request that it does not take was ours, and so there is nothing about anybody in what it says of it.
            said = f": {str(_json(answer).get('message', ''))[:_SAID]}" if answer.status_code == 400 else ""
            raise KibanaError(f"Kibana does not let itself be told to {what} (status {answer.status_code}{said})")


def _json(answer: httpx.Response) -> Body:
    try:
        body = answer.json()
    except ValueError as error:
        raise KibanaError(f"what answers at this address (status {answer.status_code}) is not Kibana") from error
    return body if isinstance(body, dict) else {}


def _refused(status: int, what: str) -> KibanaError:
    if status == 401:
        return KibanaError("Kibana refuses the login; give the right one by --login-file or CRMSEARCH_KIBANA_USERNAME and _PASSWORD")
    return KibanaError(f"the login may not {what} in Kibana; take one that may manage the space and roles, such as elastic, this once")


def _untrusted() -> KibanaError:
    return KibanaError("the certificate of Kibana is not to be trusted; name the PEM file of its authority with --ca-file")


def _make_context(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # of ssl too
        raise ConfigError("--ca-file is not a file with certificates in PEM form that can be read") from error
    # As for Elasticsearch: its authorities lack the extension «key usage», for which Python 3.13 would refuse them.
    context.verify_flags = (context.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    return context
