"""How bodies are read: by msgspec, straight into the type that a handler takes, and strictly.

The framework would read them into plain values and convert those leniently, so that ``"size": "20"`` and ``"explain": 1`` pass against
the documented types.
"""

from typing import Any

import msgspec
from litestar import Request

from crmsearch.errors import InvalidRequestError

__all__ = ["StrictRequest"]


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is what its handler takes."""

    async def json(self) -> Any:
        """The body as the type of the handler's ``data``.

        Raises:
            InvalidRequestError: it is not JSON in UTF-8, nested without end, or of another shape.
        """
        body_type = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        try:
            return msgspec.json.decode(await self.body(), type=body_type)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at ")
            raise InvalidRequestError(f"{place.strip('`').removeprefix('$.') or 'the body'}: {reason}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequestError("the body is not valid JSON in UTF-8") from error
