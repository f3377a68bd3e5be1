"""A load goes live whole or not at all: the order of its steps, and what is undone when one of them fails."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from crmsearch.contract import FieldContent, InputReport, RunReport
from crmsearch.errors import BackendUnavailableError, ConfigError, CountMismatchError, JobError, LockLostError, TooManyRejectedError
from crmsearch.indexing.changes import Applied
from crmsearch.indexing.lifecycle import Lifecycle
from crmsearch.indexing.names import analytics_index
from crmsearch.indexing.runs import RunStore, RunSummary
from crmsearch.keyfile import privacy_key
from crmsearch.loading import KEPT_GENERATIONS, IngestOptions, clean_to_files, load_changes, load_customers, report_page
from crmsearch.resolution.rows import Group
from crmsearch.settings import PathSettings, Secret, Settings
from tests.vaults import VAULT

RUN = "20261123t101500z"
INDEX = f"crm-customers-{RUN}"
OPTIONS = IngestOptions(paths=("/data/a.csv", "/data/b.csv"))
REPORT = RunReport(
    run_id="20261123t101500z",
    crmsearch_version="0",
    began_at="2026-11-23T10:15:00Z",
    index=INDEX,
    inputs=[],
    rows_read=5,
    indexed=3,
    records=4,
    merged=1,
    quarantined=1,
    quarantined_by_reason={},
    issues={},
    seconds={},
)


class Lock:
    """A lock that is free; it is lost when asked for the time it is told."""

    def __init__(self, lost_at: int | None) -> None:
        self.lost_at = lost_at
        self.checks = 0
        self.held_for: list[str] = []

    @contextmanager
    def held(self, work: str, _: Any) -> Iterator[Lock]:
        self.held_for.append(work)
        yield self

    def check(self) -> None:
        self.checks += 1
        if self.checks == self.lost_at:
            raise LockLostError("taken by another")


class Nobody:
    """Nobody was erased."""

    def read(self, _: Secret) -> None:
        return None


class RecordingLifecycle:
    """Notes what it is asked for, and fails at the step it is told."""

    vault = VAULT

    def __init__(self, failures: dict[str, BaseException] | None = None, lock_lost_at: int | None = None, live: str | None = None) -> None:
        self.steps: list[tuple[Any, ...]] = []
        self.failures = failures or {}
        self.lock = Lock(lock_lost_at)
        self.suppressions = Nobody()
        self._live = live
        self.applied = Applied(homes={}, told=set(), removed=set(), written=set(), deleted=set(), compared=0, customers=9)

    def create(self, _: datetime, *, loading: bool) -> str:
        assert loading
        self._step("create")
        return INDEX

    def analytics(self, index: str) -> SimpleNamespace:
        return SimpleNamespace(index=analytics_index("crm", index))

    def finish(
        self, index: str, expected_documents: int, contents: Sequence[FieldContent], expected_records: int | None, *, for_analysts: bool
    ) -> None:
        assert contents is REPORT.contents
        assert for_analysts
        self._step("finish", index, expected_documents, expected_records)

    def changeable(self) -> str:
        return INDEX

    def apply(self, index: str, groups: dict[str, Group], run_id: str, _: str) -> Applied:
        self._step("apply", index, sorted(groups), run_id)
        return self.applied

    def promote(self, index: str, *, loading: bool) -> None:
        assert loading
        self._step("promote", index)

    def prune(self, keep: int) -> None:
        self._step("prune", keep)

    def discard(self, index: str) -> bool:
        self._step("discard", index)
        return index != self._live

    def discard_abandoned(self) -> list[str]:
        self._step("discard abandoned")
        return []

    def live(self) -> str | None:
        return self._live

    def _step(self, name: str, *given: Any) -> None:
        self.steps.append((name, *given))
        if name in self.failures:
            raise self.failures[name]


class RecordingRuns:
    """Keeps the reports and the states that it is given; ``left`` are runs of before that never ended."""

    def __init__(self, left: Sequence[RunSummary] = ()) -> None:
        self.reports: list[RunReport] = []
        self.states: list[tuple[str, ...]] = []
        self.left = left

    def begin(self, run_id: str, _: datetime, index: str, mode: str = "full") -> None:
        assert index.endswith(run_id) == (mode == "full"), "an incremental run changes the generation of another"
        self.states.append((run_id, "started"))

    def advance(self, run_id: str, state: str, failure: str | None = None) -> None:
        self.states.append((run_id, state) if failure is None else (run_id, state, failure))

    def unfinished(self) -> Sequence[RunSummary]:
        return self.left

    def recent(self, _: int) -> list[RunReport]:
        return [*self.reports]

    def save(self, report: RunReport, state: str) -> None:
        self.reports.append(report)
        self.states.append((report.run_id, state))


class Job:
    """Stands for the Spark job: notes its arguments and settings, and answers or fails."""

    def __init__(self, outcome: RunReport | BaseException = REPORT) -> None:
        self.outcome = outcome
        self.arguments: list[str] = []
        self.settings = Settings()

    def __call__(self, settings: Settings, arguments: Sequence[str], on_event: Any) -> RunReport:
        self.arguments, self.settings = list(arguments), settings
        for stage in ("clean", "index", "index"):
            on_event({"stage": stage})
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(paths=PathSettings(state_dir=str(tmp_path / "state")))


def _load(settings: Settings, lifecycle: RecordingLifecycle, job: Job, runs: RecordingRuns | None = None) -> RunReport:
    return load_customers(settings, cast("Lifecycle", lifecycle), cast("RunStore", runs or RecordingRuns()), OPTIONS, runner=job)


def test_a_load_is_made_verified_promoted_and_tidied_up_after(settings: Settings, tmp_path: Path) -> None:
    lifecycle, job, runs = RecordingLifecycle(), Job(), RecordingRuns()
    assert _load(settings, lifecycle, job, runs) is REPORT
    assert runs.reports == [REPORT]
    assert "2026" in report_page(settings, REPORT).read_text(encoding="utf-8")
    assert (report_page(settings, REPORT).parent.stat().st_mode & 0o777) == 0o700
    steps = [("create",), ("finish", INDEX, 3, 4), ("promote", INDEX), ("prune", KEPT_GENERATIONS)]
    assert lifecycle.steps == [("discard abandoned",), *steps]
    assert runs.states == [(RUN, state) for state in ("started", "cleaned", "written", "verified", "promoted")]
    assert lifecycle.lock.held_for == ["ingest"]
    assert lifecycle.lock.checks == 2, "before the verification, and once more before the promotion"
    assert job.arguments[:2] == ["/data/a.csv", "/data/b.csv"]
    given = dict(zip(job.arguments, job.arguments[1:], strict=False))
    assert given["--index"] == INDEX
    assert given["--records-index"] == "crm-records-20261123t101500z"
    assert given["--analytics-index"] == "crm-customers-analytics-20261123t101500z"
    assert job.settings.privacy.key == privacy_key(settings), "made at first use, and told to the job in its environment"
    assert privacy_key(settings) not in job.arguments
    folder = tmp_path / "state" / "quarantine" / "20261123t101500z"
    assert given["--quarantine"] == folder.as_uri()
    assert folder.is_dir()
    assert (folder.parent.stat().st_mode & 0o777) == 0o700


@pytest.mark.parametrize("failure", [JobError("no"), KeyboardInterrupt(), RuntimeError("a defect")])
def test_a_job_that_fails_leaves_no_index(settings: Settings, failure: BaseException) -> None:
    lifecycle, runs = RecordingLifecycle(), RecordingRuns()
    with pytest.raises(type(failure)):
        _load(settings, lifecycle, Job(failure), runs)
    assert lifecycle.steps == [("discard abandoned",), ("create",), ("discard", INDEX)]
    why = {JobError: "no", KeyboardInterrupt: "interrupted", RuntimeError: "a defect"}[type(failure)]
    assert runs.states[-1] == (RUN, "failed", why)


@pytest.mark.parametrize("step", ["finish", "promote"])
def test_a_step_that_fails_leaves_no_index(settings: Settings, step: str) -> None:
    lifecycle, runs = RecordingLifecycle({step: CountMismatchError("no")}), RecordingRuns()
    with pytest.raises(CountMismatchError):
        _load(settings, lifecycle, Job(), runs)
    assert runs.reports[-1].failure == "no"
    assert lifecycle.steps[-1] == ("discard", INDEX)
    assert runs.states[-1] == (RUN, "failed")
    assert "prune" not in [name for name, *_ in lifecycle.steps]


def test_a_run_of_too_many_rejected_rows_leaves_its_report(settings: Settings) -> None:
    lifecycle, runs = RecordingLifecycle(), RecordingRuns()
    with pytest.raises(TooManyRejectedError) as caught:
        _load(settings, lifecycle, Job(TooManyRejectedError("3 of 5 rows", msgspec.structs.replace(REPORT, indexed=0))), runs)
    (report,) = runs.reports
    assert (report.failure, report.quarantined) == ("3 of 5 rows", 1)
    page = report_page(settings, report)
    assert "The run failed and nothing went live: 3 of 5 rows." in page.read_text(encoding="utf-8")
    assert caught.value.__notes__ == [f"the report of the failed run: {page}"]
    assert lifecycle.steps == [("discard abandoned",), ("create",), ("discard", INDEX)]


def test_an_interrupt_leaves_no_report_of_what_is_not_known(settings: Settings) -> None:
    runs = RecordingRuns()
    with pytest.raises(KeyboardInterrupt):
        _load(settings, RecordingLifecycle(), Job(KeyboardInterrupt()), runs)
    with pytest.raises(TooManyRejectedError):
        _load(settings, RecordingLifecycle(), Job(TooManyRejectedError("the job told no more")), runs)
    assert runs.reports == []


def test_what_went_wrong_first_is_told_even_if_nothing_can_be_undone(settings: Settings) -> None:
    lifecycle = RecordingLifecycle({"discard": BackendUnavailableError("down")})
    with pytest.raises(JobError, match="first") as caught:
        _load(settings, lifecycle, Job(JobError("first")))
    assert "the next ingest removes it" in caught.value.__notes__[0]


@pytest.mark.parametrize("check", [1, 2])
def test_a_load_that_lost_its_lock_promotes_nothing(settings: Settings, check: int) -> None:
    lifecycle, runs = RecordingLifecycle(lock_lost_at=check), RecordingRuns()
    with pytest.raises(LockLostError):
        _load(settings, lifecycle, Job(), runs)
    assert "promote" not in [name for name, *_ in lifecycle.steps]
    assert runs.reports[-1].failure == "taken by another"


def test_a_promotion_that_seemed_to_fail_is_not_undone(settings: Settings) -> None:
    lifecycle, runs = RecordingLifecycle({"promote": BackendUnavailableError("down")}, live=INDEX), RecordingRuns()
    with pytest.raises(BackendUnavailableError) as caught:
        _load(settings, lifecycle, Job(), runs)
    assert "went live all the same" in caught.value.__notes__[0]
    assert runs.states[-1] == (RUN, "promoted")


def test_what_a_load_that_died_has_left_is_mended_first(settings: Settings) -> None:
    left = [RunSummary(run_id=name, state="verified", began_at="", crmsearch_version="", index=name) for name in ("a", "b")]
    lifecycle, runs = RecordingLifecycle(live="b"), RecordingRuns(left)
    _load(settings, lifecycle, Job(), runs)
    assert lifecycle.steps[0] == ("discard abandoned",)
    assert runs.states[:2] == [("a", "failed", "it ended without a word, and its index was removed"), ("b", "promoted")]


def test_changes_that_died_are_told_to_be_given_once_more(settings: Settings) -> None:
    died = RunSummary(run_id="c", state="started", mode="incremental", began_at="", crmsearch_version="", index=INDEX)
    lifecycle, runs = RecordingLifecycle(live=INDEX), RecordingRuns([died])
    _load(settings, lifecycle, Job(), runs)
    (run_id, state, why), *_ = runs.states
    assert (run_id, state) == ("c", "failed"), "though what it changed is live"
    assert "the same input once more writes the rest" in why


def test_nothing_to_index_is_not_promoted(settings: Settings) -> None:
    lifecycle, runs = RecordingLifecycle(), RecordingRuns()
    with pytest.raises(JobError, match="all 5 rows are in quarantine"):
        _load(settings, lifecycle, Job(msgspec.structs.replace(REPORT, indexed=0)), runs)
    assert lifecycle.steps == [("discard abandoned",), ("create",), ("discard", INDEX)]
    assert "all 5 rows" in str(runs.reports[0].failure)


def test_clean_that_fails_leaves_its_report_too(settings: Settings, tmp_path: Path) -> None:
    failed = msgspec.structs.replace(REPORT, failure="3 of 5 rows")
    with pytest.raises(TooManyRejectedError) as caught:
        clean_to_files(settings, OPTIONS, tmp_path / "out", runner=Job(TooManyRejectedError("3 of 5 rows", failed)))
    assert msgspec.json.decode((tmp_path / "out" / "report.json").read_bytes(), type=RunReport) == failed
    assert caught.value.__notes__ == [f"the report of the failed run: {tmp_path / 'out' / 'report.html'}"]


def test_clean_writes_the_report_for_its_owner_only(settings: Settings, tmp_path: Path) -> None:
    job, out = Job(), tmp_path / "deep" / "out"
    assert clean_to_files(settings, OPTIONS, out, runner=job) is REPORT
    assert msgspec.json.decode((out / "report.json").read_bytes(), type=RunReport) == REPORT
    assert (out.stat().st_mode & 0o777) == 0o700
    assert job.arguments[-1] == out.as_uri()
    assert "--index" not in job.arguments


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["--source", "auto", "--encoding", "UTF-8"]),
        ({"region": "CN", "encoding": "GB18030"}, ["--source", "auto", "--encoding", "GB18030", "--region", "CN"]),
        (
            {"source": "zoho", "day_first": False, "columns": ("name=Kunde", "city=Ort")},
            ["--source", "zoho", "--encoding", "UTF-8", "--month-first", "--map", "name=Kunde", "--map", "city=Ort"],
        ),
        (
            {"orders": ("o1.csv", "o2.csv"), "tickets": ("t.csv",), "campaigns": ("c.csv",), "max_rejected": 0.05},
            [
                *("--source", "auto", "--encoding", "UTF-8", "--orders", "o1.csv", "--orders", "o2.csv"),
                *("--tickets", "t.csv", "--campaigns", "c.csv", "--max-rejected", "0.05"),
            ],
        ),
    ],
)
def test_options_become_arguments_of_the_job(given: dict[str, Any], words: list[str]) -> None:
    assert msgspec.convert({"paths": ["a.csv"], **given}, IngestOptions).arguments() == ["a.csv", *words]


class CleaningJob(Job):
    """Stands for the job of an incremental load: hands these rows over."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        counted = InputReport(
            path="/data/a.csv", format="csv", encoding="UTF-8", source_system="generic", rows_read=6, quarantined=1, columns={}, unmapped=[]
        )
        super().__init__(msgspec.structs.replace(REPORT, mode="incremental", inputs=[counted], rows_read=6, indexed=0, merged=0))
        self.rows = rows

    def __call__(self, settings: Settings, arguments: Sequence[str], on_event: Any) -> RunReport:
        given = dict(itertools.pairwise(arguments))
        self.folder = Path(given["--rows-out"]).parent
        Path(given["--rows-out"]).write_bytes(b"\n".join(msgspec.json.encode({"source": "/data/a.csv", **row}) for row in self.rows))
        return super().__call__(settings, arguments, on_event)


