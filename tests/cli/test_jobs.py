"""`flask jobs`: what waits is done, what was given up can be tried again."""

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
    assert [one["id"] for one in listed["parked"]] == [first, second, *others]
    assert "payload" not in listed["parked"][0]
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
