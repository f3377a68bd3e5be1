"""What there is is told also while something goes."""

from __future__ import annotations

from typing import Any, cast

import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse
from elasticsearch import Elasticsearch

from crmsearch.errors import CrmSearchError
from crmsearch.indexing.generations import find_generations
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.settings import ElasticsearchSettings
from tests.vaults import VAULT

INDEX = "crm-customers-20260101t000000z"
META = ApiResponseMeta(404, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "127.0.0.1", 9200))
GONE = elasticsearch.NotFoundError("index_not_found_exception", META, {"error": {"type": "index_not_found_exception"}})


class Canned:
    """A client that is asked while an index goes, for figures so many times: it fails wherever it may not leave that index out."""

    def __init__(self, times: int) -> None:
        self.indices = self
        self._times = times

    def options(self, **_: Any) -> Canned:
        return self

    def get(self, *, index: str, ignore_unavailable: bool = False, **_: Any) -> Any:
        if not ignore_unavailable:
            raise GONE
        body = {INDEX: {"aliases": {"crm-customers": {}}, "mappings": {"_meta": {"complete": True, "key_id": "abcd0123"}}}}
        return ObjectApiResponse(body=body, meta=META)

    def get_alias(self, *, index: str = "_all", ignore_unavailable: bool = False) -> Any:
        if index == "_all" or not ignore_unavailable:
            raise GONE
        return ObjectApiResponse(body={INDEX: {"aliases": {index: {}}}} if index == "crm-customers" else {}, meta=META)

    def stats(self, **_: Any) -> Any:
        self._times -= 1
        if self._times >= 0:
            raise GONE
        return {"indices": {INDEX: {"primaries": {"docs": {"count": 7}, "store": {"size_in_bytes": 8}}}}}


def test_an_index_that_goes_meanwhile_hides_no_other() -> None:
    (found,) = find_generations(cast("Elasticsearch", Canned(2)), "crm")
    assert (found.index, found.documents, found.live, found.key_id) == (INDEX, 7, True, "abcd0123")


def test_an_index_that_goes_meanwhile_hides_not_what_is_live() -> None:
    lifecycle = Lifecycle(cast("Elasticsearch", Canned(0)), ElasticsearchSettings(), VAULT)
    assert lifecycle.live() == INDEX


def test_but_it_is_not_asked_for_ever() -> None:
    with pytest.raises(CrmSearchError):
        find_generations(cast("Elasticsearch", Canned(99)), "crm")
