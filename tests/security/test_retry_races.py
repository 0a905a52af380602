"""Retries that race, and retries after a process died (C12, F9)."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from gatehouse.core import clock
from gatehouse.infra import db, idempotency
from tests.support import stored
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, new_email, new_username
from tests.support.databases import Database, PostgreSql
from tests.support.live import Live, Servers
from tests.support.race import at_once, statuses

WIDTH = 20
PATIENCE_SECONDS = 30


def keyed() -> dict[str, Any]:
    """Return the arguments of a request with a new key."""
    return {"headers": {"Idempotency-Key": str(uuid4())}}


def until_answered(send: Callable[[], Answer]) -> Answer:
    """Send a request again until it is no longer in progress."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while (answer := send()).code == "request_in_progress":
        assert time.monotonic() < limit, str(answer)
        time.sleep(0.05)
    return answer


@pytest.mark.parametrize("path", ["/users", "/roles"])
def test_c12_r98_twenty_clients_with_one_key(live: Live, path: str) -> None:
    admin, name = live.admin(), new_username()
    bodies: dict[str, dict[str, Any]] = {
        "/users": {"email": new_email(), "password": PASSWORD, "username": name},
        "/roles": {"name": name, "description": "", "permissions": ["users:read"]},
    }
    clients: list[Api] = [live.client.at() for _ in range(WIDTH)]
    if path == "/roles":
        clients = [admin] * WIDTH
    key = keyed()
    sends = [partial(client.post, path, bodies[path], **key) for client in clients]
    answers = at_once(sends)
    assert set(statuses(answers)) <= {201, 409}
    assert {answer.code for answer in answers} <= {None, "request_in_progress"}
    told = {until_answered(send).content for send in sends}
    told |= {answer.content for answer in answers if answer.status == 201}
    assert len(told) == 1
    listed = admin.get("/roles?per_page=100" if path == "/roles" else f"/users?q={name}")
    assert listed.expect(200).content.count(name.encode()) == 1


def test_r98_of_two_bodies_under_one_key_one_is_done(live: Live) -> None:
    key = keyed()
    bodies = [{"email": new_email(), "password": PASSWORD} for _ in range(WIDTH)]
    answers = at_once([partial(live.client.post, "/users", body, **key) for body in bodies])
    assert statuses(answers)[201] == 1
    assert statuses(answers)[422] == WIDTH - 1
    made = [live.client.try_log_in(body["email"]).status == 200 for body in bodies]
    assert made == [answer.status == 201 for answer in answers]


@pytest.fixture
def slow(database: Database, servers: Servers, request: pytest.FixtureRequest) -> Iterator[Live]:
    """Return a server of one process, whose hashes take long enough to kill it meanwhile."""
    shared = {}
    if database.name == PostgreSql.name:
        shared["REDIS_URL"] = request.getfixturevalue("redis_url")
    with ExitStack() as stack:
        yield servers.start(database.name, stack, BCRYPT_ROUNDS="14", WORKERS="1", **shared)


def test_f9_r98_a_process_that_is_killed_between_claim_and_effect(slow: Live) -> None:
    """Kill -9 while the password is hashed: nothing was done, and the retry does it once."""
    send = partial(
        slow.client.post, "/users", {"email": new_email(), "password": PASSWORD}, **keyed()
    )
    lost = threading.Thread(target=pytest.raises, args=(urllib3.exceptions.HTTPError, send))
    lost.start()
    wait_for(lambda: len(claims(slow)) == 1)
    kill(slow)
    lost.join()
    assert [claim["status"] for claim in claims(slow)] == [None]
    send().expect(409, "request_in_progress")
    run_out(slow)
    first = until_answered(send).expect(201)
    again = send().expect(201)
    assert (again.content, again.headers["Location"]) == (first.content, first.headers["Location"])
    assert len(stored.tables(slow.app)["users"]) == 1


def test_f9_r98_a_process_that_is_killed_after_its_effect(slow: Live) -> None:
    """The answer was lost on its way: the retry finds it, also in another process."""
    send = partial(
        slow.client.post, "/users", {"email": new_email(), "password": PASSWORD}, **keyed()
    )
    first = send().expect(201)
    kill(slow)
    assert send().expect(201).content == first.content
    assert len(stored.tables(slow.app)["users"]) == 1


def claims(live: Live) -> list[dict[str, Any]]:
    """Return the stored keys."""
    return stored.tables(live.app)["idempotency_keys"]


def run_out(live: Live) -> None:
    """Let every claim end at once: the process has no clock that a test could move."""
    with live.app.app_context(), db.unit():
        db.session.execute(idempotency.keys.update().values(claimed_until=clock.now()))


def kill(live: Live) -> None:
    """Kill the one process that answers, and wait for its successor's first answer."""
    (process,) = children(live)
    os.kill(process, signal.SIGKILL)

    def has_successor() -> bool:
        try:
            answer = live.client.request("GET", "/ready")
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200 and process not in children(live)

    wait_for(has_successor)


def children(live: Live) -> list[int]:
    """Return the processes that answer for a server."""
    main = live.process.pid
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.02)
