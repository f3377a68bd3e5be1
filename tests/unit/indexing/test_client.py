"""What Elasticsearch refuses, in our words."""

from __future__ import annotations

import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig

from crmsearch.errors import BackendAuthError
from crmsearch.indexing.client import translated_errors

WHO = "action [indices:admin/delete] is unauthorized for API key id [abc] of user [elastic]"


def _refusal(status: int, reason: str) -> elasticsearch.ApiError:
    node = NodeConfig("https", "es.example.com", 9200)
    meta = ApiResponseMeta(status=status, http_version="1.1", headers=HttpHeaders(), duration=0.0, node=node)
    cause = {"type": "security_exception", "reason": reason}
    return elasticsearch.ApiError("security_exception", meta, {"error": {"root_cause": [cause], **cause}, "status": status})


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            f"{WHO} on indices [crm-customers-2], this action is granted by the index privileges [delete_index,manage,all]",
            "one of the index privileges delete_index, manage, all on crm-customers-2",
        ),
        (
            f"{WHO}, this action is granted by the cluster privileges [monitor,manage,all]",
            "one of the cluster privileges monitor, manage, all",
        ),
        ("something else about Wang", "lacks a privilege that this needs"),
    ],
)
def test_a_missing_privilege_is_named_where_elasticsearch_names_it(reason: str, said: str) -> None:
    with pytest.raises(BackendAuthError) as caught, translated_errors():
        raise _refusal(403, reason)
    assert caught.value.detail.endswith(said)
    assert "Wang" not in caught.value.detail


def test_a_refused_login_names_the_settings() -> None:
    with pytest.raises(BackendAuthError, match="API_KEY_FILE"), translated_errors():
        raise _refusal(401, "unable to authenticate")
