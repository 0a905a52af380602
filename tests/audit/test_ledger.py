"""The ledger itself: true with its unit, counted where a stranger can repeat, purged, blanked."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from gatehouse import audit, feature
from gatehouse.audit import repository, service, tally
from gatehouse.core import clock
from gatehouse.core.events import Fact
from gatehouse.core.ids import new_id
from gatehouse.infra import db, jobs
from tests.audit.house import ORIGIN, Happening, House


def test_a_fact_is_gone_with_the_act_that_failed(house: House) -> None:
    def fail() -> None:
        with house.app.app_context(), db.unit():
            audit.record(Happening.HAPPENED, actor_id=None, subject_id=None, origin=ORIGIN)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert house.events("test.happened") == []


def test_features_hear_of_what_is_committed(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """After the commit, once, in their order; one that fails disturbs nobody else."""
    heard: list[tuple[int, Fact]] = []

    def broken(_fact: Fact) -> None:
        raise ZeroDivisionError

    def listener(number: int) -> Callable[[Fact], None]:
        return lambda fact: heard.append((number, fact))

    listeners = [listener(1), broken, listener(2)]
    person = new_id()
    with house.app.app_context():
        monkeypatch.setitem(feature.slots().listeners, Happening.HAPPENED, listeners)
        told = {"actor_id": None, "subject_id": person, "origin": ORIGIN, "details": {"a": 1}}
        with suppress(ZeroDivisionError), db.unit():
            audit.record(Happening.HAPPENED, **told)
            raise ZeroDivisionError
        with db.unit():
            audit.record(Happening.HAPPENED, **told, target="x\0")
            audit.record(Happening.REPEATED, **told)
            assert heard == []
    assert [number for number, _ in heard] == [1, 2]
    fact = heard[0][1]
    assert (fact.event, fact.actor_id, fact.subject_id) == (Happening.HAPPENED, None, person)
    assert (fact.origin, fact.details) == (ORIGIN, {"a": 1})
    assert fact.target == "x\N{REPLACEMENT CHARACTER}"
    [row] = house.events("test.happened")
    assert row["occurred_at"] == fact.occurred_at
    assert "listener_failed" in "".join(capfd.readouterr())


def test_an_id_carries_the_time_of_the_fact(house: House) -> None:
    moments = [clock.now() + timedelta(days=days) for days in (-500, 0, 500)]
    ids = [repository.id_at(moment) for moment in moments]
    assert ids == sorted(ids)
    assert [one.version for one in ids] == [7, 7, 7]
    assert [int(moment.timestamp() * 1000) for moment in moments] == [one.int >> 80 for one in ids]


def test_what_a_stranger_repeats_is_counted_and_fills_no_disk(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R112: throttled requests are one row a window, and one write a second."""
    readings = iter([100.0] * 500 + [101.5] * 3)
    monkeypatch.setattr(tally, "monotonic", lambda: next(readings))
    person, writes = new_id(), 0

    def count(*_: object) -> None:
        nonlocal writes
        writes += 1

    with house.app.app_context():
        event.listen(db.sqlalchemy.engine, "commit", count)
        for _ in range(501):
            audit.record_throttled(Happening.REPEATED, subject_id=person, origin=ORIGIN)
        audit.record_throttled(Happening.REPEATED, subject_id=None, origin=ORIGIN)
    rows = house.events("test.repeated")
    assert [(row["subject_id"], row["occurrences"]) for row in rows] == [(person, 501), (None, 1)]
    assert writes == 12
    with clock.shifted(timedelta(minutes=10)), house.app.app_context():
        audit.record_throttled(Happening.REPEATED, subject_id=person, origin=ORIGIN)
    assert [row["occurrences"] for row in house.events("test.repeated")] == [501, 1, 1]


def test_a_count_that_cannot_be_written_costs_the_refusal_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("", {}, Exception("gone"))

    monkeypatch.setattr(repository, "raise_or_add", fail)
    with house.app.app_context():
        audit.record_throttled(Happening.REPEATED, subject_id=None, origin=ORIGIN)
    assert house.events("test.repeated") == []


def test_the_memory_of_counts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST_KEYS", 3)
    counts = tally.Tally()
    for number in range(100):
        assert counts.take(str(number)) == 1
    assert len(counts._seen) == 3


def test_old_facts_are_purged_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "BATCH", 3)
    with house.app.app_context(), db.unit():
        for _ in range(7):
            audit.record(Happening.HAPPENED, actor_id=None, subject_id=None, origin=ORIGIN)
    _, purge = audit.feature.periodic["audit.purge"]
    with house.app.app_context():
        with clock.shifted(timedelta(days=399)):
            purge()
        assert len(house.events("test.happened")) == 7
        with clock.shifted(timedelta(days=401)), db.unit():
            audit.record(Happening.REPEATED, actor_id=None, subject_id=None, origin=ORIGIN)
        with clock.shifted(timedelta(days=401)):
            purge()
    assert house.events("test.happened") == []
    assert len(house.events("test.repeated")) == 1


def test_forgetting_a_person_keeps_ids_and_blanks_where_they_were(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "BATCH", 2)
    gone, other = new_id(), new_id()
    parts = [(gone, gone), (gone, other), (None, gone), (None, gone), (other, gone), (None, other)]
    with house.app.app_context():
        with db.unit():
            for actor_id, subject_id in parts:
                audit.record(
                    Happening.HAPPENED, actor_id=actor_id, subject_id=subject_id, origin=ORIGIN
                )
        with db.unit():
            assert audit.feature.erase is not None
            audit.feature.erase(gone)
        jobs.run_due()
    rows = house.events("test.happened")
    assert [(row["actor_id"], row["subject_id"]) for row in rows] == parts
    assert [row["address"] for row in rows] == [None] * 4 + [ORIGIN.address] * 2
    assert [row["user_agent"] for row in rows] == [None] * 4 + [ORIGIN.user_agent] * 2


def test_an_erasure_leaves_many_events_to_a_job_of_small_units(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else's write waits for them: the request touches none, the job a batch a unit."""
    assert repository.BATCH == 1_000
    monkeypatch.setattr(repository, "BATCH", 3)
    monkeypatch.setattr(service, "MOST_BATCHES", 2)
    gone, said = new_id(), list[object]()
    with house.app.app_context():
        with db.unit():
            for _ in range(20):
                audit.record(Happening.HAPPENED, actor_id=gone, subject_id=gone, origin=ORIGIN)

        def listen(_: object, cursor: Any, statement: str, *__: object) -> None:
            if "events" in statement and not statement.startswith("SELECT"):
                said.append(cursor.rowcount)

        event.listen(db.sqlalchemy.engine, "after_cursor_execute", listen)
        event.listen(db.sqlalchemy.engine, "commit", lambda _: said.append("commit"))
        with db.unit():
            assert audit.feature.erase is not None
            audit.feature.erase(gone)
            jobs.forget(gone)
        assert said == ["commit"]
        jobs.run_due()
        blanked = [one for one in said if one != "commit"]
        assert blanked == [3, 3, 3, 3, 3, 3, 2]
        for index, one in enumerate(said):
            assert one == "commit" or said[index + 1] == "commit"
        assert jobs.counts() == {"waiting": 0, "leased": 0, "done": 4, "parked": 0}
    assert {row["address"] for row in house.events("test.happened")} == {None}


def test_facts_of_one_moment_keep_their_order() -> None:
    moment = clock.now()
    ids = [repository.id_at(moment) for _ in range(20_000)]
    assert ids == sorted(set(ids))
