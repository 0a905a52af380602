"""`flask users`: accounts are made, shown, opened and closed by the rules of the API."""

import pytest
from flask import Flask

from tests.cli.commands import run
from tests.support import stored
from tests.support.api import Api, Person
from tests.support.clocks import Clock
from tests.users import records

GOOD = "correct horse battery"


def create(app: Flask, email: str, *more: str) -> str:
    """Make an account with a password that stays; return its id."""
    outcome = run(
        app, "users", "create", email, "--permanent", "--password-stdin", *more, stdin=f"{GOOD}\n"
    )
    return outcome.expect(0, "created ").out.split()[1]


def test_a_first_password_must_be_changed(app: Flask, client: Api) -> None:
    """It is shown once, opens nothing but the change, and what happened is in the ledger."""
    outcome = run(app, "users", "create", "Jane@example.com", "--username", "Jane", "--generate")
    password = outcome.expect(0, "must be changed").password
    client.try_log_in("jane", password).expect(403, "password_change_required")
    event = records.events(app, "user.created")[-1]
    assert (event.actor_id, event.user_agent) == (None, "command line")
    assert event.request_id
    assert event.details == {"roles": ["user"], "is_password_permanent": False}
    assert password not in str(stored.tables(app))


def test_a_permanent_password_is_noted(app: Flask, client: Api) -> None:
    create(app, "jane@example.com", "--name", "Jane Doe", "--locale", "pt-BR", "--role", "admin")
    person = client.log_in("jane@example.com", GOOD)
    assert person.me()["name"] == "Jane Doe"
    assert person.me()["roles"] == ["admin"]
    assert records.events(app, "user.created")[-1].details["is_password_permanent"] is True


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        (["not an address", "--generate"], "", 1, "email: "),
        (["x@example.com", "--generate", "--username", "root"], "", 1, "username: "),
        (["x@example.com", "--generate", "--role", "king"], "", 1, "no role king"),
        (["x@example.com", "--password-stdin"], "password1\n", 1, "password: "),
        (["x@example.com", "--password-stdin"], "short\n", 1, "password: "),
        (["x@example.com", "--password-stdin"], "", 1, "holds no password"),
        (["x@example.com", "--password-stdin"], b"\xff\xfe long enough\n", 1, "not UTF-8"),
        (["x@example.com", "--password-stdin"], "x1" * 4_000, 1, "password: "),
        (["x@example.com", "--password-stdin", "--generate"], "", 2, "exclude each other"),
        (["x@example.com"], "", 2, "no terminal"),
        (["x@example.com", "--password", "secret words"], "", 2, "--password"),
        ([], "", 2, "EMAIL"),
    ],
)
def test_what_cannot_be_made_is_told_in_a_line(
    app: Flask, words: list[str], stdin: str | bytes, code: int, said: str
) -> None:
    run(app, "users", "create", *words, stdin=stdin).expect(code, said)
    assert run(app, "users", "list", "--json").expect().json == []


def test_an_address_is_taken_once(app: Flask) -> None:
    create(app, "jane@example.com")
    run(app, "users", "create", "JANE@example.com", "--generate").expect(1, "in use")


def test_a_password_that_is_set_ends_what_was(app: Flask, client: Api) -> None:
    """The last character before the end of the line counts, and so do blanks."""
    person = client.sign_up(username="jane-doe")
    new = " a blank before and after "
    words = ["users", "set-password", "Jane-Doe", "--password-stdin"]
    run(app, *words, stdin=f"{new}\r\n").expect(0, person.email)
    assert not person.is_in()
    client.try_log_in(person.email, new).expect(403, "password_change_required")
    run(app, *words, "--permanent", stdin=new).expect()
    client.try_log_in(person.email, new).expect(200)
    changed = records.events(app, "password.changed")
    assert [event.details for event in changed] == [{"must_change": True}, {"must_change": False}]
    run(app, *words, stdin=f"{person.email}\n").expect(1, "password: ")


def test_people_are_named_three_ways(app: Flask, client: Api) -> None:
    person = client.sign_up(email="Jane.Doe@Example.com", username="jane-doe")
    for name in (person.id, "JANE.doe@example.COM", "Jane-Doe"):
        shown = run(app, "users", "show", name, "--json").expect().json
        assert shown["id"] == person.id
        assert shown["must_change_password"] is False
        assert shown["deleted_at"] is None
        assert [one["user_agent"] for one in shown["sessions"]] == ["tests/1.0"]
        assert shown.items() >= person.me().items()
        assert "hash" not in str(shown)
    run(app, "users", "show", "jane-doe").expect(0, person.id, "session", "tests/1.0")
    run(app, "users", "show", "somebody").expect(1, "no account somebody")


