"""R49, R59, F15: what is counted together, and what apart."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import islice

import pytest
from flask import Flask
from sqlalchemy import Engine, event

from gatehouse.auth import recovery, verification
from gatehouse.infra import hashing
from tests.support.api import PASSWORD, Api
from tests.support.clocks import Clock
from tests.support.counting import Cost
from tests.support.facts import Facts
from tests.support.race import statuses
from tests.users import records

Counted = Callable[[], AbstractContextManager[Cost]]


@pytest.mark.settings(LIMITS="refresh_session=2/minute")
def test_each_session_has_its_own_refreshes(client: Api) -> None:
    person, other = client.sign_up(), client.sign_up()
    second = person.refreshed().refreshed()
    second.stranger.try_refresh(second.refresh_token).expect(429, "rate_limited")
    # From another address it is the same session, and from the same one another session.
    client.at().try_refresh(second.refresh_token).expect(429, "rate_limited")
    assert other.refreshed().refreshed().is_in()
    assert person.again().refreshed().is_in()


@pytest.mark.settings(LIMITS="login_failures=3/minute")
def test_failures_are_counted_by_address_and_never_where_one_is_known(client: Api) -> None:
    """R53: whoever has logged in from here is not shut out by what others do from here."""
    person, stranger = client.sign_up(), client.at()
    unknown = client.sign_up()
    for _ in range(3):
        stranger.try_log_in(person.email, "a wrong one").expect(401)
    stranger.try_log_in(unknown.email).expect(429, "rate_limited")
    client.at().try_log_in(unknown.email).expect(200)
    # At home the failures of a known person count for the account and not for the address.
    for _ in range(4):
        client.try_log_in(person.email, "a wrong one").expect(401)
    client.try_log_in(person.email).expect(200)


def test_mails_to_a_person_are_counted_whoever_asks(app: Flask, client: Api) -> None:
    """Five an hour: more requests are answered alike, and nothing is sent."""
    person, other = client.sign_up(), client.sign_up()
    facts = Facts(app)
    for number in range(7):
        path = "/auth/password-reset" if number % 2 else "/auth/verify-email/resend"
        client.at().post(path, {"email": person.email}).expect(202)
    for job, kind in (
        (recovery.send_reset, recovery.RESET_JOB),
        (verification.resend, verification.RESEND_JOB),
    ):
        records.perform(app, job, kind)
    assert len(facts.mails()) == 5
    client.post("/auth/password-reset", {"email": other.email}).expect(202)
    records.perform(app, recovery.send_reset, recovery.RESET_JOB)
    assert [mail[1] for mail in facts.mails()] == [other.email]


@pytest.mark.settings(THREADS="2")
def test_f15_a_full_hash_queue_refuses_before_anything_is_asked_or_counted(
    app: Flask, client: Api, counted: Counted
) -> None:
    """Of a herd most are refused: what that costs is taken from those who are served."""
    person = client.sign_up()
    pool, gate = app.extensions[hashing.EXTENSION].pool, threading.Event()
    with ThreadPoolExecutor(1) as others, ExitStack() as stack:
        stack.callback(gate.set)
        others.submit(pool.run, gate.wait)
        while not pool.pending:
            time.sleep(0.001)
        with counted() as cost:
            client.at().try_log_in(person.email).expect(503, "hash_queue_full")
        assert (cost.statements, cost.commits, cost.redis_calls) == ([], 0, 0)
        client.at().try_grant(person.email).expect(503, "hash_queue_full")
        with counted() as cost:
            body = {"password": PASSWORD}
            person.post("/auth/reauthenticate", body).expect(503, "hash_queue_full")
        assert (cost.queries, cost.commits) == (1, 0), "more than the look at the session"
    person.post("/auth/reauthenticate", body).expect(200)


@pytest.mark.settings(HASH_THREADS="1", THREADS="14")
def test_f15_of_log_ins_that_come_at_once_one_is_prepared_while_a_hash_runs(
    app: Flask, client: Api, counted: Counted
) -> None:
    """The others wait for their turn, and leave the database to those who are served."""
    people = [client.sign_up() for _ in range(6)]
    pool, gate = app.extensions[hashing.EXTENSION].pool, threading.Event()
    with ThreadPoolExecutor(7) as others, ExitStack() as stack, counted() as cost:
        stack.callback(gate.set)
        others.submit(pool.run, gate.wait)
        while not pool.pending:
            time.sleep(0.001)
        coming = [others.submit(client.at().try_log_in, person.email) for person in people]
        limit = time.monotonic() + 10
        while not (pool.pending == 7 and cost.commits):
            assert time.monotonic() < limit
            time.sleep(0.001)
        time.sleep(0.2)
        assert cost.commits == 1, "more than one guess was counted long before it is judged"
        gate.set()
        for one in coming:
            one.result(20).expect(200)


@pytest.mark.settings(HASH_THREADS="1", THREADS="40")
def test_r52_guesses_at_one_name_are_refused_before_a_hash_is_free(
    app: Flask, client: Api, clock: Clock
) -> None:
    """Ten are judged; the others hear so at once, and take no place from anybody.

    Only one of them may stand in line meanwhile, not judged yet.
    """
    clock.stop()
    person = client.sign_up()
    pool, gate = app.extensions[hashing.EXTENSION].pool, threading.Event()
    with ThreadPoolExecutor(26) as others, ExitStack() as stack:
        stack.callback(gate.set)
        others.submit(pool.run, gate.wait)
        while not pool.pending:
            time.sleep(0.001)
        guess = partial(client.at().try_log_in, person.email, "a wrong Password of tests")
        guesses = [others.submit(guess) for _ in range(25)]
        early = list(islice(as_completed(guesses, 20), 14))
        assert statuses([one.result() for one in early]) == {429: 14}
        limit = time.monotonic() + 10
        while pool.pending not in (11, 12):
            assert time.monotonic() < limit
            time.sleep(0.001)
        gate.set()
        assert statuses([one.result(20) for one in guesses]) == {401: 10, 429: 15}


def test_f15_a_log_in_leaves_the_queue_with_its_hash(app: Flask, client: Api) -> None:
    """What comes after it, and may be slow, takes no place from others."""
    person, seen = client.sign_up(), dict[str, int]()
    pool = app.extensions[hashing.EXTENSION].pool

    def look(_: object, __: object, statement: str, *___: object) -> None:
        seen.setdefault(" ".join(statement.split()[:3]), pool.pending)

    event.listen(Engine, "before_cursor_execute", look)
    try:
        client.at().try_log_in(person.email).expect(200)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    assert seen["INSERT INTO guess_counters"] == 1
    assert seen["INSERT INTO sessions"] == 0
