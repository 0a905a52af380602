"""WebSockets under attack: who may open one, what it tells whom, when it ends (R30, R109)."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from sqlalchemy import update
from websockets.exceptions import InvalidStatus

from gatehouse.core import clock
from gatehouse.infra import db
from gatehouse.sessions import Session
from gatehouse.sockets import tickets
from tests.infra.faults import FaultyProxy
from tests.security.test_processes import behind_proxy
from tests.support import wire
from tests.support.api import PASSWORD, Api, Person
from tests.support.databases import PostgreSql
from tests.support.live import Live, Servers, start
from tests.support.sockets import Socket, open_as, opened, ticket

END_SECONDS = 5
SILENCE_SECONDS = 30


def refused(live: Live, spent: str, client_id: str = "c1", **options: object) -> tuple[int, str]:
    """Return status and code with which a socket is refused."""
    with pytest.raises(InvalidStatus) as error, opened(live.url, spent, client_id, **options):
        pass
    answer = error.value.response
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = json.loads(answer.body or b"")
    assert document["status"] == answer.status_code
    return answer.status_code, document["code"]


def handshake(**changed: str | None) -> bytes:
    """Return the opening of a socket as bytes, with some header fields changed or left out."""
    fields: dict[str, str | None] = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "gatehouse, ticket.x",
    }
    fields |= {name.replace("_", "-"): value for name, value in changed.items()}
    pairs = [(name, value) for name, value in fields.items() if value is not None]
    return wire.request("GET", "/ws/c1", pairs)


def test_r109_a_ticket_opens_one_socket(live: Live) -> None:
    person = live.client.sign_up()
    spent = ticket(person)
    with opened(live.url, spent) as connection:
        assert connection.subprotocol == "gatehouse"
        assert Socket(connection).hear("welcome")["user_id"] == person.id
        assert refused(live, spent) == (401, "ticket_invalid")
    assert refused(live, spent) == (401, "ticket_invalid")


def test_r109_of_twenty_uses_of_a_ticket_one_opens_a_socket(live: Live) -> None:
    spent = ticket(live.client.sign_up())

    def use(_: int) -> int:
        try:
            with opened(live.url, spent):
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(use, range(20)))
    assert statuses == [101, *[401] * 19]


def test_r109_a_ticket_is_for_one_client_one_session_and_half_a_minute(live: Live) -> None:
    person, other = live.client.sign_up(), live.client.sign_up()
    spent = ticket(person, "mine")
    assert refused(live, spent, "other") == (401, "ticket_invalid")
    # No part of one can be another's: not the person, not the session, not the time.
    theirs = ticket(other, "mine")
    for position in range(5):
        parts, foreign = spent.split("."), theirs.split(".")
        parts[position] = foreign[position] if position != 3 else str(int(parts[3]) + 60)
        assert refused(live, ".".join(parts), "mine") == (401, "ticket_invalid")
    # That it was tried elsewhere has not spent it; the end of its session has.
    last = ticket(person, "mine")
    with opened(live.url, spent, "mine"):
        pass
    person.post("/auth/logout").expect(204)
    assert refused(live, last, "mine") == (401, "ticket_invalid")


def test_r109_a_ticket_ends_after_thirty_seconds(live: Live) -> None:
    person = live.client.sign_up()
    spent = ticket(person)
    issued = int(spent.split(".")[3]) - 30
    assert abs(issued - time.time()) < 20
    user_id, session_id = map(UUID, spent.split(".")[1:3])
    with clock.shifted(timedelta(seconds=-31)), live.app.app_context():
        old = tickets.issue(user_id, session_id, client_id="c1")
    assert refused(live, old) == (401, "ticket_invalid")


def test_r109_pages_of_foreign_origins_are_refused(servers: Servers) -> None:
    with ExitStack() as stack:
        live = servers.start("sqlite", stack, CORS_ORIGINS="https://app.example.org")
        person = live.client.sign_up()
        for origin in (
            *("https://evil.example", "null", "https://app.example.org.evil.example"),
            *("http://app.example.org", f"{live.url}0", f"{live.url}/"),
        ):
            found = refused(live, ticket(person), origin=origin)
            assert found == (403, "origin_not_allowed"), origin
        for origin in (live.url, "https://app.example.org", None):
            with open_as(person, live.url, origin=origin):
                pass


def test_r109_what_is_no_opening_is_told_before_anything_happens(live: Live) -> None:
    for changed, status, code in (
        ({"Upgrade": None}, 426, "upgrade_required"),
        ({"Connection": "keep-alive"}, 426, "upgrade_required"),
        ({"Upgrade": "h2c"}, 426, "upgrade_required"),
        ({"Sec-WebSocket-Version": "8"}, 426, "upgrade_required"),
        ({"Sec-WebSocket-Key": None}, 400, "bad_handshake"),
        ({"Sec-WebSocket-Key": "short"}, 400, "bad_handshake"),
        ({"Sec-WebSocket-Protocol": None}, 400, "bad_handshake"),
        ({"Sec-WebSocket-Protocol": "ticket.x"}, 400, "bad_handshake"),
        ({"Sec-WebSocket-Protocol": "gatehouse"}, 401, "ticket_invalid"),
        ({"Sec-WebSocket-Protocol": "gatehouse, ticket.a, ticket.b"}, 401, "ticket_invalid"),
        ({"Sec-WebSocket-Protocol": f"gatehouse, ticket.{'x' * 3000}"}, 401, "ticket_invalid"),
        ({}, 401, "ticket_invalid"),
    ):
        told = wire.exchange(live, handshake(**changed))  # type: ignore[arg-type]
        assert (told.status, told.json["code"]) == (status, code), changed
        assert told.answers == 1
        if status == 426:
            assert told.headers["Upgrade"] == "websocket"
            assert told.headers["Sec-WebSocket-Version"] == "13"
    head = wire.exchange(live, handshake().replace(b"GET", b"HEAD", 1))
    assert head.status == 426


def test_r109_no_ticket_is_in_a_url_or_a_log(live: Live) -> None:
    offset = live.log.stat().st_size
    person = live.client.sign_up()
    spent = ticket(person)
    query = wire.request("GET", f"/ws/c1?ticket={spent}", [("Connection", "Upgrade")])
    assert wire.exchange(live, query).status == 426
    with opened(live.url, spent):
        pass
    person.get("/users/me")
    assert '"route":"/ws/<client_id>","status":101' in live.logged(offset)
    assert spent.rpartition(".")[2] not in live.logged()


def test_r109_a_ticket_needs_a_session_and_has_a_limit(client: Api) -> None:
    client.post("/auth/ws-ticket", {"client_id": "c1"}).expect(401, "unauthenticated")
    person = client.sign_up()
    for client_id in ("", ".", "-", "a b", "a/b", "x" * 65, "ä", None, 1):
        person.post("/auth/ws-ticket", {"client_id": client_id}).expect(422)
    answers = [person.post("/auth/ws-ticket", {"client_id": "c1"}) for _ in range(31)]
    assert [answer.status for answer in answers] == [200] * 30 + [429]
    assert answers[0].json["expires_in"] == 30


def _expire(live: Live, person: Person) -> None:
    ends_at = clock.now() + timedelta(seconds=1)
    with live.app.app_context(), db.unit():
        db.session.execute(
            update(Session)
            .where(Session.user_id == UUID(person.id))
            .values(idle_expires_at=ends_at)
            .execution_options(synchronize_session=False)
        )
    time.sleep(1)


def _change_password(_live: Live, person: Person) -> None:
    elsewhere = person.again()
    body = {"current_password": PASSWORD, "new_password": "another Password of tests"}
    elsewhere.post("/users/me/password", body).expect(204)


def _replay(_live: Live, person: Person) -> None:
    person.refreshed().refreshed()
    person.stranger.try_refresh(person.refresh_token).expect(401)


def _deactivate(live: Live, person: Person) -> None:
    live.admin().patch(f"/users/{person.id}", {"is_active": False}).expect(200)


def _end_all(live: Live, person: Person) -> None:
    live.admin().delete(f"/users/{person.id}/sessions").expect(204)


def _erase(live: Live, person: Person) -> None:
    live.admin().post(f"/users/{person.id}/erase").expect(204)


ENDINGS: dict[str, Callable[[Live, Person], object]] = {
    "log-out": lambda _, person: person.post("/auth/logout").expect(204),
    "others ended": lambda _, person: person.again().delete("/auth/sessions").expect(204),
    "all ended": _end_all,
    "replay": _replay,
    "password": _change_password,
    "deactivated": _deactivate,
    "deleted": lambda _, person: person.again().delete("/users/me").expect(204),
    "erased": _erase,
    "expiry": _expire,
}


def test_r30_a_socket_ends_with_its_session(live: Live) -> None:
    """However it ends, within five seconds, with 4401, and on whatever process the socket is."""
    people = {name: live.client.sign_up() for name in ENDINGS}
    bystander = live.client.sign_up()
    with ExitStack() as stack:
        here = {
            name: [stack.enter_context(open_as(person, live.url, f"c{n}")) for n in range(3)]
            for name, person in people.items()
        }
        other = stack.enter_context(open_as(bystander, live.url))
        for name, end in ENDINGS.items():
            end(live, people[name])
            began = time.monotonic()
            for socket in here[name]:
                _, code, reason = socket.rest(END_SECONDS)
                assert (code, reason) == (4401, "session_ended"), name
            assert time.monotonic() - began < END_SECONDS, name
        assert other.is_quiet(0.1)
        bystander.post("/auth/logout").expect(204)


def test_r30_the_session_that_changed_the_password_goes_on(live: Live) -> None:
    person = live.client.sign_up()
    other = person.again()
    with open_as(person, live.url) as mine, open_as(other, live.url) as theirs:
        body = {"current_password": PASSWORD, "new_password": "another Password of tests"}
        person.post("/users/me/password", body).expect(204)
        assert theirs.rest()[1] == 4401
        assert mine.hear("notice")["event"] == "password.changed"
        assert mine.is_quiet(END_SECONDS)


@pytest.fixture
def two(
    templates: Callable[[str], PostgreSql],
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Live, Live, FaultyProxy]]:
    """Return two instances over one database, and a proxy through which both reach one Redis."""
    with ExitStack() as stack:
        homes = [tmp_path_factory.mktemp("instance") for _ in range(2)]
        url = stack.enter_context(templates(PostgreSql.name).copy(homes[0]))
        proxy, redis = behind_proxy(stack, redis_url)
        more = {"REDIS_URL": redis, "WORKERS": "1", "THREADS": "8"}
        more["PUBLIC_URL"] = "http://accounts.example.org"
        one, other = (start(home, url, stack, **more) for home in homes)
        yield one, other, proxy


def at(live: Live, person: Person) -> Person:
    """Return a person as a client of another instance."""
    return replace(person, transport=live.transport)


def test_r30_f4_r109_two_instances(two: tuple[Live, Live, FaultyProxy]) -> None:
    """What happens at one reaches sockets of the other; without Redis they still end in time."""
    one, other, proxy = two
    person, stranger = one.client.sign_up(), one.client.sign_up()
    admin = one.admin()
    with (
        open_as(at(other, person), other.url) as socket,
        open_as(at(other, stranger), other.url) as foreign,
        open_as(admin, one.url, "admin") as speaker,
    ):
        admin.grant(person.id, "user", "admin").expect(200)
        assert socket.hear("notice")["granted"] == ["admin"]
        speaker.say("hello")
        for each in (socket, foreign, speaker):
            assert each.hear("broadcast")["text"] == "Client admin: hello"

        proxy.refuse()
        began = time.monotonic()
        person.post("/auth/logout").expect(204)
        assert socket.rest(END_SECONDS)[1] == 4401
        assert time.monotonic() - began < END_SECONDS
        # The others live on, and new ones are opened.
        speaker.say("alone")
        assert speaker.hear("broadcast", text="Client admin: alone")
        with open_as(at(other, stranger), other.url, "again"):
            assert foreign.is_quiet(0.1, but=lambda heard: heard["type"] == "joined")

        proxy.accept()
        limit = time.monotonic() + 15
        text = None
        while text is None:
            speaker.say("again")
            try:
                text = foreign.hear("broadcast", timeout=0.5)["text"]
            except TimeoutError:
                assert time.monotonic() < limit, "the instances do not hear each other again"
        assert text == "Client admin: again"


@pytest.fixture
def silenced(
    templates: Callable[[str], PostgreSql], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Live, FaultyProxy]]:
    """Return a server, and a proxy through which it reaches its database."""
    with ExitStack() as stack:
        home = tmp_path_factory.mktemp("silenced")
        place = urlsplit(stack.enter_context(templates(PostgreSql.name).copy(home)))
        proxy = stack.enter_context(FaultyProxy(place.hostname or "", place.port or 5432))
        credentials = place.netloc.rpartition("@")[0]
        url = place._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}").geturl()
        more = {"WORKERS": "1", "THREADS": "8", "DB_STATEMENT_TIMEOUT_SECONDS": "2"}
        yield start(home, url, stack, **more), proxy


@pytest.mark.full
def test_r30_r27_r116_f2_a_database_that_is_silent_for_thirty_seconds_closes_sockets(
    silenced: tuple[Live, FaultyProxy],
) -> None:
    """Until then they stay open; afterwards nobody knows whether their sessions live.

    Requests are 503 from the beginning, and the probes say what is so.
    """
    live, proxy = silenced
    person, other = live.client.sign_up(), live.client.sign_up()
    with open_as(person, live.url) as socket, open_as(other, live.url) as second:
        proxy.mode = "hang"
        assert socket.is_quiet(SILENCE_SECONDS / 2)
        other.get("/users/me").expect(503, "database_unavailable")
        assert live.client.request("GET", "/health").expect(200).json == {"status": "healthy"}
        live.client.request("GET", "/ready").expect(503, "not_ready")
        proxy.accept()
        answers(person)
        assert socket.is_quiet(END_SECONDS)
        person.post("/auth/logout").expect(204)
        assert socket.rest(END_SECONDS)[1:] == (4401, "session_ended")

        began = time.monotonic()
        proxy.mode = "hang"
        heard, code, reason = second.rest(2 * SILENCE_SECONDS)
        # The last good look was up to two seconds before; the one that finds out waits a little.
        assert SILENCE_SECONDS - 3 < time.monotonic() - began < SILENCE_SECONDS + 8
        assert (code, reason) == (1013, "sessions_unknown")
        assert [message["type"] for message in heard] == ["retry"]
        assert 0.5 <= heard[0]["after_seconds"] <= 5
        proxy.accept()
        answers(other)
        with open_as(other, live.url, "again"):
            pass


def answers(person: Person) -> None:
    """Wait until the database is taken back."""
    limit = time.monotonic() + 10
    while person.get("/users/me").status != 200:
        assert time.monotonic() < limit
        time.sleep(0.1)
