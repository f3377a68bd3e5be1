"""``POST /v1/customers/{id}/export``, ``DELETE /v1/customers/{id}``, ``…/restriction`` and ``…/anonymise``: what a person may ask for."""

from typing import Any

import msgspec
from litestar import Request, Router, delete, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from crmsearch.api.audited import Disclosed
from crmsearch.api.viewed import Viewed
from crmsearch.indexing.suppressions import Certificate
from crmsearch.privacy.access import Caller
from crmsearch.privacy.restriction import Restriction
from crmsearch.rights import Everything, Rights

__all__ = ["rights_router"]

PersonRights = NamedDependency[SkipValidation[Rights]]


class Lifted(msgspec.Struct, frozen=True):
    """The restrictions that a customer was under, and is no more."""

    lifted: list[Restriction]


# In threads, with the client of the command line: people ask for this a few times a day, and it may take seconds.
@post("/{customer_id:str}/export", operation_id="ExportPerson", opt={"audit": "person_export"}, status_code=200, sync_to_thread=True)
def export_person(customer_id: FromPath[str], rights: PersonRights, disclosed: Disclosed, view: Viewed) -> Everything:
    """Everything that is held of one customer: as it is found, as each source said it, what apps wrote, rows in quarantine.

    Nothing of it is masked, so whoever states a purpose states `privacy_request` or `administration`; 403 otherwise. Of somebody whose
    processing is restricted it is given out with `X-Purpose: privacy_request` alone.
    """
    view.sight.check_whole()
    if not view.answers_the_person:
        rights.check_unrestricted(customer_id)
    everything = rights.everything(customer_id)
    disclosed.note(rights.ids(customer_id))
    return everything


@delete("/{customer_id:str}", operation_id="ErasePerson", opt={"audit": "erase"}, status_code=200, sync_to_thread=True)
def erase_person(customer_id: FromPath[str], request: Request[Any, Any, Any], rights: PersonRights, disclosed: Disclosed) -> Certificate:
    """Erase a customer everywhere, and keep the person from being loaded or written again; the answer is the certificate.

    409 while a load is running; repeat it afterwards.
    """
    disclosed.note(rights.ids(customer_id))
    return rights.erase(customer_id, _by(request))


@post("/{customer_id:str}/anonymise", operation_id="AnonymisePerson", opt={"audit": "anonymise"}, status_code=200, sync_to_thread=True)
def anonymise_person(
    customer_id: FromPath[str], request: Request[Any, Any, Any], rights: PersonRights, disclosed: Disclosed
) -> Certificate:
    """Erase a customer everywhere, as `DELETE` does, but for figures and groups, which stay under a random id that nothing leads to.

    409 while a load is running; repeat it afterwards.
    """
    disclosed.note(rights.ids(customer_id))
    return rights.anonymise(customer_id, _by(request))


@put("/{customer_id:str}/restriction", operation_id="RestrictPerson", opt={"audit": "restrict"}, status_code=200, sync_to_thread=True)
def restrict_person(customer_id: FromPath[str], request: Request[Any, Any, Any], rights: PersonRights, disclosed: Disclosed) -> Restriction:
    """Keep a customer and use them no more: nothing finds them, no figure counts them, and analysts do not have them, whatever is loaded.

    What is known is read by id and given out with `X-Purpose: privacy_request` alone. One who is restricted already stays so.
    """
    disclosed.note(rights.ids(customer_id))
    return rights.restrict(customer_id, _by(request))


@delete("/{customer_id:str}/restriction", operation_id="LiftRestriction", opt={"audit": "unrestrict"}, status_code=200, sync_to_thread=True)
def lift_restriction(customer_id: FromPath[str], request: Request[Any, Any, Any], rights: PersonRights, disclosed: Disclosed) -> Lifted:
    """Use a customer again: end every restriction that one of the records is under. Tell the person before. 404 if there is none."""
    disclosed.note(rights.ids(customer_id))
    return Lifted(rights.unrestrict(customer_id, _by(request)))


def _by(request: Request[Any, Any, Any]) -> str:
    caller: Caller = request.state.caller
    return caller.prefix or caller.name


rights_router = Router(
    path="/customers",
    route_handlers=[export_person, erase_person, anonymise_person, restrict_person, lift_restriction],
    opt={"scope": "rights:write"},
    tags=["customers"],
)
