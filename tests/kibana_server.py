"""A stand-in that speaks as much of Kibana's documented HTTP API as setting it up takes, and keeps what it is given.

It is as strict as Kibana where that is documented: writes need ``kbn-xsrf``, imports need all references, a data view of a name that is
taken is put in the place of the other one, the first data view is the default one, ids are unique over all spaces.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

Body = dict[str, Any]
Answer = tuple[int, Any]

USER, PASSWORD, API_KEY = "elastic", "right:one", "a2V5OnNlY3JldA=="
_SPACED = re.compile(r"(?:/s/(?P<space>[^/]+))?(?P<path>/api/.*)")
_ROLE_KEYS = {"description", "metadata", "elasticsearch", "kibana"}


class StandIn:
    """What it holds, and what it shall do wrong.

    Attributes:
        url: where it listens.
        starting: how often it says yet that it is starting.
        views, dashboards: by space and id.
        writes: the calls that would change something, in order.
        features: what it has, as a role names them.
        forbidden: a part of a path for which the login does not suffice.
        unimportable: ids that it does not import, with the kind of the reason.
        forgets: whether it answers that all went well, and keeps nothing.
        level: what it says of itself once it has started.
        garbled: whether it answers as something else would.
    """

    def __init__(self) -> None:
        self.url = ""
        self.starting = 0
        self.spaces = {"default", "sales"}
        self.views: dict[tuple[str, str], Body] = {}
        self.dashboards: dict[tuple[str, str], Body] = {}
        self.default: dict[str, str] = {}
        self.roles: dict[str, Body] = {}
        self.features = {"dashboard_v2", "discover_v2", "visualize_v2"}
        self.writes: list[str] = []
        self.forbidden = ""
        self.unimportable: dict[str, str] = {}
        self.forgets = False
        self.level = "available"
        self.garbled = False

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
        url = urlsplit(target)
        if self.garbled:
            return 200, b"<html>a router's own page</html>"
        if url.path == "/api/status":
            return self._status()
        match = _SPACED.fullmatch(url.path)
        if match is None:
            return 404, _error(404)
        if not self.may_enter(headers.get("Authorization", "")):
            return 401, _error(401)
        if self.forbidden and self.forbidden in url.path:
            return 403, _error(403)
        if method != "GET" and not headers.get("kbn-xsrf"):
            return 400, _error(400, "Request must contain a kbn-xsrf header.")
        space, path = match["space"] or "default", match["path"]
        if space not in self.spaces:
            return 404, _error(404)
        if method != "GET" and not path.endswith("_export"):
            self.writes.append(f"{method} {path}")
        return self._route(method, path, space, parse_qs(url.query), headers, body)

    def may_enter(self, authorization: str) -> bool:
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return authorization in {f"Basic {known}", f"ApiKey {API_KEY}"}

    def _status(self) -> Answer:
        if self.starting:
            self.starting -= 1
            return 503, b"Kibana server is not ready yet"
        return 200, {"status": {"overall": {"level": self.level}}}

    def _route(self, method: str, path: str, space: str, query: dict[str, list[str]], headers: Any, body: bytes) -> Answer:
        last = path.rpartition("/")[2]
        if path.startswith("/api/security/role/"):
            return self._role(method, last, body)
        if path.startswith("/api/spaces/space/"):
            return (200, {"id": last}) if last in self.spaces else (404, _error(404))
        if path == "/api/data_views/default":
            return self._default(method, space, body)
        if path.startswith("/api/data_views/data_view"):
            return self._put_view(space, msgspec.json.decode(body)) if method == "POST" else self._get_view(space, last)
        if path == "/api/saved_objects/_import":
            return self._import(space, query.get("overwrite") == ["true"], headers, body)
        if path == "/api/saved_objects/_export":
            return self._export(space, msgspec.json.decode(body))
        return 404, _error(404)

    def _role(self, method: str, name: str, body: bytes) -> Answer:
        if method == "GET":
            found = self.roles.get(name)
            extra = {"name": name, "metadata": {}, "transient_metadata": {"enabled": True}, "_transform_error": []}
            return (200, found | extra) if found else (404, _error(404))
        role = msgspec.json.decode(body)
        if unknown := set(role) - _ROLE_KEYS:
            return 400, _error(400, f"[request body.{unknown.pop()}]: definition for this key is missing")
        if unknown := {feature for each in role["kibana"] for feature in each["feature"]} - self.features:
            return 400, _error(400, f"Feature [{unknown.pop()}] does not exist")
        role["elasticsearch"]["indices"] = [each | {"allow_restricted_indices": False} for each in role["elasticsearch"]["indices"]]
        if not self.forgets:
            self.roles[name] = role
        return 204, b""

    def _default(self, method: str, space: str, body: bytes) -> Answer:
        if method == "GET":
            return 200, {"data_view_id": self.default.get(space, "")}
        wanted = msgspec.json.decode(body)
        if wanted.get("force") or space not in self.default:
            self.default[space] = wanted["data_view_id"]
        return 200, {"acknowledged": True}

    def _get_view(self, space: str, view_id: str) -> Answer:
        found = self.views.get((space, view_id))
        extra = {"version": "WzEsMV0=", "namespaces": [space], "fields": {}, "sourceFilters": []}
        return (200, {"data_view": found | extra}) if found else (404, _error(404))

    def _put_view(self, space: str, body: Body) -> Answer:
        view = body["data_view"]
        twins = [key for key, each in self.views.items() if key[0] == space and each["name"] == view["name"]]
        if twins and not body.get("override"):
            return 400, _error(400, f"Duplicate data view: {view['name']}")
        for key in twins:
            del self.views[key]
        if not self.forgets:
            self.views[space, view["id"]] = view
            self.default.setdefault(space, view["id"])
        return 200, {"data_view": view}

    def _import(self, space: str, overwrite: bool, headers: Any, body: bytes) -> Answer:
        done, errors = [], []
        for each in _uploaded(headers, body):
            what: Body = {"type": each["type"], "id": each["id"]}
            lost = [one for one in each["references"] if (space, one["id"]) not in {*self.views, *self.dashboards}]
            if reason := self.unimportable.get(each["id"]):
                errors.append(what | {"error": {"type": reason}})
            elif lost:
                errors.append(what | {"error": {"type": "missing_references", "references": lost}})
            elif (space, each["id"]) in self.dashboards and not overwrite:
                errors.append(what | {"error": {"type": "conflict"}})
            elif any(key[1] == each["id"] and key[0] != space for key in self.dashboards):
                done.append(what | {"destinationId": "made-up"})
            else:
                done.append(what)
                if not self.forgets:
                    self.dashboards[space, each["id"]] = each
        answer: Body = {"success": not errors, "successCount": len(done), "successResults": done}
        return 200, answer | ({"errors": errors} if errors else {})

    def _export(self, space: str, body: Body) -> Answer:
        keys = [(space, each["id"]) for each in body["objects"]]
        if missing := [{"id": key[1], "type": "dashboard", "error": {"statusCode": 404}} for key in keys if key not in self.dashboards]:
            return 400, _error(400, "Error fetching objects to export") | {"attributes": {"objects": missing}}
        # As one that has brought the objects up to date.
        newer = {"typeMigrationVersion": "10.3.0", "updated_at": "2026-01-01T00:00:00Z", "version": "WzEsMV0="}
        return 200, b"\n".join(msgspec.json.encode(self.dashboards[key] | newer) for key in keys)


def _error(status: int, message: str = "no") -> Body:
    return {"statusCode": status, "error": "Error", "message": message}


def _uploaded(headers: Any, body: bytes) -> list[Body]:
    """The lines of the one file of a form."""
    form = BytesParser().parsebytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    [part] = list(form.walk())[1:]
    assert (part.get_filename() or "").endswith(".ndjson"), "Kibana takes no other files"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return [msgspec.json.decode(line) for line in content.splitlines()]


def make_server(kibana: StandIn, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """What listens for it, on any port if none is said."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = kibana.answer(self.command, self.path, self.headers, body)
            content = said if isinstance(said, bytes) else msgspec.json.encode(said)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    return ThreadingHTTPServer((host, port), Handler)


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """A stand-in that listens until the end of the block."""
    kibana = StandIn()
    server = make_server(kibana)
    kibana.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield kibana
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
