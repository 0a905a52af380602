"""Erasing for good: nothing is left of the person but ids, whoever races."""

from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from gatehouse import users
from gatehouse.infra import db, jobs
from gatehouse.infra.jobs import runner
from gatehouse.users import repository
from gatehouse.users.service import mails as service_mails
from tests.cli.commands import run
from tests.support import race, stored
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox
from tests.users import records

NAME = "Erasmus Erased"
AGENT = "Agent of the erased/1.0"


def live(client: Api) -> tuple[Person, str]:
    """Let somebody do what leaves traces; return them and the address they came from."""
    stranger = client.at()
    email, username = "Erasmus.E@example.com", "erasmus.erased"
    person = stranger.sign_up(email=email, username=username, name=NAME)
    person.patch("/users/me", {"locale": "de"}, headers={"User-Agent": AGENT}).expect(200)
    person.patch("/users/me", {"email": "erasmus2@example.com", "current_password": PASSWORD})
    for _ in range(2):
        stranger.try_log_in("ERASMUS.E@example.com", "a wrong password").expect(401)
    stranger.post("/auth/password-reset", {"email": "erasmus.E@Example.com"}).expect(202)
    stranger.post("/auth/verify-email/resend", {"email": email}).expect(202)
    return person, str(stranger.address)


def traces(app: Flask, *needles: str) -> list[str]:
    """Return where in the whole database one of these texts stands."""
    return sorted(
        {
            place
            for place, content in stored.cells(app)
            if any(needle.casefold() in content.casefold() for needle in needles)
        }
    )


def test_nothing_is_left_but_ids(app: Flask, client: Api, admin: Person, mailbox: Mailbox) -> None:
    person, address = live(client)
    needles = ("erasmus", NAME, AGENT, address)
    assert {place.partition(".")[0] for place in traces(app, *needles)} >= {
        "users",
        "sessions",
        "events",
        "outbox",
    }
    # Half of the mail is sent, and the other half waits.
    with app.app_context():
        jobs.run_due(limit=1)
    admin.post(f"/users/{person.id}/erase").expect(204)
    records.run_jobs(app)
    assert traces(app, *needles) == []
    own_id = person.id.replace("-", "")
    left = {place for place, content in stored.cells(app) if content.replace("-", "") == own_id}
    assert left <= {"events.subject_id", "events.actor_id"}
    assert left
    assert not [message for message in mailbox.messages() if "erasmus" in str(message["To"])]


def test_the_account_is_gone_for_everybody(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up(email="gone@example.com", username="gone.gone")
    admin.post(f"/users/{person.id}/erase").expect(204)
    assert not person.is_in()
    person.stranger.try_refresh(person.refresh_token).expect(401)
    client.at().try_log_in("gone@example.com").expect(401, "invalid_credentials")
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/restore"),
        ("POST", "/erase"),
        ("POST", "/unlock"),
    ):
        answer = admin.request(method, f"/api/v1/users/{person.id}{path}")
        answer.expect(404, "user_not_found")
    for listed in ("/users", "/users?deleted=true", "/users?q=gone"):
        assert person.id not in str(admin.get(listed).expect(200).json)
    (event,) = records.events(app, "user.erased")
    assert (str(event.subject_id), str(event.actor_id)) == (person.id, admin.id)
    again = client.at().sign_up(email="gone@example.com", username="gone.gone")
    assert again.id != person.id


def test_a_deleted_account_is_erased_too(app: Flask, client: Api, admin: Person) -> None:
    person, address = live(client)
    admin.delete(f"/users/{person.id}").expect(204)
    admin.post(f"/users/{person.id}/erase").expect(204)
    records.run_jobs(app)
    assert traces(app, "erasmus", NAME, AGENT, address) == []
    assert person.id not in str(admin.get("/users?deleted=true").json)


def test_what_others_are_and_did_stays(app: Flask, client: Api, admin: Person) -> None:
    boss = records.with_roles(app, client, "admin")
    made = boss.post("/users", {"email": new_email(), "password": PASSWORD}).expect(201).json
    assert made["created_by"] == boss.id
    other = client.sign_up()
    admin.post(f"/users/{boss.id}/erase").expect(204)
    records.run_jobs(app)
    assert admin.get(f"/users/{made['id']}").expect(200).json["created_by"] is None
    assert other.is_in()
    made_events = [e for e in records.events(app, "user.created") if str(e.actor_id) == boss.id]
    assert made_events, "the ledger keeps who did it, by id"
    assert all(e.address is None and e.user_agent is None for e in made_events)


def test_the_lock_is_rank_and_a_fresh_log_in(
    app: Flask, client: Api, admin: Person, clock: Clock
) -> None:
    ada, eve = client.sign_up(), client.sign_up()
    boss = records.with_roles(app, client, "admin")
    for target in (ada.id, str(UUID(int=7))):
        eve.post(f"/users/{target}/erase").expect(403, "insufficient_scope")
    boss.post(f"/users/{admin.id}/erase").expect(403, "target_outranks")
    admin.post(f"/users/{admin.id}/erase").expect(409, "last_super_admin")
    admin.post(f"/users/{ada.id}/erase", headers={"If-Match": '"v99"'}).expect(412)
    assert ada.is_in()
    clock.forward(minutes=11)
    boss.post(f"/users/{ada.id}/erase").expect(401, "insufficient_user_authentication")
    assert ada.is_in()
    boss.again().post(f"/users/{ada.id}/erase").expect(204)


