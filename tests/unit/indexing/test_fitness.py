"""What a load waits for before it goes live, told by canned answers of Elasticsearch."""

from __future__ import annotations

from typing import Any, Self, cast

import pytest
from elasticsearch import Elasticsearch

from crmsearch.errors import BackendUnavailableError
from crmsearch.indexing.fitness import wait_for_copies

GREEN = {"status": "green", "initializing_shards": 0, "delayed_unassigned_shards": 0}
MAKING = {"status": "yellow", "initializing_shards": 1, "delayed_unassigned_shards": 0}
DELAYED = {"status": "yellow", "initializing_shards": 0, "delayed_unassigned_shards": 1}
IDLE = {"status": "yellow", "initializing_shards": 0, "delayed_unassigned_shards": 0}


class Canned:
    """A client whose cluster is as one answer after the other says."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self._answers = iter(answers)
        self.cluster = self

    def options(self, **_: Any) -> Self:
        return self

    def health(self, **_: Any) -> dict[str, Any]:
        return next(self._answers)


def _wait(*answers: dict[str, Any]) -> None:
    wait_for_copies(cast("Elasticsearch", Canned(list(answers))), ["crm-customers-1"], replicas=1)


def test_copies_are_waited_for_as_long_as_they_are_made() -> None:
    _wait(MAKING, IDLE, MAKING, DELAYED, IDLE, GREEN)


def test_copies_that_nobody_makes_are_no_reason_to_wait() -> None:
    with pytest.raises(BackendUnavailableError, match=r"2 copies .* CRMSEARCH_ELASTICSEARCH_REPLICAS"):
        _wait(MAKING, IDLE, IDLE)
