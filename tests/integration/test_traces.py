"""Traces of a real API process over a real Elasticsearch, as a collector gets them, which is played by a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from crmsearch.background import start_api, stop_api
from crmsearch.keyfile import with_keys
from crmsearch.settings import Settings
from tests.documents import own_prefix, put_documents

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=kept-by-another", "X-Request-ID": "asked-by-a-test"}


class Collector:
    """Takes what is sent to ``/v1/traces``, by OTLP in binary form."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[Span]:
        batches = [resource for body in self.bodies for resource in ExportTraceServiceRequest.FromString(body).resource_spans]
        return [span for batch in batches for scope in batch.scope_spans for span in scope.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


@pytest.fixture
def settings(node_settings: Settings, collector: Collector, tmp_path: Path) -> Iterator[Settings]:
    with own_prefix(node_settings, "traces") as (settings, lifecycle):
        lifecycle.promote(put_documents(lifecycle, [{"customer_id": "C-00123", "name": "Ottilie Grünwald"}]))
        settings = msgspec.structs.replace(
            with_keys(settings, lifecycle.vault),
            api=msgspec.structs.replace(settings.api, traces_endpoint=collector.url),
            paths=msgspec.structs.replace(settings.paths, state_dir=str(tmp_path / "state")),
        )
        yield settings
        stop_api(settings)


def test_a_request_and_its_questions_are_one_trace_that_tells_of_nobody(collector: Collector, settings: Settings) -> None:
    with httpx.Client(base_url=start_api(settings, any_port=True).url, headers=HEADERS) as api:
        assert api.get("/v1/customers/search", params={"q": "Ottilie"}).json()["total"] == 1
        assert api.get("/v1/customers/C-00123").json()["name"] == "Ottilie Grünwald"
        assert api.get("/v1/customers/unknown-person").status_code == 404
        assert api.get("/health/ready", headers={"traceparent": ""}).status_code == 200
    stop_api(settings)  # sends the last ones

    spans = collector.spans()
    requests = {span.name: span for span in spans if span.kind == Span.SPAN_KIND_SERVER}
    assert sorted(requests) == ["GET /v1/customers/search", "GET /v1/customers/{customer_id}"]
    for span in requests.values():
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, CALLER)
    told = {each.key: each.value for each in requests["GET /v1/customers/search"].attributes}
    assert told.keys() == {"http.request.method", "http.route", "http.response.status_code", "crmsearch.request_id"}
    assert (told["http.response.status_code"].int_value, told["crmsearch.request_id"].string_value) == (200, "asked-by-a-test")
    searches = [span for span in spans if span.parent_span_id == requests["GET /v1/customers/search"].span_id]
    assert {span.name for span in searches} & {"search", "msearch"}
    for span in spans:
        assert span.trace_id.hex() == TRACE, "what belongs to no request is left out"
        assert not span.events
        assert not span.trace_state
        assert not span.status.message
    for secret in ("C-00123", "Ottilie", "unknown-person", settings.elasticsearch.index_prefix):
        assert not any(secret.encode() in body for body in collector.bodies)
