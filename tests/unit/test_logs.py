"""The log as JSON: one object a line, with the id of the request or run, and nothing of a customer."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.errors import BackendUnavailableError
from crmsearch.logs import RUN_ID, JsonFormatter, configure_logging, one_run
from crmsearch.settings import ApiSettings, LogSettings

HOST = "crm.test"


class Lines(logging.Handler):
    """What would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.found: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    handler, logger = Lines(), logging.getLogger("crmsearch")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield handler.found
    logger.removeHandler(handler)
    logger.setLevel(before)


class Away:
    """A base that fails, quoting a customer."""

    async def search(self, body: dict[str, Any], position: Any = None) -> dict[str, Any]:
        raise BackendUnavailableError("away")

    async def search_earlier(self, body: dict[str, Any]) -> None:
        return None

    async def read(self, customer_id: str, *, restricted: bool = False) -> None:
        raise ValueError("Wang Geheim, 13800138000")

    async def check(self) -> None:
        return None


@pytest.fixture
def api() -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(Away(), ApiSettings(allowed_hosts=HOST)), base_url=f"http://{HOST}", raise_server_exceptions=False) as api:
        yield api


def test_lines_of_a_request_bear_its_id_and_nothing_of_what_was_asked(api: TestClient[Litestar], lines: list[dict[str, Any]]) -> None:
    ids = [f"request-{number:04}" for number in range(3)]
    answers = [
        api.post("/v1/customers/search", json={"q": "Geheim"}, headers={"X-Request-ID": ids[0]}),
        api.get("/v1/customers/13800138000", headers={"X-Request-ID": ids[1]}),
        api.get("/health/live", params={"q": "Geheim"}, headers={"X-Request-ID": ids[2]}),
    ]
    assert [each.status_code for each in answers] == [503, 500, 400]
    for request_id, answer in zip(ids, answers, strict=True):
        own = [each for each in lines if each.get("request_id") == request_id]
        access = own[-1]
        assert (access["logger"], access["status"], access["level"]) == ("crmsearch.access", answer.status_code, "info")
        assert access["took_ms"] >= 0
        assert access["route"].startswith(("/v1/customers/search", "/v1/customers/{", "/health/live"))
        assert len(own) == 1 + (answer.status_code >= 500) + (answer.status_code == 500), "what went wrong has its own lines"
    assert len([each for each in lines if "request_id" in each]) == len(lines)
    assert not [word for word in ("Geheim", "13800138000", "Wang") if word in json.dumps(lines)]


def test_an_exception_is_told_by_class_and_place(lines: list[dict[str, Any]]) -> None:
    logger = logging.getLogger("crmsearch.test")
    try:
        raise ValueError("Wang Geheim")
    except ValueError:
        logger.exception("that failed", extra={"customer": "Wang Geheim"})
    (line,) = lines
    assert (line["error"], line["message"]) == ("ValueError", "that failed")
    assert line["place"].startswith(__file__)
    assert "Geheim" not in json.dumps(line)


def test_a_line_of_a_load_bears_its_run(lines: list[dict[str, Any]]) -> None:
    token = RUN_ID.set("20260101t000000z")
    logging.getLogger("crmsearch.load").info("report written", extra={"rows_read": 7, "seconds": 1.5})
    RUN_ID.reset(token)
    logging.getLogger("crmsearch.load").info("two\nlines")
    assert {name: lines[0][name] for name in ("run_id", "rows_read", "seconds")} == {
        "run_id": "20260101t000000z",
        "rows_read": 7,
        "seconds": 1.5,
    }
    assert "run_id" not in lines[1]
    assert lines[1]["message"] == "two\nlines"


@pytest.mark.parametrize(("form", "beginning"), [("json", '{"time":"20'), ("text", "20")])
def test_the_whole_process_writes_in_the_form_that_is_set(form: str, beginning: str) -> None:
    say = (
        "import logging; from crmsearch.logs import configure_logging; from crmsearch.settings import from_env;"
        "configure_logging(from_env().log); logging.getLogger('uvicorn.error').warning('one');"
        "logging.getLogger('elastic_transport').info('two')"
    )
    environment = {"CRMSEARCH_LOG_FORMAT": form, "HOME": "/nowhere"}
    said = subprocess.run([sys.executable, "-c", say], env=environment, check=True, timeout=60, capture_output=True, text=True).stderr
    (line,) = said.splitlines()
    assert line.startswith(beginning)
    assert "one" in line


def test_setting_up_twice_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        for _ in range(2):
            configure_logging(LogSettings(format="json"))
        logging.getLogger("crmsearch.test").warning("once")
    finally:
        root.handlers[:], root.level = handlers, level
    assert capsys.readouterr().err.count("once") == 1


def test_what_comes_after_a_load_is_not_of_its_run() -> None:
    @one_run()
    def load() -> str:
        RUN_ID.set("20260101t000000z")
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011 - of no words
            load()
        assert RUN_ID.get() == ""
