"""The application: ``create_app`` puts the parts together, ``create_app_from_env`` is what the server starts."""

import logging
from pathlib import Path

import swagger_ui
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.static_files import create_static_files_router

from crmsearch import __version__
from crmsearch.api.access import make_key_guard, make_request_check
from crmsearch.api.customers import customers_router
from crmsearch.api.health import live, ready
from crmsearch.api.middleware import observed
from crmsearch.api.problems import EXCEPTION_HANDLERS
from crmsearch.api.runs import runs_router
from crmsearch.api.stats import list_fields, stats_router
from crmsearch.indexing.client import make_async_client, make_client
from crmsearch.indexing.runs import RunStore
from crmsearch.search.service import ElasticsearchBackend, SearchBackend, SearchService
from crmsearch.settings import ApiSettings, from_env

__all__ = ["create_app", "create_app_from_env"]

MAX_BODY_BYTES = 1_000_000  # a request with every limit used up is smaller
_CONSOLE = Path(__file__).parent / "console"
_SWAGGER = Path(swagger_ui.__file__).parent / "static"


def create_app(backend: SearchBackend, settings: ApiSettings | None = None, runs: RunStore | None = None) -> Litestar:
    """The API and console over any backend; ``/v1/runs`` is there if it has a store to read from."""
    settings = settings or ApiSettings()
    service = SearchService(backend, settings.small_group)

    async def provide_service() -> SearchService:
        return service

    async def provide_runs() -> RunStore | None:
        return runs

    version_1 = Router(
        path="/v1",
        route_handlers=[customers_router, stats_router, list_fields, *([runs_router] if runs else [])],
        guards=[make_key_guard(settings.key)] if settings.key else [],
    )
    app = Litestar(
        route_handlers=[
            version_1,
            live,
            ready,
            create_static_files_router("/assets/swagger", [_SWAGGER], include_in_schema=False, name="swagger"),
            create_static_files_router("/", [_CONSOLE], html_mode=True, include_in_schema=False, name="console"),
        ],
        dependencies={"service": Provide(provide_service), "runs": Provide(provide_runs)},
        exception_handlers=EXCEPTION_HANDLERS,
        before_request=make_request_check(settings),
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=OpenAPIConfig(
            title="crmsearch",
            version=__version__,
            path="/schema",
            render_plugins=[
                SwaggerRenderPlugin(
                    js_url="/assets/swagger/swagger-ui-bundle.js",
                    css_url="/assets/swagger/swagger-ui.css",
                    standalone_preset_js_url="/assets/swagger/swagger-ui-standalone-preset.js",
                    favicon='<link rel="icon" href="/favicon.svg">',
                    path="/",
                )
            ],
        ),
        logging_config=None,
    )
    # Around routing too, which Litestar's own middleware is not: an unknown path gets an id and a line as any other.
    app.asgi_handler = observed(app.asgi_handler)
    return app


def create_app_from_env() -> Litestar:
    """The application as the server process starts it: all it needs comes from ``CRMSEARCH_*`` variables."""
    settings = from_env()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    client, runs_client = make_async_client(settings.elasticsearch), make_client(settings.elasticsearch)
    app = create_app(
        ElasticsearchBackend(client, settings.elasticsearch.index_prefix, settings.elasticsearch.timeout_s),
        settings.api,
        RunStore(runs_client, settings.elasticsearch),
    )
    app.on_shutdown += [client.close, runs_client.close]
    # The client logs each request with its path, which may hold a customer's id.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    return app
