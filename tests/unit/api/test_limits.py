"""Limits: what a role may ask for, who waits how long, and that processes count together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient

from crmsearch.api.app import create_app
from crmsearch.api.limits import Buckets
from crmsearch.errors import TooManyRequestsError
from crmsearch.privacy.access import Role
from crmsearch.privacy.limits import FAILURES, LIMITS, Limit, cost_of
from crmsearch.settings import ApiSettings, Secret
from tests.keys import Keys, bearer

HOST = "crm.test"
LIMIT = Limit(2, 10)
PAGE = Path(__file__).parents[3] / "docs" / "access.md"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buckets(tmp_path: Path, clock: Clock) -> Iterator[Buckets]:
    found = Buckets(tmp_path / "api" / "limits.sqlite", clock)
    yield found
    found.close()


def _let_in(buckets: Buckets, name: str, limit: Limit = LIMIT, cost: float = 1.0, most: int = 1000) -> int:
    """How many requests are let in at once."""
    for number in range(most):
        try:
            buckets.take("key", name, limit, cost)
        except TooManyRequestsError:
            return number
    return most


def test_a_burst_at_once_and_then_the_rate(buckets: Buckets, clock: Clock) -> None:
    assert _let_in(buckets, "a") == 10
    assert _let_in(buckets, "b") == 10, "each name for itself"
    clock.now += 3
    assert _let_in(buckets, "a") == 6
    clock.now += 1000
    assert _let_in(buckets, "a") == 10, "no more than a burst is saved up"


def test_how_long_to_wait_is_enough_and_told(buckets: Buckets, clock: Clock) -> None:
    _let_in(buckets, "a")
    with pytest.raises(TooManyRequestsError, match="try again in 4 s") as caught:
        buckets.take("key", "a", LIMIT, 8)
    assert caught.value.retry_after_s == 4
    clock.now += 4
    buckets.take("key", "a", LIMIT, 8)


def test_what_costs_more_than_a_burst_counts_for_a_whole_one(buckets: Buckets, clock: Clock) -> None:
    assert _let_in(buckets, "a", cost=251) == 1
    clock.now += 5
    assert _let_in(buckets, "a", cost=251) == 1


def test_a_look_takes_nothing(buckets: Buckets) -> None:
    for _ in range(50):
        buckets.check("key", "a", LIMIT)
    assert _let_in(buckets, "a") == 10
    with pytest.raises(TooManyRequestsError):
        buckets.check("key", "a", LIMIT)


def test_a_clock_that_was_put_back_locks_nobody_out(buckets: Buckets, clock: Clock) -> None:
    _let_in(buckets, "a")
    clock.now -= 3600
    assert _let_in(buckets, "a") == 0
    clock.now += LIMIT.window_s
    assert _let_in(buckets, "a") == 10


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 30)), max_size=40))
def test_nobody_gets_more_than_a_burst_and_the_rate(steps: list[tuple[float, float]]) -> None:
    clock, spent, began = Clock(), 0.0, Clock().now
    buckets = Buckets(Path(":memory:"), clock)
    for pause, cost in steps:
        clock.now += pause
        with suppress(TooManyRequestsError):
            buckets.take("key", "a", LIMIT, cost)
            spent += min(cost, LIMIT.burst)
        assert spent <= LIMIT.burst + LIMIT.per_s * (clock.now - began) + 1e-3
    buckets.close()


def _take_many(path: str) -> int:
    return _let_in(Buckets(Path(path), lambda: 1_000_000.0), "a", Limit(1, 300))


def test_processes_count_together(tmp_path: Path) -> None:
    path = str(tmp_path / "limits.sqlite")
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        assert sum(processes.map(_take_many, [path] * 4)) == 300


def _open_when_all_are_there(path: str, barrier: Barrier) -> None:
    for number in range(100):
        barrier.wait(60)
        Buckets(Path(f"{path}.{number}")).close()


def test_processes_that_start_at_once_make_the_file_once(tmp_path: Path) -> None:
    context = get_context("spawn")
    barrier = context.Barrier(4)
    processes = [context.Process(target=_open_when_all_are_there, args=(str(tmp_path / "limits"), barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4


def test_the_file_tells_nobodys_address(buckets: Buckets, tmp_path: Path) -> None:
    buckets.take("wrong keys", "203.0.113.7", FAILURES)
    with sqlite3.connect(tmp_path / "api" / "limits.sqlite") as base:
        assert not any("203.0.113.7" in str(row) for row in base.execute("SELECT * FROM buckets"))
    base.close()


def test_where_the_file_is_damaged_a_process_counts_for_itself(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "limits.sqlite").write_bytes(b"\0not a base" * 500)
    buckets = Buckets(tmp_path / "limits.sqlite", clock)
    assert _let_in(buckets, "a") == 10
    assert "limits.sqlite cannot be used: DatabaseError" in caplog.text
    buckets.close()


def test_where_the_file_is_gone_everybody_is_let_in(buckets: Buckets, caplog: pytest.LogCaptureFixture) -> None:
    buckets.close()
    assert _let_in(buckets, "a", most=20) == 20
    assert "limits are not kept" in caplog.text


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def api(keys: Keys, buckets: Buckets) -> Iterator[TestClient[Litestar]]:
    unused: Any = None
    app = create_app(unused, ApiSettings(allowed_hosts=HOST, key=Secret("the key of the settings")), keys=keys, buckets=buckets)  # type: ignore[arg-type]
    with TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False) as api:
        yield api


def test_a_key_waits_and_another_does_not(api: TestClient[Litestar], keys: Keys, clock: Clock) -> None:
    fast, other = bearer(keys.make("agent")), bearer(keys.make("agent"))
    statuses = [api.get("/v1/fields", headers=fast).status_code for _ in range(101)]
    assert statuses == [200] * 100 + [429]
    answer = api.get("/v1/fields", headers=fast)
    assert (answer.headers["Retry-After"], answer.json()["code"]) == ("1", "too_many_requests")
    assert api.get("/v1/fields", headers=other).status_code == 200
    clock.now += 1
    assert api.get("/v1/fields", headers=fast).status_code == 200


def test_values_are_not_tried_one_after_the_other(api: TestClient[Litestar], keys: Keys) -> None:
    agent = bearer(keys.make("agent"))
    body = {"phones": [f"+4479111{number:05}" for number in range(500)]}
    assert api.post("/v1/customers/lookup", headers=agent, json=body).status_code == 429, "the request itself is paid already"


def test_wrong_keys_are_few(api: TestClient[Litestar], clock: Clock) -> None:
    statuses = [api.get("/v1/fields", headers=bearer(f"wrong{number}")).status_code for number in range(11)]
    assert statuses == [401] * 10 + [429]
    assert api.get("/v1/fields", headers=bearer("the key of the settings")).status_code == 429, "nor is a right one tried meanwhile"
    clock.now += 6
    assert api.get("/v1/fields", headers=bearer("the key of the settings")).status_code == 200


def test_before_there_is_a_key_nobody_waits(buckets: Buckets) -> None:
    unused: Any = None
    with TestClient(create_app(unused, ApiSettings(allowed_hosts=HOST), buckets=buckets), base_url=f"http://{HOST}") as api:
        assert {api.get("/v1/fields").status_code for _ in range(600)} == {200}


def test_the_documentation_shows_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert set(LIMITS) == set(get_args(Role))
    for role, limit in LIMITS.items():
        assert f"| {role} | {limit.per_s:g} | {limit.burst:g} |" in page
    assert cost_of("export") > cost_of("search") == cost_of(None) == 1
