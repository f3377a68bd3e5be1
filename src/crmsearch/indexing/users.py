"""Users of Elasticsearch, and so of Kibana, for people who log in with a name and a password."""

from typing import Literal

from elasticsearch import ApiError, Elasticsearch

from crmsearch.indexing.client import translated_errors
from crmsearch.settings import Secret

__all__ = ["put_user"]


def put_user(client: Elasticsearch, name: str, password: Secret, role: str) -> Literal["created", "updated", "unchanged"]:
    """Let there be a user of this name who has this role alone and this password.

    Raises:
        BackendAuthError: the login may not manage users.
        BackendError: the name or the password is none that Elasticsearch takes.
    """
    with translated_errors():
        found = client.options(ignore_status=404).security.get_user(username=name).body.get(name)
        if found and found["roles"] == [role] and found["enabled"] and _logs_in(client, name, password):
            return "unchanged"
        client.security.put_user(username=name, password=str(password), roles=[role], enabled=True, full_name="Analyst")
    return "updated" if found else "created"


def _logs_in(client: Elasticsearch, name: str, password: Secret) -> bool:
    try:
        client.options(basic_auth=(name, str(password))).security.authenticate()
    except ApiError as error:
        if error.status_code == 401:
            return False
        raise
    return True
