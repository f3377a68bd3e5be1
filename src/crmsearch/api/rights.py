"""``POST /v1/customers/{id}/export`` and ``DELETE /v1/customers/{id}``: what a person may ask for."""

from typing import Any

from litestar import Request, Router, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from crmsearch.indexing.suppressions import Certificate
from crmsearch.privacy.access import Caller
from crmsearch.rights import Everything, Rights

__all__ = ["rights_router"]

PersonRights = NamedDependency[SkipValidation[Rights]]


# In threads, with the client of the command line: people ask for this a few times a day, and it may take seconds.
@post("/{customer_id:str}/export", operation_id="ExportPerson", status_code=200, sync_to_thread=True)
def export_person(customer_id: FromPath[str], rights: PersonRights) -> Everything:
    """Everything that is held of one customer: as it is found, as each source said it, what apps wrote, rows in quarantine."""
    return rights.everything(customer_id)


@delete("/{customer_id:str}", operation_id="ErasePerson", status_code=200, sync_to_thread=True)
def erase_person(customer_id: FromPath[str], request: Request[Any, Any, Any], rights: PersonRights) -> Certificate:
    """Erase a customer everywhere, and keep the person from being loaded or written again; the answer is the certificate.

    409 while a load is running; repeat it afterwards.
    """
    caller: Caller = request.state.caller
    return rights.erase(customer_id, caller.prefix or caller.name)


rights_router = Router(path="/customers", route_handlers=[export_person, erase_person], opt={"scope": "rights:write"}, tags=["customers"])
