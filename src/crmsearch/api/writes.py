"""``PUT /v1/customers/{id}``, ``POST …/batch``, ``DELETE …/{id}/consents``: apps write customers by the rules of the job."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router, delete, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation

from crmsearch.api.audited import Disclosed
from crmsearch.api.viewed import Viewed
from crmsearch.cleaning.record import CleanRecord
from crmsearch.cleaning.rules import RULES
from crmsearch.contract import Customer
from crmsearch.errors import CrmSearchError, InvalidRequestError, SuppressedError, UnknownFieldError
from crmsearch.indexing.writes import WriteStore, Written
from crmsearch.privacy.policy import Sight
from crmsearch.resolution.written import check_customer_id, clean_write
from crmsearch.search.consents import EVERYTHING, Withdrawable

__all__ = ["MAX_BATCH", "writes_router"]

MAX_BATCH = 500  # customers of one request
_ERASED = "this person was erased, and is not written again; an administrator may lift that with the certificate of the erasure"
Writes = NamedDependency[SkipValidation[WriteStore]]
Refresh = Literal["false", "wait_for"]
Fields = dict[str, Any]


class Issue(msgspec.Struct, frozen=True):
    """What a rule found in what was written, and what became of the value."""

    code: str
    field: str
    severity: Literal["fix", "blank", "reject"]
    action: str


class WrittenCustomer(msgspec.Struct, frozen=True):
    """A customer after a write, as it is indexed, and what the rules found."""

    id: str
    created: bool
    customer: Customer
    issues: list[Issue]


class Standing(msgspec.Struct, frozen=True):
    """The consents of a customer that stand after a withdrawal."""

    id: str
    consents: list[str]


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Customers to write, each with its ``customer_id``; ``refresh`` waits until searches find them."""

    customers: list[Fields]
    refresh: Refresh = "false"


class BatchResult(msgspec.Struct, frozen=True):
    """What became of one customer of a batch: 200, 201 for a new one, or why not, with the reason: 400, 409 for somebody erased, and 404
    or 403 for whom the rule of the key leaves out. Then nothing was written of it.
    """

    id: str | None
    status: int
    customer: Customer | None
    issues: list[Issue]
    reason: str | None


class BatchResponse(msgspec.Struct, frozen=True):
    """Results in the order of the request."""

    written: int
    refused: int
    results: list[BatchResult]


@put(
    "/{customer_id:str}",
    operation_id="PutCustomer",
    opt={"audit": "put"},
    status_code=200,
    responses={201: ResponseSpec(WrittenCustomer, generate_examples=False, description="A new customer")},
)
async def put_customer(
    customer_id: FromPath[str],
    data: JSONBody[Fields],
    writes: Writes,
    disclosed: Disclosed,
    view: Viewed,
    refresh: Annotated[
        Refresh, QueryParameter(description="`wait_for`: until searches find it; get-by-id sees it at once anyway")
    ] = "false",
) -> Response[WrittenCustomer]:
    """Write what is known of a customer, in place of what was known: raw values of the fields, cleaned by the rules of loads.

    Figures of orders, tickets and campaigns and the lineage stay. 400 if the rules reject it, with their codes; 409 for a person who was
    erased.
    """
    clean = _clean(customer_id, data)
    disclosed.note([customer_id])
    written = (await writes.write({customer_id: clean.document}, refresh == "wait_for")).get(customer_id)
    if written is None:
        raise SuppressedError(_ERASED)
    if isinstance(written, CrmSearchError):
        raise written
    answer = WrittenCustomer(customer_id, written.created, _customer(written, view.sight), _issues(clean.issues))
    return Response(answer, status_code=201 if written.created else 200)


@post("/batch", operation_id="WriteCustomers", opt={"audit": "batch"}, status_code=200)
async def write_customers(data: JSONBody[BatchRequest], writes: Writes, disclosed: Disclosed, view: Viewed) -> BatchResponse:
    """Write up to 500 customers, each as `PUT` does; those that cannot be written are told with the reason, all others are written."""
    _check_batch(data.customers)
    cleaned = [_try_clean(each) for each in data.customers]
    documents = {name: clean.document for name, clean in cleaned if isinstance(clean, CleanRecord) and name is not None}
    disclosed.note(documents)
    written = await writes.write(documents, data.refresh == "wait_for")
    results = [_result(name, clean, written, view.sight) for name, clean in cleaned]
    done = sum(each.customer is not None for each in results)
    return BatchResponse(done, len(results) - done, results)


@delete("/{customer_id:str}/consents", operation_id="WithdrawConsents", opt={"audit": "withdraw"}, status_code=200)
async def withdraw_consents(
    customer_id: FromPath[str],
    writes: Writes,
    disclosed: Disclosed,
    channel: Annotated[Withdrawable | None, QueryParameter(description="The consent that is withdrawn; all of them when left out")] = None,
) -> Standing:
    """Take back what a customer has agreed to: at once, and whatever sources say of it from now on.

    Only an app that writes `consents` anew gives one back. A channel takes the consent to marketing in general with it.
    """
    disclosed.note([customer_id])
    document = await writes.withdraw(customer_id, (channel,) if channel else EVERYTHING)
    return Standing(customer_id, document.get("consents") or [])


def _check_batch(customers: Sequence[Fields]) -> None:
    if not 1 <= len(customers) <= MAX_BATCH:
        raise InvalidRequestError(f"customers are {len(customers)}; from 1 to {MAX_BATCH} can be written at once")
    ids = [each["customer_id"] for each in customers if isinstance(each.get("customer_id"), str)]
    if twice := len(ids) - len(set(ids)):
        raise InvalidRequestError(f"{twice} of the customer_ids are there more than once, and only one write would count; send one of each")


def _clean(customer_id: str, fields: Fields) -> CleanRecord:
    check_customer_id(customer_id)
    clean = clean_write(fields, datetime.now(UTC).date().isoformat())
    if clean.rejections:
        reasons = "; ".join(f"{code} ({RULES[code].action})" for code in clean.rejections)
        raise InvalidRequestError(f"the rules reject this customer: {reasons}")
    return clean


def _try_clean(fields: Fields) -> tuple[str | None, CleanRecord | str]:
    """The id and the clean record of a customer of a batch, or why there is none."""
    name = fields.get("customer_id")
    if not isinstance(name, str):
        return None, "customer_id is missing; it is a text"
    try:
        return name, _clean(name, {field: value for field, value in fields.items() if field != "customer_id"})
    except (InvalidRequestError, UnknownFieldError) as error:
        return name, error.detail


def _result(name: str | None, clean: CleanRecord | str, written: Mapping[str, Written | CrmSearchError], sight: Sight) -> BatchResult:
    if name is None or isinstance(clean, str):
        return BatchResult(name, 400, None, [], str(clean))
    if name not in written:
        return BatchResult(name, 409, None, [], _ERASED)
    outcome = written[name]
    if isinstance(outcome, CrmSearchError):
        return BatchResult(name, outcome.status, None, [], outcome.detail)
    return BatchResult(name, 201 if outcome.created else 200, _customer(outcome, sight), _issues(clean.issues), None)


def _customer(written: Written, sight: Sight) -> Customer:
    return msgspec.convert(sight.shown(written.document), Customer)


def _issues(codes: Sequence[str]) -> list[Issue]:
    return [Issue(code, RULES[code].field, RULES[code].severity, RULES[code].action) for code in codes]


writes_router = Router(
    path="/customers",
    route_handlers=[put_customer, write_customers, withdraw_consents],
    opt={"scope": "customers:write"},
    tags=["customers"],
)
