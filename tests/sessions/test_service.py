"""What a session stores, how long it lasts, and what is left of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from flask import Flask

from gatehouse import sessions
from gatehouse.core.ids import new_id
from gatehouse.core.principal import Origin
from gatehouse.infra import db, secrets
from gatehouse.sessions import RefreshTokenInvalid, refresh_tokens, repository, service
from gatehouse.sessions.refresh_tokens import RefreshClaims
from tests.support.api import Api, Person
from tests.support.clocks import Clock

HERE = Origin(address="2001:db8:1:2:3:4:5:6", user_agent="first/1.0", request_id="r")
THERE = Origin(address="198.51.100.77", user_agent="second/1.0", request_id="r")


@pytest.fixture
def person(client: Api) -> Person:
    """Return somebody who has signed up, and logged in once."""
    return client.sign_up()


def start(app: Flask, person: Person, amr: tuple[str, ...] = ("pwd",)) -> UUID:
    """Open a session in the first epoch and return its id."""
    with app.app_context(), db.unit():
        return sessions.start(UUID(person.id), epoch=1, origin=HERE, amr=amr).id


def stored(app: Flask, session_id: UUID) -> dict[str, Any]:
    """Return the row of a session."""
    table = db.metadata.tables["sessions"]
    with app.app_context():
        row = db.reader.row(table.select().where(table.c.id == session_id))
        assert row is not None
        return dict(row._mapping)


def test_a_session_stores_who_where_and_how_long(app: Flask, person: Person, clock: Clock) -> None:
    now = clock.stop().now()
    row = stored(app, start(app, person, ("pwd", "otp")))
    quarter = now - timedelta(
        minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond
    )
    assert (row["user_id"], row["epoch"], row["generation"]) == (UUID(person.id), 1, 0)
    assert row["created_at"] == row["rotated_at"] == row["auth_time"] == now
    assert row["last_used_at"] == quarter
    assert row["idle_expires_at"] == now + timedelta(days=7)
    assert row["expires_at"] == now + timedelta(days=30)
    assert row["amr"] == "pwd otp"
    assert (row["address"], row["user_agent"]) == (HERE.address, "first/1.0")
    assert row["place"] == row["rotated_place"] == "2001:db8:1:2::/64"
    assert row["rotated_agent"] == "first/1.0"
    assert row["revoked_at"] is None


@pytest.mark.settings(SESSION_IDLE_DAYS="20", SESSION_ABSOLUTE_DAYS="20")
def test_no_session_is_idle_for_longer_than_it_lives(
    app: Flask, person: Person, clock: Clock
) -> None:
    now = clock.stop().now()
    session_id = start(app, person)
    assert stored(app, session_id)["idle_expires_at"] == now + timedelta(days=20)
    clock.forward(days=1)
    with app.app_context(), db.unit():
        service.refresh(RefreshClaims(session_id, 0), origin=HERE)
    assert stored(app, session_id)["idle_expires_at"] == now + timedelta(days=20)


def test_a_refresh_notes_who_refreshed_and_leaves_the_log_in_alone(
    app: Flask, person: Person, clock: Clock
) -> None:
    now = clock.stop().now()
    session_id = start(app, person)
    clock.forward(hours=2)
    with app.app_context(), db.unit():
        found = service.refresh(RefreshClaims(session_id, 0), origin=THERE)
        assert (found.id, found.generation) == (session_id, 1)
    row = stored(app, session_id)
    assert row["rotated_at"] == now + timedelta(hours=2)
    assert now + timedelta(hours=1, minutes=45) < row["last_used_at"] <= row["rotated_at"]
    assert row["idle_expires_at"] == now + timedelta(days=7, hours=2)
    assert row["expires_at"] == now + timedelta(days=30)
    assert (row["rotated_place"], row["rotated_agent"]) == (THERE.address, "second/1.0")
    # The device of the log-in, which the person sees in their list.
    assert (row["address"], row["user_agent"]) == (HERE.address, "first/1.0")
    assert row["place"] == "2001:db8:1:2::/64"
    assert row["created_at"] == row["auth_time"] == now


@pytest.mark.parametrize(("seconds", "is_answered"), [(9.9, True), (10, False)])
def test_r16_the_grace_is_ten_seconds(
    app: Flask, person: Person, clock: Clock, seconds: float, is_answered: bool
) -> None:
    clock.stop()
    session_id = start(app, person)
    with app.app_context():
        with db.unit():
            service.refresh(RefreshClaims(session_id, 0), origin=HERE)
        clock.forward(seconds=seconds)
        if is_answered:
            with db.unit():
                assert service.refresh(RefreshClaims(session_id, 0), origin=HERE).generation == 1
        else:
            with pytest.raises(RefreshTokenInvalid), db.unit():
                service.refresh(RefreshClaims(session_id, 0), origin=HERE)
    assert (stored(app, session_id)["revoked_at"] is None) is is_answered


@pytest.mark.parametrize("generation", [-1, 0, 2, 9])
def test_r16_any_other_generation_ends_the_session(
    app: Flask, person: Person, generation: int
) -> None:
    """Also one that has not been yet: whoever names it holds the key of refresh tokens."""
    session_id = start(app, person)
    with app.app_context():
        for number in (0, 1) if generation == 0 else (0,):
            with db.unit():
                service.refresh(RefreshClaims(session_id, number), origin=HERE)
        with pytest.raises(RefreshTokenInvalid), db.unit():
            service.refresh(RefreshClaims(session_id, generation), origin=HERE)
    assert stored(app, session_id)["revoked_at"] is not None


def test_nobody_ends_the_session_of_another(app: Flask, client: Api, person: Person) -> None:
    other = client.sign_up()
    session_id = start(app, person)
    with app.app_context():
        with pytest.raises(sessions.SessionNotFound), db.unit():
            sessions.end(session_id, user_id=UUID(other.id), origin=HERE)
        with db.unit():
            sessions.end(session_id, user_id=UUID(person.id), origin=HERE)
        with pytest.raises(sessions.SessionNotFound), db.unit():
            sessions.end(session_id, user_id=UUID(person.id), origin=HERE)


def test_all_sessions_of_one_person_end_but_one(app: Flask, client: Api, person: Person) -> None:
    other = client.sign_up()
    kept, ended = start(app, person), start(app, person)
    with app.app_context():
        with db.unit():
            # The one of their log-in, and `ended`.
            assert sessions.revoke_all(UUID(person.id), except_id=kept) == 2
        with db.unit():
            assert sessions.revoke_all(UUID(person.id), except_id=kept) == 0
    assert stored(app, kept)["revoked_at"] is None
    assert stored(app, ended)["revoked_at"] is not None
    assert other.is_in()


def test_the_list_shows_the_living_ones_the_latest_first(
    app: Flask, client: Api, person: Person
) -> None:
    client.sign_up()
    first, second, third = (start(app, person, ("pwd", "otp")) for _ in range(3))
    with app.app_context():
        with db.unit():
            sessions.end(second, user_id=UUID(person.id), origin=HERE)
        found = sessions.list_of(UUID(person.id), current_id=first)
        assert [row["id"] for row in found[:2]] == [third, first]
        assert len(found) == 3
        assert [row["is_current"] for row in found] == [False, True, False]
        assert found[0]["amr"] == ["pwd", "otp"]
        assert not any(row["is_current"] for row in sessions.list_of(UUID(person.id)))
        with db.unit():
            sessions.carry_along(third, 2)
        # Of another epoch than the account's.
        assert third not in [row["id"] for row in sessions.list_of(UUID(person.id))]


@pytest.mark.parametrize("end", ["revoked", "idle"])
def test_what_ended_is_kept_for_a_week(
    app: Flask, person: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(repository, "PURGE_BATCH", 2)
    gone = [start(app, person) for _ in range(5)]
    if end == "revoked":
        with app.app_context(), db.unit():
            sessions.revoke_all(UUID(person.id))
    else:
        clock.forward(days=7)
    living = start(app, person)

    def left() -> set[UUID]:
        table = db.metadata.tables["sessions"]
        with app.app_context():
            service.purge()
            return {row.id for row in db.reader.rows(table.select())}

    clock.forward(days=6, hours=23)
    assert left() >= {*gone, living}
    clock.forward(hours=2)
    assert left() == {living}


def test_r19_a_refresh_token_repeats_itself_and_ends_with_its_session(
    app: Flask, person: Person
) -> None:
    session_id = start(app, person)
    row = stored(app, session_id)
    with app.app_context(), db.unit():
        session = repository.by_id(session_id)
        assert session is not None
        token = refresh_tokens.encode(session)
        assert token == refresh_tokens.encode(session)
        assert refresh_tokens.decode(token) == RefreshClaims(session_id, 0)
        key = secrets.derive(secrets.Purpose.REFRESH)
        claims = jwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False})
        session.expires_at = row["idle_expires_at"] - timedelta(days=2)
        earlier = jwt.decode(refresh_tokens.encode(session), key, algorithms=["HS256"])
    assert claims == {
        "sid": str(session_id),
        "gen": 0,
        "type": "refresh",
        "iat": int(row["rotated_at"].timestamp()),
        "exp": int(row["idle_expires_at"].timestamp()),
    }
    assert earlier["exp"] == claims["exp"] - 2 * 86_400


@pytest.mark.parametrize(
    "odd",
    [
        {"sid": "no id"},
        {"sid": None},
        {"gen": "0"},
        {"gen": True},
        {"gen": 0.0},
        {"gen": None},
        {"type": "access"},
        {"type": None},
        {"scope": "more"},
        {"iat": ...},
        {"sid": ...},
    ],
)
def test_r7_what_is_no_refresh_token_is_refused(app: Flask, odd: dict[str, Any]) -> None:
    """Also with our own signature: each member is as we make it, and there is no other one."""
    claims = {"sid": str(new_id()), "gen": 0, "type": "refresh", "iat": 1, "exp": 2}
    with app.app_context():
        key = secrets.derive(secrets.Purpose.REFRESH)
        # Its times are the session's business: `exp` is long ago.
        assert refresh_tokens.decode(jwt.encode(claims, key, "HS256")).generation == 0
        crooked = {n: v for n, v in (claims | odd).items() if v is not ...}
        with pytest.raises(RefreshTokenInvalid):
            refresh_tokens.decode(jwt.encode(crooked, key, "HS256"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_r1_refresh_tokens_have_one_algorithm(app: Flask, algorithm: str) -> None:
    claims = {"sid": str(new_id()), "gen": 0, "type": "refresh", "iat": 1, "exp": 2}
    with app.app_context():
        token = jwt.encode(claims, secrets.derive(secrets.Purpose.REFRESH) * 2, algorithm)
        with pytest.raises(RefreshTokenInvalid):
            refresh_tokens.decode(token)
        for odd in ("", ".", "a.b.c", "x" * 2000, "\ud800"):
            with pytest.raises(RefreshTokenInvalid):
                refresh_tokens.decode(odd)