def test_who_erases_themselves_leaves_no_address(app: Flask, client: Api) -> None:
    boss = records.with_roles(app, client.at(), "admin")
    boss.post(f"/users/{boss.id}/erase").expect(204)
    records.run_jobs(app)
    events = [e for e in records.events(app, "user.erased") if str(e.actor_id) == boss.id]
    assert [(e.address, e.user_agent) for e in events] == [(None, None)]


def test_housekeeping_erases_what_was_deleted_long_ago(
    app: Flask, client: Api, admin: Person, clock: Clock
) -> None:
    old, young, living = client.sign_up(), client.sign_up(), client.sign_up()
    admin.delete(f"/users/{old.id}").expect(204)
    clock.forward(days=20)
    admin = admin.again()
    admin.delete(f"/users/{young.id}").expect(204)
    clock.forward(days=11)
    with app.app_context():
        runner.ensure_periodic()
        jobs.run_due()
        assert not [r for r in records.rows(app, "outbox") if r.last_error]
    admin = admin.again()
    assert [u["id"] for u in admin.get("/users?deleted=true").json["users"]] == [young.id]
    admin.post(f"/users/{old.id}/restore").expect(404)
    admin.post(f"/users/{young.id}/restore").expect(200)
    admin.get(f"/users/{living.id}").expect(200)


def test_one_account_that_cannot_be_erased_keeps_no_other_from_it(
    app: Flask, client: Api, admin: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [client.sign_up() for _ in range(3)]
    for person in people:
        admin.delete(f"/users/{person.id}").expect(204)
    real = repository.remove

    def remove(user_id: UUID) -> None:
        if str(user_id) == people[0].id:
            raise ZeroDivisionError
        real(user_id)

    monkeypatch.setattr(repository, "remove", remove)
    clock.forward(days=31)
    with app.app_context(), pytest.raises(ZeroDivisionError):
        users.erase_expired()
    left = {str(row.id) for row in records.rows(app, "users")} & {p.id for p in people}
    assert left == {people[0].id}


@pytest.mark.parametrize("_round", range(4))
def test_c8_an_erased_account_is_not_reborn(
    app: Flask, client: Api, admin: Person, _round: int
) -> None:
    person = client.at().sign_up()
    admin.delete(f"/users/{person.id}").expect(204)
    erased, restored = race.at_once(
        [
            lambda: admin.post(f"/users/{person.id}/erase"),
            lambda: admin.post(f"/users/{person.id}/restore"),
        ]
    )
    race.statuses([erased, restored])
    erased.expect(204)
    assert restored.status in (200, 404)
    assert traces(app, person.email) == []


@pytest.mark.parametrize("_round", range(4))
def test_c8_what_races_an_erasure_leaves_nothing(
    app: Flask, client: Api, admin: Person, _round: int
) -> None:
    person = client.at().sign_up(name=NAME)
    erased, *others = race.at_once(
        [
            lambda: admin.post(f"/users/{person.id}/erase"),
            lambda: person.stranger.try_log_in(person.email),
            lambda: person.stranger.try_refresh(person.refresh_token),
            lambda: person.patch("/users/me", {"name": NAME}),
            lambda: person.post("/auth/logout"),
            lambda: admin.put(f"/users/{person.id}/roles", {"roles": ["user", "admin"]}),
        ]
    )
    race.statuses([erased, *others])
    erased.expect(204)
    assert traces(app, person.email, NAME) == []
    assert not person.is_in()
    for table in ("sessions", "one_time_tokens", "known_places", "user_roles"):
        with app.app_context():
            statement = text(f"SELECT count(*) FROM {table} WHERE user_id = :id")
            user_id = UUID(person.id)
            bound = user_id.hex if db.is_sqlite() else user_id
            assert db.reader.scalar(statement, {"id": bound}) == 0, table


def test_c8_an_erasure_during_word_to_the_owner_leaves_no_mail(
    app: Flask, client: Api, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = client.at().sign_up()

    def may_send(user_id: UUID) -> bool:
        admin.post(f"/users/{user_id}/erase").expect(204)
        return True

    monkeypatch.setattr(service_mails, "may_send", may_send)
    with app.app_context():
        service_mails.tell_owner({"user_id": person.id}, UUID(int=0))
    assert traces(app, person.email) == []


def test_the_command_asks_and_erases(app: Flask, client: Api) -> None:
    person = client.sign_up(email="cli@example.com")
    run(app, "users", "erase", "cli@example.com").expect(2)
    assert person.is_in()
    run(app, "users", "erase", "cli@example.com", "--yes").expect(0, f"erased {person.id}")
    assert not person.is_in()
    run(app, "users", "erase", person.id, "--yes").expect(1, "there is no account")
