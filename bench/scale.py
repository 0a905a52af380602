"""The same requests with 10,000 people and with many: their time, and what they read."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

from bench import checks, data, gatehouse, load
from bench.client import Answer, Request
from bench.load import Result
from bench.processes import Running, serving
from bench.run import Run, say
from bench.services import PASSWORD, Service, peers

# Who has an account for a while has logged in, and the ledger knows it.
_HISTORY = """
INSERT INTO sessions (id, user_id, epoch, generation, created_at, last_used_at, rotated_at,
        idle_expires_at, expires_at, auth_time, amr, address, place, user_agent,
        rotated_place, rotated_agent)
    SELECT gen_random_uuid(), id, session_epoch, 0, now(), now(), now(), now() + interval '7 days',
        now() + interval '30 days', now(), 'pwd', '10.8.0.1', '10.8.0.1', 'bench',
        '10.8.0.1', 'bench'
    FROM users;
INSERT INTO events (id, type, occurred_at, actor_id, subject_id, target, address, user_agent,
        request_id, details)
    SELECT id, 'session.started', created_at, id, id, NULL, '10.8.0.1', 'bench', 'bench', '{}'
    FROM users
"""
PAGE = "/api/v1/users?per_page=100"


def deep(run: Run) -> None:
    """W6: a page deep in many people, beside the first page of 10,000."""
    small, other = run.start("gatehouse", "fastapi")
    large, peer, offset, cursor = filled(run)
    paths = {
        "gatehouse first": (small, PAGE),
        "gatehouse deep": (large, f"{PAGE}&cursor={cursor}"),
        "fastapi first": (other, other.service.api.page.format(skip=0)),
        "fastapi deep": (peer, peer.service.api.page.format(skip=offset)),
    }
    contestants = {}
    for name, (running, path) in paths.items():
        checks.page(running, path)
        contestants[name] = partial(_one_by_one, running, _reading(running, path), times=40)
        contestants[name]()
    run.interleaved("w6", contestants)


def sizes(run: Run) -> None:
    """Scale: time and buffers of what is asked for most, with 10,000 people and with many."""
    (small,) = run.start("gatehouse")
    large, _, _, cursor = filled(run)
    small_cursor = cursor_at(small.service, run.plan.people)
    for number, (running, found) in enumerate([(small, small_cursor), (large, cursor)]):
        size = ("small", "large")[number]
        requests = _requests(running, found)
        for name, count in _buffers(running, requests).items():
            run.measures.append(
                {"workload": "buffers", "service": f"{name} {size}", "round": 0, "value": count}
            )
            say(f"  buffers {name} {size}: {count}")
    contestants: dict[str, Callable[[], Result]] = {}
    for running, found, size in ((small, small_cursor, "small"), (large, cursor, "large")):
        for name, request in _requests(running, found).items():
            contestants[f"{name} {size}"] = partial(_one_by_one, running, request, times=20)
        contestants[f"log-in {size}"] = partial(_one_by_one, running, _login(running), times=4)
        contestants[f"refresh {size}"] = partial(_refreshed, running, times=15)
    for measure in contestants.values():
        measure()
    run.interleaved("scale", contestants)


def filled(run: Run) -> tuple[Running, Running, int, str]:
    """Return ours and the peer with many people, how deep to look, and the cursor to there."""
    if run.large is None:
        many = run.plan.many
        say(f"  filling two databases with {many:,} people")
        url, peers_url = run.databases.create(), run.databases.create()
        ours = gatehouse.on(run.services["gatehouse"], url)
        gatehouse.prepare(ours, people=many)
        for database in (url, run.services["gatehouse"].environment["DATABASE_URL"]):
            data.execute(database, _HISTORY)
            data.settle(database)
        data.fill_peers(peers_url, people=many)
        (theirs, *_) = peers(peers_url, run.databases.redis, people=1)
        theirs.name = "fastapi-large"
        run.large = (
            run.stack.enter_context(serving(ours, logs=run.home)),
            run.stack.enter_context(serving(theirs, logs=run.home)),
            many - many // 100,
            cursor_at(ours, many),
        )
    return run.large


def cursor_at(service: Service, people: int) -> str:
    """Return the cursor of the list's last hundredth."""
    offset = str(people - people // 100)
    found: str = gatehouse.inside(service, "cursor", "--offset", offset)
    return found


def _requests(running: Running, cursor: str) -> dict[str, Callable[[int], Request]]:
    email, _ = running.service.people[len(running.service.people) // 2]
    paths = {
        "first page": PAGE,
        "deep page": f"{PAGE}&cursor={cursor}",
        "search for a person": f"{PAGE}&q={email.partition('@')[0]}",
        "search for two letters": f"{PAGE}&q=an",
        "role of 50 people": f"{PAGE}&role=admin",
        "role of 1,000 people": f"{PAGE}&role=support",
        "role of everybody": f"{PAGE}&role=user",
        "ledger": "/api/v1/audit-events?per_page=100",
        "ledger of a type": "/api/v1/audit-events?per_page=100&type=session.started",
    }
    return {name: _reading(running, path) for name, path in paths.items()}


def _buffers(running: Running, requests: dict[str, Callable[[int], Request]]) -> dict[str, int]:
    """Return how many buffers each request read, by EXPLAIN in a process of its own."""
    base = {"base_url": f"https://{running.service.host}"}
    asked: list[dict[str, Any]] = []
    for name, request in requests.items():
        sent = request(0)
        headers = {"Authorization": f"Bearer {sent.token}"}
        asked.append({"name": name, "method": "GET", "path": sent.path, "headers": headers, **base})
    email, _ = running.service.people[1]
    login = {"method": "POST", "path": "/api/v1/auth/login", **base}
    login["json"] = {"username": email, "password": PASSWORD}  # type: ignore[assignment]
    asked += [{"name": "log-in", **login}, {"name": "refresh", "refreshes": True, **login}]
    found: dict[str, int] = gatehouse.inside(running.service, "plans", stdin=json.dumps(asked))
    return found


def _reading(running: Running, path: str) -> Callable[[int], Request]:
    readers = running.service.readers
    return lambda number: Request("GET", path, token=readers[number % len(readers)][1])


def _login(running: Running) -> Callable[[int], Request]:
    people, login = running.service.people, running.service.api.login
    assert login is not None
    return lambda number: login(people[number][0], f"10.7.0.{number + 1}")


def _one_by_one(running: Running, request: Callable[[int], Request], *, times: int) -> Result:
    with running.connection() as connection:
        return checks.clean(load.one_by_one(connection, request, times=times), running)


def _refreshed(running: Running, *, times: int) -> Result:
    """Log in once, then spend each refresh token for the next one."""
    with running.connection() as connection:
        answers: list[Answer] = [connection.send(_login(running)(20))]

        def request(_: int) -> Request:
            body = orjson.dumps({"refresh_token": answers[-1].json["refresh_token"]})
            return Request("POST", "/api/v1/auth/refresh", body, address="10.7.0.21")

        result = load.one_by_one(connection, request, times=times, keep=answers)
    return checks.clean(result, running)
