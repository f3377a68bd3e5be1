"""``crm-runs``: one document per run, its figures searchable and its whole report beside them.

A run is kept from its start, and moves from state to state::

    started ─► cleaned ─► written ─► verified ─► promoted ─► rolled back
       └──────────┴──────────┴──────────┴─► failed

Its report is there from ``written`` on, or, where too many rows were rejected, at its failure. What is live is said by the alias alone; a
state that could not be written while Elasticsearch was away is mended by the next load.

The report is stored but not indexed, so that reason codes, paths and headers, which are its keys, do not each become a field.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import elasticsearch
import msgspec
from elasticsearch import Elasticsearch

from crmsearch import __version__
from crmsearch.contract import LoadMode, RunReport
from crmsearch.errors import InvalidRequestError, NotFoundError
from crmsearch.indexing.client import ensure_index, translated_errors
from crmsearch.indexing.mappings import build_runs_body
from crmsearch.indexing.names import run_of, runs_index
from crmsearch.quality import mean_completeness, quarantined_share
from crmsearch.settings import ElasticsearchSettings

__all__ = ["MAX_RUNS", "UNFINISHED", "RunPage", "RunState", "RunStore", "RunSummary", "build_document", "parse_report"]

MAX_RUNS = 100  # in one answer
MAX_ID_BYTES = 512  # Elasticsearch's own limit
_NEWEST_FIRST = [{"began_at": "desc"}, {"run_id": "desc"}]
RunState = Literal["started", "cleaned", "written", "verified", "promoted", "rolled back", "failed"]
UNFINISHED: tuple[RunState, ...] = ("started", "cleaned", "written", "verified")


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a list.

    Attributes:
        state: how far it has come; ``failed`` for a run whose result never went live, ``rolled back`` for one whose result no longer is.
        mode: of the load; an incremental one tells of its changes alone.
        failure: why it did not.
        quarantined_share: quarantined rows of customers over those read, from 0 to 1.
        completeness: mean share of customers that have a value, over the fields that the inputs had; ``None`` if that was not measured.
        seconds: how long all stages took together. It and the other figures are ``None`` until there is a report.
    """

    run_id: str
    state: RunState
    mode: LoadMode = "full"
    began_at: str
    crmsearch_version: str
    index: str | None
    source_systems: list[str] = []
    rows_read: int | None = None
    indexed: int | None = None
    merged: int | None = None
    quarantined: int | None = None
    quarantined_share: float | None = None
    completeness: float | None = None
    seconds: float | None = None
    failure: str | None = None


class RunPage(msgspec.Struct, frozen=True):
    """Runs, newest first; ``next`` is what to give as ``before`` for those after them, ``None`` at the end."""

    runs: list[RunSummary]
    next: str | None


