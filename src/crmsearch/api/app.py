"""The application: ``create_app`` puts the parts together, ``create_app_from_env`` is what the server starts."""

import multiprocessing
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import swagger_ui
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router

from crmsearch import __version__
from crmsearch.api.access import Door, make_access_guard, make_request_check, provide_may_see_personal
from crmsearch.api.audit import audit_router
from crmsearch.api.audited import make_audited, provide_disclosure
from crmsearch.api.bodies import StrictRequest
from crmsearch.api.customers import customers_router
from crmsearch.api.generations import generations_router
from crmsearch.api.health import live, ready
from crmsearch.api.insights import insights_router
from crmsearch.api.issuer import Issuer
from crmsearch.api.keys import keys_router
from crmsearch.api.limits import Buckets, make_spend
from crmsearch.api.metrics import metrics_router, note_audit
from crmsearch.api.middleware import observed
from crmsearch.api.openapi import JsonPage, SwaggerPage
from crmsearch.api.problems import EXCEPTION_HANDLERS
from crmsearch.api.rights import rights_router
from crmsearch.api.routing import decoded_parameters, routed
from crmsearch.api.runs import list_rules, runs_router
from crmsearch.api.segments import segments_router
from crmsearch.api.session import session_router
from crmsearch.api.stats import list_fields, stats_router
from crmsearch.api.viewed import Viewed, list_purposes, provide_view
from crmsearch.api.writes import writes_router
from crmsearch.errors import ConfigError
from crmsearch.indexing.access import KeyReader, KeyStore
from crmsearch.indexing.audit import AuditTrail
from crmsearch.indexing.audit_reader import AuditReader
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.erasure import Erasure
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.restrictions import RestrictionReader
from crmsearch.indexing.runs import RunStore
from crmsearch.indexing.segments import SegmentStore
from crmsearch.indexing.suppressions import SuppressionReader
from crmsearch.indexing.writes import WriteStore
from crmsearch.keyfile import cursor_key, make_vault, privacy_key
from crmsearch.logs import configure_logging
from crmsearch.privacy.session import Sessions
from crmsearch.rights import Rights
from crmsearch.search.cursor import Cursors
from crmsearch.search.insight_service import InsightService
from crmsearch.search.resolver import Resolver, utc_now
from crmsearch.search.segment_service import SegmentService
from crmsearch.search.service import ElasticsearchBackend, SearchService
from crmsearch.search.view import RestrictedBackend, SearchBackend
from crmsearch.settings import ApiSettings, from_env

__all__ = ["create_app", "create_app_from_env"]

MAX_BODY_BYTES = 1_000_000  # a request with every limit used up is smaller
_KEY = SecurityScheme(
    type="http",
    scheme="bearer",
    description="A key made by `crmsearch keys create`, that of CRMSEARCH_API_KEY, or a token of the single sign-on; none is needed as "
    "long as there is neither",
)
_CONSOLE = Path(__file__).parent / "console"
_SWAGGER = Path(swagger_ui.__file__).parent / "static"