CHANGED_ROWS: list[dict[str, Any]] = [
    {"source_key": "A", "fingerprint": "1", "name": "Ada"},
    {"source_key": "A", "fingerprint": "1", "name": "Ada"},
    {"source_key": "B", "fingerprint": "2", "name": "Bob"},
    {"source_key": "C", "fingerprint": "3", "name": "Cy"},
    {"source_key": "D", "fingerprint": "4", "removed": True},
]


def _change(settings: Settings, lifecycle: RecordingLifecycle, job: Job, runs: RecordingRuns) -> RunReport:
    return load_changes(settings, cast("Lifecycle", lifecycle), cast("RunStore", runs), OPTIONS, runner=job)


def test_changes_are_applied_and_every_row_is_accounted_for(settings: Settings) -> None:
    lifecycle, job, runs = RecordingLifecycle(), CleaningJob(*CHANGED_ROWS), RecordingRuns()
    lifecycle.applied = Applied(
        homes={"A": "A", "B": "A", "Z": "Z"}, told={"A", "B"}, removed={"D"}, written={"A"}, deleted={"B"}, compared=7, customers=9
    )
    report = _change(settings, lifecycle, job, runs)
    mended, (step, index, names, run_id) = lifecycle.steps
    assert mended == ("discard abandoned",)
    assert lifecycle.lock.held_for == ["ingest"]
    assert lifecycle.lock.checks == 1, "before anything is written"
    assert (step, index, names, run_id) == ("apply", INDEX, ["A", "B", "C", "D"], job.arguments[job.arguments.index("--run-id") + 1])
    (each,) = report.inputs
    for counts in (report, each):
        assert (counts.indexed, counts.merged, counts.removed, counts.unchanged, counts.quarantined) == (1, 2, 1, 1, 1)
    assert report.changes is not None
    assert (report.changes.customers_written, report.changes.customers_deleted, report.changes.customers) == (1, 1, 9)
    assert (report.index, report.mode, runs.reports) == (INDEX, "incremental", [report])
    assert runs.states == [(run_id, "started"), (report.run_id, "promoted")]
    assert "apply" in report.seconds
    assert not job.folder.exists(), "cleaned rows are personal data, and gone with the run"
    assert (job.folder.parent.stat().st_mode & 0o777) == 0o700


