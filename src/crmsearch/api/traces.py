"""Traces for OpenTelemetry: a span for each request of ``/v1``, and beneath it one for each question to Elasticsearch.

They leave the process by OTLP over HTTP, and hold what ``_TOLD`` names (semantic conventions for HTTP and database spans) and nothing else:
no path, no query string, no id but the request's (which a caller may choose), no text of an error, no state of other systems. The client of
Elasticsearch makes its spans by itself; what it puts into them beyond that is left out, as is whatever a later version may add. How many
are kept, and what else is said of the service, OpenTelemetry's own variables set (``OTEL_TRACES_SAMPLER``, ``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_EXPORTER_OTLP_HEADERS``).

This needs ``pip install 'crmsearch[traces]'``; nothing else imports it.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from crmsearch import __version__

__all__ = ["OfRequests", "Reserved", "end_tracing", "start_tracing", "traced"]

logger = logging.getLogger("crmsearch.traces")

_TIMEOUT_S = 3.0  # for the collector to take a batch, and for the end of the process to wait for all that are left
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
        result = self._exporter.export([_reserved(span) for span in spans])
        if result is not SpanExportResult.SUCCESS:
            logger.warning("the collector did not take %d spans", len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class OfRequests(Sampler):
    """Samples as another does, but what belongs to no request: questions of probes, and of what runs in the background."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(self, parent_context: Any, trace_id: int, name: str, kind: Any = None, *given: Any, **named: Any) -> SamplingResult:
        if kind is not SpanKind.SERVER and not trace.get_current_span(parent_context).get_span_context().is_valid:
            return SamplingResult(Decision.DROP)
        return self._sampler.should_sample(parent_context, trace_id, name, kind, *given, **named)

    def get_description(self) -> str:
        return f"OfRequests({self._sampler.get_description()})"


def start_tracing(endpoint: str) -> TracerProvider:
    """Let all spans of this process go to a collector, from a thread of its own.

    Args:
        endpoint: the collector's address without ``/v1/traces``, such as ``http://127.0.0.1:4318``.

    Raises:
        ValueError: one of OpenTelemetry's own variables has an impossible value.
    """
    # It quotes what it does not understand, headers with tokens too; that spans are lost is told here.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    # The end is ours to bound, which that by itself at the exit of the process is not.
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "crmsearch", SERVICE_VERSION: __version__}), shutdown_on_exit=False)
    provider.sampler = OfRequests(provider.sampler)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(Reserved(exporter)))
    trace.set_tracer_provider(provider)
    return provider


def end_tracing(provider: TracerProvider) -> None:
    """Send the last spans, as far as the collector takes them in time."""
    last = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
    last.start()
    last.join(_TIMEOUT_S)


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
        context=_without_state(span.context),
        parent=_without_state(span.parent),
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in _TOLD},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _without_state(context: SpanContext | None) -> SpanContext | None:
    """Where a span belongs, without what systems before this one pass on with it."""
    return context and SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
