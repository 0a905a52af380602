"""What a session stores, how long it lasts, and what is left of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from flask import Flask

from gatehouse import sessions
from gatehouse.core.principal import Origin
from gatehouse.infra import db, secrets
from gatehouse.sessions import RefreshTokenInvalid, refresh_tokens, repository, service
from gatehouse.sessions.refresh_tokens import RefreshClaims
from tests.support import stored as stored_people
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
    assert (row["user_id"], row["epoch"], row["generation"]) == (UUID(person.id), 1, 0)
    assert row["created_at"] == row["rotated_at"] == row["auth_time"] == now
    assert row["last_used_at"] == now
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


def test_a_session_was_never_used_before_it_began(app: Flask, person: Person, clock: Clock) -> None:
    """What is shown is rounded down to the quarter of an hour, in which the log-in may lie."""
    now = clock.stop().now()
    session_id = start(app, person)
    clock.forward(seconds=0.001)
    with app.app_context(), db.unit():
        service.refresh(RefreshClaims(session_id, 0), origin=HERE)
    row = stored(app, session_id)
    assert row["created_at"] == now <= row["last_used_at"] <= row["rotated_at"]


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


# The idle end lies at the absolute one where that comes first, and never after it.
@pytest.mark.parametrize(
    "ends", [("revoked_at",), ("idle_expires_at",), ("idle_expires_at", "expires_at")]
)
def test_what_ended_is_kept_for_a_week(
    app: Flask, person: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch, ends: tuple[str, ...]
) -> None:
    monkeypatch.setattr(repository, "PURGE_BATCH", 2)
    now = clock.stop().now()
    gone, living = [start(app, person) for _ in range(5)], start(app, person)
    table = db.metadata.tables["sessions"]
    with app.app_context(), db.unit():
        db.session.execute(
            table.update().where(table.c.id.in_(gone)).values(dict.fromkeys(ends, now))
        )

    def left() -> set[UUID]:
        with app.app_context():
            service.purge()
            return {row.id for row in db.reader.rows(table.select())}

    clock.forward(days=7)
    assert left() >= {*gone, living}
    clock.forward(microseconds=1)
    assert not left() & set(gone)
    assert living in left()


def test_a_session_is_read_as_it_is_now(app: Flask, person: Person) -> None:
    """Statements write behind the back of loaded rows; what decides reads the row anew."""
    session_id = start(app, person)
    with app.app_context(), db.unit():
        before = repository.by_id(session_id)
        assert before is not None
        assert before.revoked_at is None
        sessions.revoke_all(UUID(person.id))
        after = repository.by_id(session_id)
        assert after is not None
        assert after.revoked_at is not None


def test_r22_a_replay_in_a_later_epoch_is_refused(app: Flask, client: Api, person: Person) -> None:
    """Another person of the old epoch is no reason to answer."""
    client.sign_up()
    session_id = start(app, person)
    with app.app_context(), db.unit():
        service.refresh(RefreshClaims(session_id, 0), origin=HERE)
    stored_people.alter(app, person.id, session_epoch=2)
    for generation in (0, 1):
        with app.app_context(), pytest.raises(RefreshTokenInvalid), db.unit():
            service.refresh(RefreshClaims(session_id, generation), origin=HERE)
    # It was over before, so it is no theft.
    assert stored(app, session_id)["revoked_at"] is None


@pytest.mark.parametrize("state", [{"is_active": False}, {"deleted_at": datetime.now(UTC)}])
def test_r24_nobody_refreshes_who_is_shut_out(
    app: Flask, person: Person, state: dict[str, Any]
) -> None:
    session_id = start(app, person)
    with app.app_context(), db.unit():
        service.refresh(RefreshClaims(session_id, 0), origin=HERE)
    stored_people.alter(app, person.id, **state)
    for generation in (0, 1):
        with app.app_context(), pytest.raises(RefreshTokenInvalid), db.unit():
            service.refresh(RefreshClaims(session_id, generation), origin=HERE)
    assert stored(app, session_id)["generation"] == 1


@pytest.mark.parametrize("end", ["idle_expires_at", "expires_at"])
def test_r19_both_ends_are_exact(app: Flask, person: Person, clock: Clock, end: str) -> None:
    """Good until the end and not at it, for a refresh, its repetition, and the list."""
    now = clock.stop().now()
    session_id = start(app, person)
    table = db.metadata.tables["sessions"]
    with app.app_context():
        with db.unit():
            service.refresh(RefreshClaims(session_id, 0), origin=HERE)
        with db.unit():
            later = now + timedelta(seconds=5)
            update = table.update().where(table.c.id == session_id)
            db.session.execute(update.values({end: later}))
        clock.forward(seconds=4.9)
        with db.unit():
            assert service.refresh(RefreshClaims(session_id, 0), origin=HERE).generation == 1
        assert session_id in [row["id"] for row in sessions.list_of(UUID(person.id))]
        clock.forward(seconds=0.1)
        for generation in (0, 1):
            with pytest.raises(RefreshTokenInvalid), db.unit():
                service.refresh(RefreshClaims(session_id, generation), origin=HERE)
        assert session_id not in [row["id"] for row in sessions.list_of(UUID(person.id))]


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