class RunStore:
    """The owner of ``crm-runs``. The index is made when the first run begins; until then there are no runs."""

    def __init__(self, client: Elasticsearch, settings: ElasticsearchSettings) -> None:
        self._client = client
        self._settings = settings
        self.index = runs_index(settings.index_prefix)

    def begin(self, run_id: str, began_at: datetime, index: str, mode: LoadMode = "full") -> None:
        """Keep a run that has just started, whatever becomes of it; ``index`` is the generation that it makes, or changes."""
        moment = began_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        summary = RunSummary(run_id=run_id, state="started", mode=mode, began_at=moment, crmsearch_version=__version__, index=index)
        self._put(run_id, msgspec.to_builtins(summary))

    def save(self, report: RunReport, state: RunState) -> None:
        """Keep the report under its run's id; one that was there is replaced. It can be listed at once."""
        self._put(report.run_id, build_document(report, state))

    def advance(self, run_id: str, state: RunState, failure: str | None = None) -> None:
        """Move a run that has begun to another state; one of which nothing is known stays unknown."""
        with translated_errors(), suppress(elasticsearch.NotFoundError):
            self._client.update(index=self.index, id=run_id, doc={"state": state, "failure": failure}, refresh=True)

    def note_promoted(self, index: str, before: str | None) -> None:
        """Keep that a generation went live in the place of another; of a newer one, which was therefore rolled back.

        What was loaded incrementally into a generation comes and goes with it.
        """
        self._advance_all(index, "promoted", "rolled back")
        if before is not None and before > index:
            self._advance_all(before, "rolled back", "promoted")

    def _advance_all(self, index: str, state: RunState, from_state: RunState) -> None:
        self.advance(run_of(index), state)
        changes = [{"term": {"index": index}}, {"term": {"mode": "incremental"}}, {"term": {"state": from_state}}]
        while found := self._search(MAX_RUNS, None, ["report"], {"bool": {"filter": changes}}):
            for each in found:
                self.advance(each["run_id"], state)

    def unfinished(self) -> list[RunSummary]:
        """Runs that have begun and neither ended nor failed, as far as is known; newest first."""
        found = self._search(MAX_RUNS, None, ["report"], {"terms": {"state": list(UNFINISHED)}})
        return [msgspec.convert(source, RunSummary) for source in found]

    def page(self, size: int = 20, before: str | None = None) -> RunPage:
        """Summaries, newest first.

        Args:
            size: from 1 to ``MAX_RUNS``.
            before: id of a run; only older ones are listed.

        Raises:
            InvalidRequestError: ``size`` is out of range, or ``before`` is not the id of a run.
        """
        if not 1 <= size <= MAX_RUNS:
            raise InvalidRequestError(f"size is a number of runs from 1 to {MAX_RUNS}")
        found = self._search(size + 1, self._position(before), ["report"])
        runs = [msgspec.convert(source, RunSummary) for source in found[:size]]
        return RunPage(runs, runs[-1].run_id if len(found) > size else None)

    def recent(self, size: int) -> list[RunReport]:
        """The newest whole reports of full loads that went live, oldest first, as a trend wants them."""
        full = {"bool": {"filter": {"term": {"state": "promoted"}}, "must_not": {"term": {"mode": "incremental"}}}}
        found = self._search(size, None, [], full)
        return [parse_report(source) for source in reversed(found) if source.get("report") is not None]

    def get(self, run_id: str) -> RunReport:
        """The whole report of one run.

        Raises:
            NotFoundError: there is none of this id, or it has no report.
        """
        source = self._get(run_id)
        if source is None:
            raise NotFoundError("there is no run with this id; GET /v1/runs lists those there are")
        if source.get("report") is None:
            reason = f": {source['failure']}" if source.get("failure") else ""
            raise NotFoundError(f"this run has no report; it is in state «{source['state']}»{reason}")
        return parse_report(source)

    def _get(self, run_id: str) -> dict[str, Any] | None:
        # By a search and not by a path, of which an id may hold any part.
        found = self._search(1, None, [], {"term": {"run_id": run_id}}) if len(run_id.encode()) <= MAX_ID_BYTES else []
        return found[0] if found else None

    def _position(self, before: str | None) -> list[str] | None:
        """Sort values of the run that a page begins after."""
        if before is None:
            return None
        source = self._get(before)
        if source is None:
            raise InvalidRequestError("before is not the id of a run; use next of an answer as it is")
        return [source["began_at"], source["run_id"]]

    def _search(self, size: int, after: list[str] | None, left_out: list[str], query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        with translated_errors():
            answer = self._client.search(
                index=self.index,
                query=query or {"match_all": {}},
                sort=_NEWEST_FIRST,
                size=size,
                search_after=after,
                source_excludes=left_out,
                ignore_unavailable=True,
                allow_partial_search_results=False,
            )
        return [dict(hit["_source"]) for hit in answer["hits"]["hits"]]

    def _put(self, run_id: str, document: dict[str, Any]) -> None:
        ensure_index(self._client, self.index, build_runs_body(self._settings))
        with translated_errors():
            self._client.index(index=self.index, id=run_id, document=document, refresh=True)


def build_document(report: RunReport, state: RunState) -> dict[str, Any]:
    """The document of ``crm-runs``."""
    summary = RunSummary(
        run_id=report.run_id,
        state=state,
        mode=report.mode,
        began_at=report.began_at,
        crmsearch_version=report.crmsearch_version,
        index=report.index,
        source_systems=sorted({each.source_system for each in report.inputs}),
        rows_read=report.rows_read,
        indexed=report.indexed,
        merged=report.merged,
        quarantined=report.quarantined,
        quarantined_share=quarantined_share(report),
        completeness=mean_completeness(report),
        seconds=round(sum(report.seconds.values()), 3),
        failure=report.failure,
    )
    return {**msgspec.to_builtins(summary), "report": msgspec.to_builtins(report)}


def parse_report(source: dict[str, Any]) -> RunReport:
    """The report in a document; what a newer version knew beyond this one is left out."""
    return msgspec.convert(source["report"], RunReport)
