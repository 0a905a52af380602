"""Jobs: at least once, once at a time, again ever later, and never lost (F10, C14)."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from flask import Flask, g
from sqlalchemy import RowMapping, select
from sqlalchemy.exc import OperationalError

from gatehouse.core import clock
from gatehouse.infra import db, jobs
from gatehouse.infra.jobs import OutboxEntry, Permanent, State, TryLater, outbox, runner
from tests.support import counting

HOUR = timedelta(hours=1)


@pytest.fixture
def app(infra_app: Flask) -> Flask:
    """An application of infra alone, once on each database."""
    return infra_app


def enqueue(kind: str = "test", *, user_id: UUID | None = None, **payload: Any) -> UUID:
    with db.unit():
        return jobs.enqueue(kind, payload, user_id=user_id)


def row(entry_id: UUID) -> RowMapping:
    found = db.reader.row(select(OutboxEntry.__table__).where(OutboxEntry.id == entry_id))
    assert found is not None
    return found._mapping


def eventually(condition: Callable[[], bool], *, within: float = 5.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_work_is_done_once_with_its_payload_and_no_transaction_open(app: Flask) -> None:
    seen: list[tuple[dict[str, Any], UUID, bool]] = []
    jobs.declare(app, {"test": lambda payload, id: seen.append((payload, id, "unit" in g))})
    with app.app_context():
        entry_id = enqueue(number=1)
        assert jobs.run_due() == 1
        assert jobs.run_due() == 0
        done = row(entry_id)
    assert seen == [({"number": 1}, entry_id, False)]
    assert done["state"] == State.DONE
    assert done["payload"] == {}, "what was in it is not kept"
    assert done["done_at"] is not None


def test_work_leaves_with_the_commit_or_not_at_all(app: Flask) -> None:
    jobs.declare(app, {"test": lambda payload, id: None})
    with app.app_context():
        with suppress(ZeroDivisionError), db.unit():
            jobs.enqueue("test", {})
            raise ZeroDivisionError
        assert jobs.run_due() == 0
        assert sum(jobs.counts().values()) == 0


def test_work_with_a_delay_and_of_unknown_kinds_waits(app: Flask) -> None:
    jobs.declare(app, {"test": lambda payload, id: None})
    with app.app_context():
        with db.unit():
            jobs.enqueue("test", {}, delay=HOUR)
            jobs.enqueue("of a later version", {})
        assert jobs.run_due() == 0
        with clock.shifted(2 * HOUR):
            assert jobs.run_due() == 1
        assert jobs.counts() == {"waiting": 1, "leased": 0, "done": 1, "parked": 0}


def test_F10_what_fails_is_tried_ever_later_and_parked_after_five_attempts(app: Flask) -> None:
    calls: list[UUID] = []

    def fail(payload: dict[str, Any], entry_id: UUID) -> None:
        calls.append(entry_id)
        raise ValueError("no Bearer abcdefghijkl")

    jobs.declare(app, {"test": fail})
    with app.app_context():
        entry_id = enqueue()
        pauses = []
        passed = timedelta()
        for _ in range(5):
            with clock.shifted(passed):
                assert jobs.run_due() == 1
                assert jobs.run_due() == 0
                pauses.append(row(entry_id)["available_at"] - clock.now())
            passed += HOUR
        parked = row(entry_id)
        assert parked["state"] == State.PARKED
        assert parked["last_error"] == "ValueError: no Bearer [redacted]"
        assert pauses[0] < pauses[1] < pauses[2] < pauses[3]
        with clock.shifted(24 * HOUR):
            assert jobs.run_due() == 0
        (listed,) = jobs.parked()
        assert (listed["id"], listed["attempts"]) == (entry_id, 5)

        jobs.declare(app, {"test": lambda payload, id: None})
        with db.unit():
            assert jobs.retry(entry_id)
            assert not jobs.retry(uuid4())
        assert jobs.run_due() == 1
        with db.unit():
            assert not jobs.retry(entry_id), "it is done"
    assert len(calls) == 5


def test_a_permanent_failure_is_parked_at_once(app: Flask) -> None:
    def fail(payload: dict[str, Any], entry_id: UUID) -> None:
        raise Permanent("550 no such user")

    jobs.declare(app, {"test": fail})
    with app.app_context():
        entry_id = enqueue()
        jobs.run_due()
        assert row(entry_id)["state"] == State.PARKED


def test_F7_a_counterpart_that_is_away_for_hours_costs_no_attempts(app: Flask) -> None:
    is_away = True
    calls = []

    def call(payload: dict[str, Any], entry_id: UUID) -> None:
        calls.append(clock.now())
        if is_away:
            raise TryLater("away")

    jobs.declare(app, {"test": call})
    with app.app_context():
        first, second = enqueue(), enqueue()
        for minutes in range(0, 10 * 60, 5):
            with clock.shifted(timedelta(minutes=minutes)):
                jobs.run_due()
        assert row(first)["state"] == row(second)["state"] == State.WAITING
        assert row(first)["attempts"] == 0
        assert 30 < len(calls) < 80, "not all the time, and not too seldom"
        is_away = False
        with clock.shifted(11 * HOUR):
            jobs.run_due()
        assert row(first)["state"] == row(second)["state"] == State.DONE
        is_away = True
        third = enqueue()
        with clock.shifted(25 * HOUR):
            jobs.run_due()
        assert row(third)["state"] == State.PARKED


def test_C14_ten_workers_do_each_piece_once(app: Flask) -> None:
    seen: Counter[UUID] = Counter()
    lock = threading.Lock()

    def perform(payload: dict[str, Any], entry_id: UUID) -> None:
        with lock:
            seen[entry_id] += 1
        time.sleep(0.002)

    jobs.declare(app, {"test": perform})

    def drain(_: int) -> int:
        with app.app_context():
            return jobs.run_due()

    with app.app_context(), db.unit():
        ids = [jobs.enqueue("test", {}) for _ in range(40)]
    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(drain, range(10))) == 40
    assert seen == Counter(ids)


def test_F10_a_lease_runs_out_and_whoever_lost_it_marks_nothing(app: Flask) -> None:
    jobs.declare(app, {"test": lambda payload, id: None})
    with app.app_context():
        entry_id = enqueue()
        leases = {"test": runner.LEASE}
        with db.unit():
            slow = outbox.claim(leases)
        assert slow is not None
        with db.unit():
            assert outbox.claim(leases) is None, "it is not stolen before its time"
        with clock.shifted(timedelta(seconds=61)):
            with db.unit():
                quick = outbox.claim(leases)
            assert quick is not None
            assert (slow.attempts, quick.attempts) == (1, 2)
            with db.unit():
                assert not outbox.mark(slow, state=State.PARKED)
            with db.unit():
                assert outbox.mark(quick, state=State.DONE)
        assert row(entry_id)["state"] == State.DONE
        assert row(entry_id)["attempts"] == 2


def test_F10_work_that_kills_its_process_is_parked(app: Flask) -> None:
    class Killed(BaseException):
        """What no handler catches, as a kill."""

    def kill(payload: dict[str, Any], entry_id: UUID) -> None:
        raise Killed

    jobs.declare(app, {"test": kill})
    with app.app_context():
        entry_id = enqueue()
        for attempt in range(5):
            with clock.shifted(attempt * HOUR), pytest.raises(Killed):
                jobs.run_due()
        with clock.shifted(6 * HOUR):
            jobs.run_due()
        assert row(entry_id)["state"] == State.PARKED


def test_what_was_done_is_marked_when_the_database_is_back(app: Flask) -> None:
    calls: list[UUID] = []
    jobs.declare(app, {"test": lambda payload, id: calls.append(id)})
    real, failures = outbox.mark, iter([True])

    def mark(claim: outbox.Claim, **values: Any) -> bool:
        if next(failures, False):
            raise OperationalError("UPDATE", {}, Exception("gone"))
        return real(claim, **values)

    with app.app_context(), patch.object(outbox, "mark", mark):
        entry_id = enqueue()
        jobs.run_due()
        assert row(entry_id)["state"] == State.DONE
    assert len(calls) == 1


def test_idling_costs_one_read_and_no_transaction(app: Flask) -> None:
    jobs.declare(app, {"test": lambda payload, id: None})
    with counting.counting(app) as cost, app.app_context():
        assert jobs.run_due() == 0
    assert cost.queries == 1
    assert cost.statements[0].startswith("SELECT")
    assert (cost.commits, cost.writer_checkouts) == (0, 0)


def test_housekeeping_runs_every_so_often_once_over_all_processes(app: Flask) -> None:
    calls: list[str] = []

    def fail() -> None:
        calls.append("fails")
        raise ValueError

    jobs.declare(app, {}, {"fails": (HOUR, fail), "works": (HOUR, lambda: calls.append("works"))})
    with app.app_context():
        runner.ensure_periodic()
        runner.ensure_periodic()
        jobs.run_due()
        jobs.run_due()
        assert sorted(calls) == ["fails", "works"]
        for hours in range(2, 30, 2):
            with clock.shifted(hours * HOUR):
                jobs.run_due()
        assert Counter(calls) == {"fails": 15, "works": 15}
        assert sum(jobs.counts().values()) == 0, "housekeeping is not counted as work"
        assert not jobs.parked()


def test_done_rows_go_and_a_person_is_forgotten(app: Flask) -> None:
    jobs.declare(app, {"test": lambda payload, id: None})
    person = uuid4()
    with app.app_context():
        enqueue()
        jobs.run_due()
        with db.unit():
            jobs.enqueue("test", {"email": "a@example.org"}, user_id=person, delay=HOUR)
            jobs.enqueue("test", {}, delay=HOUR)
        with db.unit():
            jobs.forget(person)
        assert jobs.counts()["waiting"] == 1
        runner.ensure_periodic()
        with clock.shifted(timedelta(days=8)):
            jobs.run_due()
            jobs.run_due()
        assert jobs.counts()["done"] <= 1


def test_the_thread_begins_at_the_commit_and_ends_when_told(app: Flask) -> None:
    seen: list[UUID] = []
    jobs.declare(app, {"test": lambda payload, id: seen.append(id)})
    jobs.start_thread(app)
    jobs.start_thread(app)
    assert sum(thread.name == "jobs" for thread in threading.enumerate()) == 1
    time.sleep(0.3)
    with app.app_context():
        begun = time.monotonic()
        entry_id = enqueue()
        assert eventually(lambda: seen == [entry_id])
        assert time.monotonic() - begun < 2, "it was woken and did not wait for its next look"
    jobs.stop_thread(app)
    assert not any(thread.name == "jobs" for thread in threading.enumerate())


def test_the_thread_outlives_a_database_that_is_away(app: Flask) -> None:
    seen: list[UUID] = []
    jobs.declare(app, {"test": lambda payload, id: seen.append(id)})
    with app.app_context():
        entry_id = enqueue()
    with patch.object(
        outbox, "is_due", side_effect=OperationalError("SELECT", {}, Exception("gone"))
    ) as asked:
        jobs.start_thread(app)
        assert eventually(lambda: asked.call_count >= 2)
    assert eventually(lambda: seen == [entry_id], within=10)
    jobs.stop_thread(app)


def test_the_thread_does_not_start_where_jobs_are_off(make_infra_app: Callable[..., Flask]) -> None:
    app = make_infra_app(JOBS="off")
    jobs.start_thread(app)
    assert not any(thread.name == "jobs" for thread in threading.enumerate())
