"""What a request may see: the purpose that it states, the rule of its key, and the services within both."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, SkipValidation

from crmsearch.errors import ForbiddenError, InvalidRequestError
from crmsearch.privacy.access import Caller
from crmsearch.privacy.policy import PURPOSES, PurposeName, purposes_of, sees_everything, sight_of
from crmsearch.search.rows import read_rows
from crmsearch.search.view import View

__all__ = ["Viewed", "list_purposes", "provide_view"]

Viewed = NamedDependency[SkipValidation[View]]


class PurposeInfo(msgspec.Struct, frozen=True):
    """One purpose that may be stated, and the masked fields that it shows in full."""

    name: PurposeName
    label: str
    label_zh: str
    reveals: list[str]


class PurposeList(msgspec.Struct, frozen=True):
    purposes: list[PurposeInfo]


async def provide_view(
    request: Request[Any, Any, Any],
    x_purpose: Annotated[
        str | None,
        HeaderParameter(
            name="X-Purpose",
            description="What for: decides what is shown in full, and is kept in the audit trail; that of the role when left out",
            schema_extra={"enum": list(PURPOSES)},
        ),
    ] = None,
) -> View:
    """What the caller may see, as the guard has found who it is.

    Raises:
        InvalidRequestError: there is no such purpose.
        ForbiddenError: the purpose is not for this caller, or the rule of the key or token cannot be read.
    """
    caller: Caller = request.state.caller
    sight = sight_of(caller, x_purpose)
    try:
        return View(sight, read_rows(caller.rows) if caller.rows else None, sees_everything(caller.role))
    except InvalidRequestError as error:
        # Nobody is shown everything because a rule has a slip in it.
        raise ForbiddenError(f"the rule by rows of this key cannot be read: {error.detail}") from error


@get("/purposes", operation_id="ListPurposes", opt={"scope": "statistics:read"}, tags=["catalogue"], sync_to_thread=False)
def list_purposes(request: Request[Any, Any, Any]) -> PurposeList:
    """The purposes that this caller may state in `X-Purpose`, and what each shows that is masked otherwise."""
    return PurposeList(
        [
            PurposeInfo(name, PURPOSES[name].label, PURPOSES[name].label_zh, fields)
            for name, fields in purposes_of(request.state.caller).items()
        ]
    )
