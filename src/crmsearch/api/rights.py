"""``POST /v1/customers/{id}/export`` and ``DELETE /v1/customers/{id}``: what a person may ask for."""

from typing import Any

from litestar import Request, Router, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from crmsearch.api.audited import Disclosed
from crmsearch.api.viewed import Viewed
from crmsearch.indexing.suppressions import Certificate
from crmsearch.privacy.access import Caller
from crmsearch.rights import Everything, Rights

__all__ = ["rights_router"]

PersonRights = NamedDependency[SkipValidation[Rights]]


# In threads, with the client of the command line: people ask for this a few times a day, and it may take seconds.
@post("/{customer_id:str}/export", operation_id="ExportPerson", opt={"audit": "person_export"}, status_code=200, sync_to_thread=True)
def export_person(customer_id: FromPath[str], rights: PersonRights, disclosed: Disclosed, view: Viewed) -> Everything:
    """Everything that is held of one customer: as it is found, as each source said it, what apps wrote, rows in quarantine.

    Nothing of it is masked, so whoever states a purpose states `privacy_request` or `administration`; 403 otherwise.
    """
    view.sight.check_whole()
    everything = rights.everything(customer_id)
    disclosed.note([customer_id])
    return everything


@delete("/{customer_id:str}", operation_id="ErasePerson", opt={"audit": "erase"}, status_code=200, sync_to_thread=True)
def erase_person(customer_id: FromPath[str], request: Request[Any, Any, Any], rights: PersonRights, disclosed: Disclosed) -> Certificate:
    """Erase a customer everywhere, and keep the person from being loaded or written again; the answer is the certificate.

    409 while a load is running; repeat it afterwards.
    """
    caller: Caller = request.state.caller
    disclosed.note([customer_id])
    return rights.erase(customer_id, caller.prefix or caller.name)


rights_router = Router(path="/customers", route_handlers=[export_person, erase_person], opt={"scope": "rights:write"}, tags=["customers"])
