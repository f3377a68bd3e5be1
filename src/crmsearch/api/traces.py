"""Traces for OpenTelemetry: a span for each request of ``/v1``, and beneath it one for each question to Elasticsearch.

They leave the process by OTLP over HTTP, and hold what ``_TOLD`` names (semantic conventions for HTTP and database spans) and nothing else:
no path, no query string, no id but the request's, no text of an error. The client of Elasticsearch makes its spans by itself; what it puts
into them beyond that is left out, as is whatever a later version may add. How many are kept, and what else is said of the service,
OpenTelemetry's own variables set (``OTEL_TRACES_SAMPLER``, ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_EXPORTER_OTLP_HEADERS``).

This needs ``pip install 'crmsearch[traces]'``; nothing else imports it.
"""

from collections.abc import Sequence

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from crmsearch import __version__

__all__ = ["Reserved", "start_tracing", "traced"]

_TIMEOUT_S = 3.0  # for the collector to take a batch; the end of the process waits no longer for one that is away
_TOLD = frozenset(
    {
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "crmsearch.request_id",
        "db.operation.name",
        "db.response.status_code",
        "db.system.name",
        "server.address",
        "server.port",
    }
)


class Reserved(SpanExporter):
    """Hands spans on without what they must not tell."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_reserved(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def start_tracing(endpoint: str) -> TracerProvider:
    """Let all spans of this process go to a collector, from a thread of its own; ``shutdown`` sends the last ones.

    Args:
        endpoint: the collector's address without ``/v1/traces``, such as ``http://127.0.0.1:4318``.
    """
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "crmsearch", SERVICE_VERSION: __version__}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(Reserved(exporter)))
    trace.set_tracer_provider(provider)
    return provider


def traced(app: ASGIApp, provider: trace.TracerProvider) -> ASGIApp:
    """Wrap the application: each request of ``/v1`` is a span, part of the caller's trace if it names one (W3C Trace Context)."""
    tracer, propagator = provider.get_tracer("crmsearch"), TraceContextTextMapPropagator()

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        # Probes and files of the console would be most of all spans.
        if scope["type"] != ScopeType.HTTP or not scope["path"].startswith("/v1/"):
            await app(scope, receive, send)
            return
        status = 500

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method: str = scope["method"]
        caller = propagator.extract({name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]})
        with tracer.start_as_current_span(method, caller, SpanKind.SERVER, record_exception=False) as span:
            try:
                await app(scope, receive, noting_send)
            finally:
                route = scope.get("path_template") or "unrouted"
                span.update_name(f"{method} {route}")
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", status)
                span.set_attribute("crmsearch.request_id", scope.get("state", {}).get("request_id", ""))
                if status >= 500:
                    span.set_status(StatusCode.ERROR)

    return wrapped


def _reserved(span: ReadableSpan) -> ReadableSpan:
    """The span without its events and the words of its status, which may be those of an error that quotes somebody."""
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in _TOLD},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
