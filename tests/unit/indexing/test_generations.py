"""What there is is told also while something goes."""

from __future__ import annotations

from typing import Any, cast

import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse
from elasticsearch import Elasticsearch

from crmsearch.errors import CrmSearchError
from crmsearch.indexing.generations import find_generations

INDEX = "crm-customers-20260101t000000z"
META = ApiResponseMeta(404, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 9200))
GONE = elasticsearch.NotFoundError("index_not_found_exception", META, {"error": {"type": "index_not_found_exception"}})


class Canned:
    """A client that is asked for figures while an index goes, so many times."""

    def __init__(self, times: int) -> None:
        self.indices = self
        self._times = times

    def get(self, **_: Any) -> Any:
        body = {INDEX: {"aliases": {"crm-customers": {}}, "mappings": {"_meta": {"complete": True, "key_id": "abcd0123"}}}}
        return ObjectApiResponse(body=body, meta=META)

    def get_alias(self, **_: Any) -> Any:
        return ObjectApiResponse(body={}, meta=META)

    def stats(self, **_: Any) -> Any:
        self._times -= 1
        if self._times >= 0:
            raise GONE
        return {"indices": {INDEX: {"primaries": {"docs": {"count": 7}, "store": {"size_in_bytes": 8}}}}}


def test_an_index_that_goes_meanwhile_hides_no_other() -> None:
    (found,) = find_generations(cast("Elasticsearch", Canned(2)), "crm")
    assert (found.index, found.documents, found.live, found.key_id) == (INDEX, 7, True, "abcd0123")


def test_but_it_is_not_asked_for_ever() -> None:
    with pytest.raises(CrmSearchError):
        find_generations(cast("Elasticsearch", Canned(99)), "crm")
