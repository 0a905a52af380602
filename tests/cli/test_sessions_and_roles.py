"""`flask sessions` and `flask roles`."""

from flask import Flask

from tests.cli.commands import run
from tests.support.api import Api
from tests.users import records


def test_every_session_of_a_person_ends(app: Flask, client: Api) -> None:
    """Tokens of both kinds are dead at once, and nobody else's are."""
    person, other = client.sign_up(username="jane-doe"), client.sign_up()
    again = person.again()
    run(app, "sessions", "revoke", "jane-doe", "--yes").expect(0, person.email, "(2)")
    assert not person.is_in()
    assert not again.is_in()
    client.try_refresh(person.refresh_token).expect(401)
    assert other.is_in()
    event = records.events(app, "session.all_ended")[-1]
    assert (event.actor_id, str(event.subject_id)) == (None, person.id)
    assert event.user_agent == "command line"


def test_one_session_ends(app: Flask, client: Api) -> None:
    person = client.sign_up()
    again = person.again()
    sessions = again.get("/auth/sessions").json["sessions"]
    current = next(one["id"] for one in sessions if one["is_current"])
    run(app, "sessions", "revoke", "--session", current.upper(), "--yes").expect(0, current)
    assert not again.is_in()
    assert person.is_in()
    event = records.events(app, "session.ended")[-1]
    assert (event.actor_id, str(event.subject_id), event.target) == (None, person.id, current)
    run(app, "sessions", "revoke", "--session", current, "--yes").expect(1, "no living session")
    run(app, "sessions", "revoke", "--session", "nonsense", "--yes").expect(1, "no living session")
    run(app, "sessions", "revoke").expect(2)
    run(app, "sessions", "revoke", person.email, "--session", current, "--yes").expect(2)


def test_roles_and_all_that_they_hold(app: Flask) -> None:
    listed = run(app, "roles", "list", "--json").expect().json
    assert [role["name"] for role in listed] == ["admin", "super_admin", "user"]
    assert "roles:assign" in listed[1]["permissions"]
    run(app, "roles", "list").expect(0, "super_admin", "roles:assign")
