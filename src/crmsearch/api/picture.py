"""Figures as a chart: what the caller wants, and the answer in that form."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation
from litestar.response import Response

from crmsearch.charts import Language
from crmsearch.errors import InvalidRequestError

__all__ = ["PICTURE", "SVG", "Picture", "Wanted"]

SVG = "image/svg+xml"


class Picture(msgspec.Struct, frozen=True):
    """Whether a chart is wanted instead of JSON, of which kind (``None``: one that fits), and in which language either is."""

    wanted: bool
    chart: str | None
    language: Language

    async def respond(self, figures: Any, draw: Callable[[], str]) -> Response[Any]:
        """The figures, or what ``draw`` makes of them; in a thread, since a chart takes as long as several searches."""
        headers = {"Vary": "Accept"}
        if not self.wanted:
            return Response(figures, headers=headers)
        return Response(await asyncio.to_thread(draw), media_type=SVG, headers=headers)


async def provide_picture(
    request: Request[Any, Any, Any],
    format_: Annotated[
        Literal["json", "svg"] | None, QueryParameter(name="format", description="`svg` for a chart, as does `Accept: image/svg+xml`")
    ] = None,
    chart: Annotated[
        str | None, QueryParameter(description="`histogram`, `bars`, `points`, `box`, `line` or `heatmap`; one that fits by default")
    ] = None,
    lang: Annotated[Language, QueryParameter(description="Language of labels and sentences: `en` or `zh`")] = "en",
) -> Picture:
    """What the query and the ``Accept`` header ask for; naming a chart asks for one too."""
    if format_ == "json" and chart is not None:
        raise InvalidRequestError("format=json has no chart; leave one of the two out")
    wanted = format_ == "svg" if format_ is not None else chart is not None or request.accept.best_match(["application/json", SVG]) == SVG
    return Picture(wanted, chart, lang)


Wanted = NamedDependency[SkipValidation[Picture]]
PICTURE = {"picture": Provide(provide_picture)}  # the dependency of a route that draws
