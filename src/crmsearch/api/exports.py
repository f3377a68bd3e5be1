"""``/v1/customers/export``: a search as a file, streamed."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Annotated

from litestar import get, post
from litestar.datastructures import ResponseHeader
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from crmsearch.api.audited import Disclosed
from crmsearch.api.parameters import FilterTexts, Service, SortText, read_filters, read_names
from crmsearch.errors import CrmSearchError
from crmsearch.search.export import MEDIA_TYPES
from crmsearch.search.request import ExportFormat, ExportRequest
from crmsearch.search.service import Export

__all__ = ["EXPORT_HEADERS", "export_customers", "export_customers_by_url", "streamed"]

logger = logging.getLogger("crmsearch.api")

EXPORT_HEADERS = [
    ResponseHeader(name="X-Total-Count", description="Customers in the file", documentation_only=True),
    ResponseHeader(name="Content-Disposition", description="A name for the file", documentation_only=True),
]


_OPT = {"scope": "customers:export", "audit": "export"}


@post("/export", operation_id="ExportCustomers", opt=_OPT, status_code=200, response_headers=EXPORT_HEADERS)
async def export_customers(data: JSONBody[ExportRequest], service: Service, disclosed: Disclosed) -> Stream:
    """All hits of a search as CSV or NDJSON, however many. A file that ends early is an error: the connection is cut, not closed."""
    export = await service.export(data)
    disclosed.note_file(export.total, export.first, data)
    return streamed(export, data.format, "customers")


@get("/export", operation_id="ExportCustomersByUrl", opt=_OPT, response_headers=EXPORT_HEADERS)
async def export_customers_by_url(
    service: Service,
    disclosed: Disclosed,
    format_: Annotated[ExportFormat, QueryParameter(name="format")],
    q: FromQuery[str] = "",
    filter_: FilterTexts = None,
    sort: SortText = "",
    fields: Annotated[str, QueryParameter(description="Columns, separated by commas; all fields when left out")] = "",
) -> Stream:
    """All hits of a search as a file; the same as the ``POST`` form. ``format`` must be given: an id of a customer may be ``export``."""
    request = ExportRequest(
        q=q,
        filters=read_filters(filter_),
        sort=read_names(sort),
        format=format_,
        fields=read_names(fields) or None,
    )
    export = await service.export(request)
    disclosed.note_file(export.total, export.first, request)
    return streamed(export, request.format, "customers")


def streamed(export: Export, format_: ExportFormat, name: str, headers: Mapping[str, str] | None = None) -> Stream:
    """A file as an answer, under this name."""
    own = {"X-Total-Count": str(export.total), "Content-Disposition": f'attachment; filename="{name}.{format_}"'}
    return Stream(_named(export.pieces), media_type=MEDIA_TYPES[format_], headers={**own, **(headers or {})})


async def _named(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces; the log gets the code of what cuts them off, since no answer can hold it any more."""
    try:
        async for piece in pieces:
            yield piece
    except CrmSearchError as error:
        logger.error("export cut off: %s", error.code)  # noqa: TRY400
        raise
