"""Customers by what names them exactly: their id, an e-mail address, a phone number, the reference that analysts see. Pure.

Values are brought to the form in which they are indexed by the rules that brought them there: an e-mail of any case, a phone number in any
notation. What is found is compared again, since the index folds more than case (``ö`` and ``o``): right for a search, wrong here.
"""

from typing import Any

import msgspec
from phonenumbers import SUPPORTED_REGIONS

from crmsearch.cleaning.emails import clean_email
from crmsearch.cleaning.phones import clean_phone
from crmsearch.cleaning.values import Rejection
from crmsearch.contract import FIELDS, Customer
from crmsearch.errors import InvalidRequestError
from crmsearch.privacy.analytics import CUSTOMER_REF
from crmsearch.privacy.policy import WHOLE, Sight
from crmsearch.search.request import LookupRequest

__all__ = ["Asked", "LookupResponse", "NotFound", "build_lookup_body", "parse_lookup", "read_lookup"]

MAX_FOUND = 2000  # customers in one answer, four for each value; more share a value than an answer could hold
Body = dict[str, Any]


class NotFound(msgspec.Struct, frozen=True, kw_only=True):
    """The values, as they were asked for, that no customer has."""

    ids: list[str]
    emails: list[str]
    phones: list[str]
    refs: list[str]


class LookupResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Each customer once, in the order of the first value that names it; every value asked for is one's own or in ``not_found``."""

    customers: list[Customer]
    not_found: NotFound


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: each value as written and as it is indexed, without repetition."""

    ids: dict[str, str]
    emails: dict[str, str]
    phones: dict[str, str]
    refs: dict[str, str]


def read_lookup(request: LookupRequest) -> Asked:
    """The values of a checked request in the forms that are indexed.

    Raises:
        InvalidRequestError: the region is none, or a phone number is a national one and no region says of which country.
    """
    region = request.region.upper() if request.region else None
    if region is not None and region not in SUPPORTED_REGIONS:
        raise InvalidRequestError("region is no country that has phone numbers; it is an ISO 3166-1 code such as CN or DE")
    return Asked(
        ids={each: each for each in request.ids},
        emails={each: _email(each) for each in request.emails},
        phones={each: _phone(each, at, region) for at, each in enumerate(request.phones)},
        refs={each: each for each in request.refs},
    )


def build_lookup_body(asked: Asked) -> Body:
    """The ``_search`` body that finds all of them at once."""
    ways: list[Body] = [{"ids": {"values": list(asked.ids.values())}}]  # even of none: a bool without clauses matches everybody
    fields = {
        FIELDS["emails"].path: asked.emails,
        FIELDS["phones"].path: asked.phones,
        **({CUSTOMER_REF: asked.refs} if asked.refs else {}),
    }
    ways += [{"terms": {field: sorted(set(values.values()))}} for field, values in fields.items()]
    # Unlike the others, a reference is not in the source of a customer.
    told: Body = {"docvalue_fields": [CUSTOMER_REF]} if asked.refs else {}
    return {"query": {"bool": {"filter": [{"bool": {"should": ways}}]}}, "size": MAX_FOUND, "track_total_hits": MAX_FOUND + 1, **told}


def parse_lookup(asked: Asked, answer: Body, sight: Sight = WHOLE) -> LookupResponse:
    """The answer to ``build_lookup_body(asked)``.

    Raises:
        InvalidRequestError: so many customers share the values that the answer would not hold them.
    """
    if answer["hits"]["total"]["value"] > MAX_FOUND:
        raise InvalidRequestError(f"more than {MAX_FOUND} customers have these values; look up fewer at once, or search for them")
    having: dict[tuple[str, str], list[Customer]] = {}
    for hit in answer["hits"]["hits"]:
        customer = msgspec.convert(sight.shown(hit["_source"]), Customer)
        for key in (*_keys(hit["_source"]), *(("refs", each) for each in hit.get("fields", {}).get(CUSTOMER_REF, ()))):
            having.setdefault(key, []).append(customer)
    kinds = {"ids": asked.ids, "emails": asked.emails, "phones": asked.phones, "refs": asked.refs}
    found = [customer for kind, values in kinds.items() for value in values.values() for customer in having.get((kind, value), [])]
    missing = {kind: [written for written, value in values.items() if (kind, value) not in having] for kind, values in kinds.items()}
    return LookupResponse(customers=list({customer.customer_id: customer for customer in found}.values()), not_found=NotFound(**missing))


def _keys(document: Body) -> list[tuple[str, str]]:
    emails = [("emails", each.lower()) for each in document.get("emails", ())]
    return [("ids", document["customer_id"]), *emails, *(("phones", each) for each in document.get("phones", ()))]


def _email(written: str) -> str:
    outcome = clean_email(written)
    # An address that the rules refuse was not indexed by them either; as it is, it is simply not found.
    return written.strip().lower() if isinstance(outcome, Rejection) or outcome.value is None else outcome.value


def _phone(written: str, at: int, region: str | None) -> str:
    outcome = clean_phone(written, region)
    if isinstance(outcome, Rejection):
        if outcome.code == "phone_no_region":
            raise InvalidRequestError(
                f"phones[{at}] is a national number; send region, such as CN, or write it with its country code, +86 …"
            )
        return written
    return written if outcome.value is None else outcome.value