def test_lists_are_tables_and_json(app: Flask, client: Api) -> None:
    people = [client.sign_up(username=f"person-{number}") for number in range(3)]
    admin = records.with_roles(app, client, "admin", username="head")
    run(app, "users", "deactivate", people[0].id, "--yes").expect()

    def names(*words: str) -> list[str]:
        listed = run(app, "users", "list", "--json", *words).expect().json
        return [user["username"] for user in listed]

    assert names() == ["head", "person-2", "person-1", "person-0"]
    assert names("--q", "PERSON-") == ["person-2", "person-1", "person-0"]
    assert names("--q", admin.email[:-4]) == ["head"]
    assert names("--q", "person%") == []
    assert names("--role", "admin") == ["head"]
    assert names("--inactive") == ["person-0"]
    assert names("--active", "--role", "user") == ["head", "person-2", "person-1"]
    assert names("--deleted") == []
    limited = run(app, "users", "list", "--limit", "2").expect(0, "person-2")
    assert "person-1" not in limited.out
    assert "more than 2" in limited.err
    run(app, "users", "list", "--role", "king").expect(1, "no role king")
    lines = run(app, "users", "list").expect().out.splitlines()
    assert len(lines) == 5
    assert all(line == line.rstrip() and line.isascii() for line in lines)


def test_long_lists_lose_nobody(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    run(app, "seed", "--users", "25").expect()
    monkeypatch.setattr("gatehouse.cli.people._BATCH", 10)
    listed = run(app, "users", "list", "--json").expect().json
    assert len({user["id"] for user in listed}) == 25
    assert listed == sorted(listed, key=lambda user: user["created_at"], reverse=True)


def test_a_terminal_obeys_nobodys_name(app: Flask, client: Api) -> None:
    """R93: what an import may have stored is shown, not carried out; markup is only text."""
    person = client.sign_up()
    stored.alter(app, person.id, username="\x1b[2J\r\nx", name="[red]\u202ename")
    for words in (["list"], ["show", person.id]):
        out = run(app, "users", *words).expect(0, "\ufffd[2J\ufffd\ufffdx").out
        assert "\x1b" not in out
    assert "[red]\ufffdname" in out


def test_roles_are_in_force_with_the_next_request(app: Flask, client: Api) -> None:
    """R25: granted and taken by the command line too."""
    person = client.sign_up()
    person.get("/users").expect(403)
    run(app, "users", "grant", person.email, "admin").expect(0, "now has admin, user")
    person.get("/users").expect(200)
    run(app, "users", "grant", person.email, "admin", "user").expect(0, "already had")
    run(app, "users", "revoke", person.email, "admin", "user").expect(0, "no roles")
    person.get("/users").expect(403)
    run(app, "users", "grant", person.email, "king").expect(1, "no role king")
    changes = [event.details for event in records.events(app, "roles.changed")]
    assert changes[0] == {"granted": ["admin"], "taken": []}


def test_one_super_admin_remains(app: Flask, admin: Person, client: Api) -> None:
    """R77: the command line cannot lock everybody out either."""
    refused = "last active super_admin"
    run(app, "users", "revoke", admin.email, "super_admin").expect(1, refused)
    run(app, "users", "deactivate", admin.email, "--yes").expect(1, refused)
    second = records.with_roles(app, client, "super_admin")
    run(app, "users", "deactivate", admin.email, "--yes").expect(0, "is inactive")
    run(app, "users", "revoke", second.id, "super_admin").expect(1, refused)
    run(app, "users", "activate", admin.email).expect(0, "is active")
    run(app, "users", "revoke", second.id, "super_admin").expect()


def test_a_closed_account_is_closed_at_once(app: Flask, client: Api) -> None:
    """R24: tokens die with the command, and opening revives none."""
    person = client.sign_up()
    run(app, "users", "deactivate", person.email, "--yes").expect(0, "is inactive")
    assert not person.is_in()
    run(app, "users", "deactivate", person.email, "--yes").expect(0, "already")
    run(app, "users", "activate", person.email).expect(0, "is active")
    assert not person.is_in()
    assert person.again().is_in()
    kinds = [one.type for one in records.events(app, "user.deactivated", "user.activated")]
    assert kinds == ["user.deactivated", "user.activated"]


def test_what_was_deleted_comes_back_by_any_name(
    app: Flask, client: Api, admin: Person, clock: Clock
) -> None:
    first = client.sign_up(email="jane@example.com", username="jane-doe")
    run(app, "users", "restore", "jane@example.com").expect(1, "no deleted account")
    admin.delete(f"/users/{first.id}").expect(204)
    run(app, "users", "deactivate", first.id, "--yes").expect(1, "was deleted")
    run(app, "users", "show", "jane-doe").expect(0, first.id)
    run(app, "users", "restore", "Jane-Doe").expect(0, first.id)
    admin.delete(f"/users/{first.id}").expect(204)
    second = client.sign_up(email="jane@example.com", username="jane-doe")
    run(app, "users", "restore", "jane@example.com").expect(1, "in use")
    admin.delete(f"/users/{second.id}").expect(204)
    run(app, "users", "restore", "jane-doe").expect(1, first.id, second.id)
    third = client.sign_up(username="jane-doe")
    outcome = run(app, "users", "restore", second.id).expect(0, "restored")
    assert "somebody else" in outcome.err
    clock.forward(days=31)
    run(app, "users", "restore", first.id).expect(1, "too long ago")
    run(app, "users", "restore", third.email).expect(1, "no deleted account")


def test_unlocking_lets_the_owner_in(app: Flask, client: Api) -> None:
    person = client.sign_up()
    for _ in range(12):
        client.at().try_log_in(person.email, "a wrong guess")
    client.at().try_log_in(person.email).expect(429)
    run(app, "users", "unlock", person.email).expect(0, "unlocked")
    client.at().try_log_in(person.email).expect(200)
    assert records.events(app, "user.unlocked")[-1].user_agent == "command line"