def create_app(
    backend: SearchBackend,
    settings: ApiSettings | None = None,
    runs: RunStore | None = None,
    segments: SegmentStore | None = None,
    writes: WriteStore | None = None,
    keys: KeyReader | None = None,
    rights: Rights | None = None,
    clock: Callable[[], datetime] = utc_now,
    trail: AuditTrail | None = None,
    events: AuditReader | None = None,
    buckets: Buckets | None = None,
    issuer: Issuer | None = None,
    key_store: KeyStore | None = None,
    lifecycle: Lifecycle | None = None,
) -> Litestar:
    """The API and console over any backend; runs, segments with insights, writes and rights are there if they have a store; ``keys``
    are those of its callers. What is shown of customers is recorded in ``trail``, and read from ``events``; ``buckets`` keep
    callers to their limits, and tokens of ``issuer`` are taken in the place of keys. Keys are made in ``key_store``, and generations are
    those of ``lifecycle``.

    Without a key for them in the settings, cursors and sessions are good as long as this application lives.
    """
    settings = settings or ApiSettings()
    own_key = settings.cursor_key or secrets.token_urlsafe(32)
    cursors = Cursors(own_key, settings.cursor_ttl_s, time.time)
    door = Door(settings.key, keys, Sessions(own_key, settings.session_ttl_s, time.time), trail, buckets, issuer)
    resolver = Resolver(segments, clock)
    service = SearchService(backend, cursors, resolver, settings.small_group)
    segment_service = SegmentService(backend, segments, service, resolver, settings.small_group) if segments else None
    insight_service = InsightService(backend, segments, resolver, settings.small_group) if segments else None

    async def provide_whole_service() -> SearchService:
        return service

    async def provide_service(view: Viewed) -> SearchService:
        return service.within(view)

    async def provide_runs() -> RunStore | None:
        return runs

    async def provide_segments(view: Viewed) -> SegmentService | None:
        return segment_service and segment_service.within(view)

    async def provide_insights(view: Viewed) -> InsightService | None:
        return insight_service and insight_service.within(view)

    async def provide_writes(view: Viewed) -> WriteStore | None:
        if writes is None or (view.rows is None and not view.answers_the_person):
            return writes
        return writes.within(view.rows, for_the_person=view.answers_the_person)

    async def provide_rights(view: Viewed) -> Rights | None:
        return rights if rights is None or view.rows is None else rights.within(view.rows)

    async def provide_key_store() -> KeyStore | None:
        return key_store

    async def provide_lifecycle() -> Lifecycle | None:
        return lifecycle

    async def provide_door() -> Door:
        return door

    async def provide_events() -> AuditReader | None:
        return events

    # Before the first key is made, which the document cannot know of, none is needed: the empty requirement says so.
    security: list[dict[str, list[str]]] = [{"key": []}] if settings.key or issuer else [{"key": []}, {}]
    guard = make_access_guard(door, trail, buckets)
    version_1 = Router(
        path="/v1",
        route_handlers=[
            customers_router,
            stats_router,
            list_fields,
            list_purposes,
            list_rules,
            *([runs_router] if runs else []),
            *([segments_router, insights_router] if segments else []),
            *([writes_router] if writes else []),
            *([rights_router] if rights else []),
            *([audit_router] if events else []),
            *([keys_router] if key_store else []),
            *([generations_router] if lifecycle else []),
        ],
        middleware=[*([make_audited(trail)] if trail else []), decoded_parameters],
        guards=[guard],
        security=security,
        dependencies={
            "view": Provide(provide_view),
            "service": Provide(provide_service),
            "segments": Provide(provide_segments),
            "insights": Provide(provide_insights),
            "writes": Provide(provide_writes),
            "rights": Provide(provide_rights),
            "disclosed": Provide(provide_disclosure),
        },
    )
    guarded = Router(path="/", route_handlers=[metrics_router], guards=[guard], security=security)
    app = Litestar(
        route_handlers=[
            version_1,
            guarded,
            session_router,
            live,
            ready,
            create_static_files_router("/assets/swagger", [_SWAGGER], include_in_schema=False, name="swagger"),
            create_static_files_router("/", [_CONSOLE], html_mode=True, include_in_schema=False, name="console"),
        ],
        dependencies={
            "service": Provide(provide_whole_service),
            "runs": Provide(provide_runs),
            "events": Provide(provide_events),
            "door": Provide(provide_door),
            "key_store": Provide(provide_key_store),
            "lifecycle": Provide(provide_lifecycle),
            "may_see_personal": Provide(provide_may_see_personal),
            "spend": Provide(make_spend(buckets)),
        },
        on_startup=[trail.start] if trail else [],
        on_shutdown=[trail.stop] if trail else [],
        exception_handlers=EXCEPTION_HANDLERS,
        before_request=make_request_check(settings),
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=OpenAPIConfig(
            title="crmsearch",
            version=__version__,
            path="/schema",
            use_handler_docstrings=True,
            components=Components(security_schemes={"key": _KEY}),
            render_plugins=[
                JsonPage(),
                SwaggerPage(
                    js_url="/assets/swagger/swagger-ui-bundle.js",
                    css_url="/assets/swagger/swagger-ui.css",
                    standalone_preset_js_url="/assets/swagger/swagger-ui-standalone-preset.js",
                    favicon='<link rel="icon" href="/favicon.svg">',
                    path="/",
                ),
            ],
        ),
        logging_config=None,
    )
    # Around routing too, which Litestar's own middleware is not: an unknown path gets an id and a line as any other.
    app.asgi_handler = routed(observed(app.asgi_handler))
    return app


def create_app_from_env() -> Litestar:
    """The application as the server process starts it: all it needs comes from ``CRMSEARCH_*`` variables."""
    _end_with_supervisor()
    settings = from_env()
    configure_logging(settings.log)
    client, slow_client = make_async_client(settings.elasticsearch), make_client(settings.elasticsearch)
    # Tries anew would each take up to the timeout, and here nothing bounds them together.
    runs = RunStore(slow_client.options(max_retries=0), settings.elasticsearch)
    vault = make_vault(settings)
    erasure = Erasure(slow_client, settings.elasticsearch, vault)
    lifecycle = Lifecycle(slow_client, settings.elasticsearch, vault)
    suppressions = SuppressionReader(client, settings.elasticsearch, privacy_key(settings))
    buckets = Buckets(settings.paths.state / "api" / "limits.sqlite")
    app = create_app(
        RestrictedBackend(
            ElasticsearchBackend(client, settings.elasticsearch.index_prefix, settings.elasticsearch.timeout_s, vault),
            RestrictionReader(client, settings.elasticsearch),
        ),
        msgspec.structs.replace(settings.api, cursor_key=cursor_key(settings)),
        runs,
        SegmentStore(client, settings.elasticsearch, vault),
        WriteStore(client, settings.elasticsearch, suppressions, vault),
        KeyReader(client, settings.elasticsearch),
        Rights(settings, lifecycle, runs, erasure),
        trail=AuditTrail(client, settings.elasticsearch, watch=note_audit),
        events=AuditReader(client, settings.elasticsearch),
        buckets=buckets,
        issuer=Issuer(settings.oidc) if settings.oidc.issuer else None,
        key_store=KeyStore(slow_client, settings.elasticsearch),
        lifecycle=lifecycle,
    )
    app.on_shutdown += [client.close, slow_client.close, buckets.close]
    if settings.api.traces_endpoint:
        _trace(app, settings.api.traces_endpoint)
    return app


def _trace(app: Litestar, endpoint: str) -> None:
    try:
        # Its packages are there for those who want it.
        from crmsearch.api.traces import end_tracing, start_tracing, traced
    except ImportError as error:
        raise ConfigError(
            "CRMSEARCH_API_TRACES_ENDPOINT is set, and OpenTelemetry is not installed; run `pip install 'crmsearch[traces]'`"
        ) from error
    try:
        urlsplit(endpoint).port  # noqa: B018 - it is read here to see whether it is a number
        provider = start_tracing(endpoint)
    except ValueError as error:
        raise ConfigError("CRMSEARCH_API_TRACES_ENDPOINT is no address, or a variable OTEL_… has an impossible value") from error
    app.asgi_handler = traced(app.asgi_handler, provider)
    app.on_shutdown.append(partial(end_tracing, provider))


def _end_with_supervisor() -> None:
    """Let one of several processes end when the one that started them is gone: it would go on answering, and nobody could stop it."""
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def wait() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()
