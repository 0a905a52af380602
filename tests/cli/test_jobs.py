"""`flask jobs`: what waits is done, what was given up can be tried again."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask

from gatehouse.infra import db, jobs
from tests.cli.commands import run
from tests.support.api import Api
from tests.users import records


def give_up(app: Flask, count: int) -> list[str]:
    """Return the ids of mails that nobody can ever send."""
    payload = {"template": "no such template", "to": "x@example.com", "context": {}}
    with app.app_context():
        with db.unit():
            ids = [jobs.enqueue("mail", payload) for _ in range(count)]
        entry = db.metadata.tables["outbox"]
        with db.unit():
            db.session.execute(
                entry.update().where(entry.c.id.in_(ids)).values(state="parked", last_error="no")
            )
    return [str(one) for one in ids]


def test_what_is_due_is_done_once(app: Flask, client: Api, tmp_path: Path) -> None:
    """Without any server: a timer may call it (JOBS=off)."""
    client.sign_up()
    assert run(app, "jobs", "list", "--json").expect().json["counts"]["waiting"] == 1
    run(app, "jobs", "run").expect(0, "did ")
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1
    assert run(app, "jobs", "list", "--json").json["counts"]["done"] == 1
    run(app, "jobs", "run").expect(0, "did 0")


def test_housekeeping_runs_too(app: Flask) -> None:
    run(app, "jobs", "run").expect()
    kinds = {row.kind for row in records.rows(app, "outbox")}
    assert "periodic:audit.purge" in kinds


def test_a_limit_is_kept(app: Flask, client: Api) -> None:
    run(app, "jobs", "run").expect()
    for _ in range(3):
        client.sign_up()
    run(app, "jobs", "run", "--limit", "2").expect(0, "did 2")
    assert run(app, "jobs", "list", "--json").json["counts"]["waiting"] == 1


def test_what_was_given_up_waits_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.cli.jobs._BATCH", 2)
    first, second, *others = give_up(app, 6)
    listed = run(app, "jobs", "list", "--json").expect().json
    assert listed["counts"]["parked"] == 6
    assert [one["id"] for one in listed["jobs"]] == [first, second, *others]
    assert "payload" not in listed["jobs"][0]
    run(app, "jobs", "list").expect(0, first, "parked")
    run(app, "jobs", "retry", first, second).expect(0, "2 will")
    run(app, "jobs", "retry", first, others[0]).expect(1, first)
    assert run(app, "jobs", "list", "--json").json["counts"]["parked"] == 4, "all or none"
    run(app, "jobs", "retry", "--all").expect(0, "4 will")
    run(app, "jobs", "retry", "--all").expect(0, "0 will")
    run(app, "jobs", "retry", str(UUID(int=7))).expect(1, "not among")
    run(app, "jobs", "retry", "7").expect(2)
    run(app, "jobs", "retry").expect(2)
    run(app, "jobs", "retry", first, "--all").expect(2)
    retried = [event.target for event in records.events(app, "job.retried")]
    assert retried == [first, second, *others]


def test_work_is_listed_by_state_and_kind_and_shown_without_its_content(
    app: Flask, client: Api
) -> None:
    person = client.sign_up()
    (given_up,) = give_up(app, 1)
    (waiting,) = run(app, "jobs", "list", "--state", "waiting", "--kind", "mail", "--json").json[
        "jobs"
    ]
    every = run(app, "jobs", "list", "--kind", "mail", "--json").json["jobs"]
    assert {one["id"] for one in every} == {waiting["id"], given_up}
    run(app, "jobs", "list", "--state", "lost").expect(2)
    shown = run(app, "jobs", "show", waiting["id"], "--json").expect()
    assert shown.json["kind"] == "mail"
    assert shown.json["user_id"] == person.id
    for outcome in (shown, run(app, "jobs", "show", waiting["id"]).expect(0, "waiting")):
        assert person.email not in outcome.out
        assert "payload" not in outcome.out
    run(app, "jobs", "show", given_up).expect(0, "parked")
    run(app, "jobs", "show", str(UUID(int=7))).expect(1, "there is no job")


def test_what_waits_for_its_next_try_is_tried_at_once(app: Flask) -> None:
    entry = db.metadata.tables["outbox"]
    with app.app_context():
        with db.unit():
            failed = jobs.enqueue("mail", {}, delay=timedelta(hours=1))
            later = jobs.enqueue("mail", {}, delay=timedelta(hours=1))
        with db.unit():
            db.session.execute(
                entry.update().where(entry.c.id == failed).values(last_error="451 later")
            )
    run(app, "jobs", "retry", "--waiting").expect(0, "1 will be tried now")
    run(app, "jobs", "retry", "--waiting").expect(0, "0 will be tried now")
    times = {row.id: row.available_at for row in records.rows(app, "outbox")}
    assert times[failed] < times[later]
    run(app, "jobs", "retry", "--waiting", "--all").expect(2)


def test_what_is_over_is_deleted_on_demand(app: Flask, client: Api) -> None:
    run(app, "jobs", "run").expect()
    client.sign_up()
    run(app, "jobs", "run").expect(0, "did 1")
    give_up(app, 2)
    client.sign_up()
    run(app, "jobs", "purge", "--older-than", "0").expect(2, "--yes")
    run(app, "jobs", "purge", "--older-than", "1", "--yes").expect(0, "deleted 0")
    run(app, "jobs", "purge", "--older-than", "0", "--state", "done", "--yes").expect(0, "ed 1")
    run(app, "jobs", "purge", "--older-than", "0", "--yes").expect(0, "deleted 2")
    counts = run(app, "jobs", "list", "--json").json["counts"]
    assert counts == {"waiting": 1, "leased": 0, "done": 0, "parked": 0}
    assert len(records.events(app, "jobs.purged")) == 3