def test_changes_that_fail_leave_their_report_and_no_rows(settings: Settings) -> None:
    lifecycle, job, runs = RecordingLifecycle({"apply": JobError("refused")}), CleaningJob(*CHANGED_ROWS), RecordingRuns()
    with pytest.raises(JobError) as caught:
        _change(settings, lifecycle, job, runs)
    assert any("the same input once more writes the rest" in note for note in caught.value.__notes__)
    (run_id, _), *later = runs.states
    assert later == [(run_id, "failed", "refused"), (REPORT.run_id, "failed")]
    assert [(each.failure, each.mode) for each in runs.reports] == [("refused", "incremental")]
    assert "the same input once more makes it whole" in report_page(settings, runs.reports[0]).read_text(encoding="utf-8")
    assert not job.folder.exists()
    lifecycle, runs = RecordingLifecycle(), RecordingRuns()
    with pytest.raises(CountMismatchError, match="do not add up"):
        _change(settings, lifecycle, CleaningJob(*CHANGED_ROWS[:3]), runs)


def test_rows_of_a_run_that_was_killed_go_with_the_next(settings: Settings) -> None:
    changes = settings.paths.state / "changes"
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"{ended.pid}-x", f"{os.getppid()}-x", "nobody"):
        (changes / name).mkdir(parents=True)
        (changes / name / "rows.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(JobError):
        _change(settings, RecordingLifecycle({"apply": JobError("refused")}), CleaningJob(*CHANGED_ROWS), RecordingRuns())
    assert [path.name for path in changes.iterdir()] == [f"{os.getppid()}-x"], "that of a run that lives stays"


def test_changes_take_customers_alone(settings: Settings) -> None:
    options = IngestOptions(paths=("/data/a.csv",), orders=("/data/orders.csv",))
    with pytest.raises(ConfigError, match="by a full one"):
        load_changes(settings, cast("Lifecycle", RecordingLifecycle()), cast("RunStore", RecordingRuns()), options, runner=Job())
