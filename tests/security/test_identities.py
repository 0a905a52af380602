"""Who is who: one account for an address, and no name that passes for another (R60 to R63, R68,
R69)."""

from uuid import UUID

import pytest
from flask import Flask

from tests.support import doors, stored
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email, new_username
from tests.support.hostile import refused
from tests.support.mailbox import Mailbox
from tests.support.race import at_once, statuses

ADDRESS = "straight.forward@example.com"
SPELLINGS = [
    "STRAIGHT.FORWARD@EXAMPLE.COM",
    "Straight.Forward@Example.Com",
    " straight.forward@example.com",
    "straight.forward@example.com  ",
    "straight.forward@EXAMPLE.com",
]
# Not the same to the letter, and to no mail server: never an account beside the first one.
MISLEADING = [
    "straight.forward@example.com.",
    "straight.forward@examp\u200ble.com",
    "straight.forward@exam\u00adple.com",
    "\u202estraight.forward@example.com",
    "\uff53traight.forward@example.com",
    "straight.forward@\uff45xample.com",
    "\u017ftraight.forward@example.com",
    "straight.forward@exampl\u0435.com",
    "str\u0430ight.forward@example.com",
    "straight.forward@example\u3002com",
    "straight.forward@example.com\n",
    "\tstraight.forward@example.com",
    "straight.forward\u00a0@example.com",
    '"straight.forward"@example.com',
    "straight.forward(comment)@example.com",
    "straight.forward@[example.com]",
    "<straight.forward@example.com>",
    "mailto:straight.forward@example.com",
    "straight.forward@exa\u1d50ple.com",
]


def try_sign_up(client: Api, email: str, **members: str) -> Answer:
    return client.at().post("/users", {"email": email, "password": PASSWORD, **members})


def test_r60_every_spelling_is_one_account(client: Api, admin: Person) -> None:
    person = client.sign_up(ADDRESS)
    for spelling in SPELLINGS:
        try_sign_up(client, spelling).expect(409, "email_taken")
        assert client.at().log_in(spelling).id == person.id
        client.at().try_grant(spelling).expect(200)
    other = client.sign_up()
    for spelling in SPELLINGS[:2]:
        body = {"email": spelling, "current_password": PASSWORD}
        other.at().patch("/users/me", body).expect(409, "email_taken")
        admin.at().patch(f"/users/{other.id}", {"email": spelling}).expect(409, "email_taken")
    assert other.me()["pending_email"] is None
    assert admin.get("/users?total=true").json["total"] == 3


@pytest.mark.settings(THREADS="32")
def test_r60_in_a_race(client: Api, admin: Person) -> None:
    spelled = [ADDRESS, *SPELLINGS]
    answers = at_once([lambda email=email: try_sign_up(client, email) for email in spelled])
    assert statuses(answers) == {201: 1, 409: len(SPELLINGS)}
    assert admin.get("/users?total=true").json["total"] == 2
    ids = {client.at().log_in(spelling).id for spelling in spelled}
    assert ids == {answer.json["id"] for answer in answers if answer.status == 201}


def test_r61_addresses_that_look_alike_or_hide_something(client: Api, mailbox: Mailbox) -> None:
    person = client.sign_up(ADDRESS)
    for misleading in MISLEADING:
        answer = try_sign_up(client, misleading)
        assert answer.status in (409, 422), (misleading, str(answer))
        # Where log-in takes it for the address, it is the one account and no other.
        found = client.at().try_log_in(misleading)
        assert found.status in (200, 401), (misleading, str(found))
        if found.status == 200:
            assert client.at().log_in(misleading).id == person.id
        client.at().post("/auth/password-reset", {"email": misleading})
    assert {message["To"] for message in mailbox.messages()} == {person.email}


HIDDEN = ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\u200f", "\u061c"]
CONTROLS = ["\x00", "\x07", "\x1b[31m", "\x7f", "\x85", "\n", "\r\n", "\t", "\u2028", "\u2029"]
UNASSIGNED = ["\ue000", "\uffff", "\U000e0041", "\u0378"]


def test_r61_names_hold_nothing_that_cannot_be_seen(client: Api) -> None:
    person = client.sign_up(name="Zoë")
    for odd in (*HIDDEN, *CONTROLS, *UNASSIGNED):
        for text in (f"Zoe{odd}x", f"{odd}Zoe", f"Zoe{odd}"):
            try_sign_up(client, new_email(), name=text).expect(422)
            person.patch("/users/me", {"name": text}).expect(422)
            person.patch("/users/me", {"username": f"zoe{odd}zoe"}).expect(422)
    assert person.me()["name"] == "Zoë"
    assert person.me()["username"] is None


def test_r61_a_username_has_one_form(client: Api, admin: Person) -> None:
    first = client.sign_up(username="Paypal-Help")
    for same in ("paypal-help", "PAYPAL-HELP", " Paypal-Help "):
        try_sign_up(client, new_email(), username=same).expect(409, "username_taken")
        assert client.at().log_in(same).id == first.id
    other = client.sign_up(username="somebody-else")
    for alike in (
        "p\u0430ypal-help",
        "\uff50aypal-help",
        "paypa\u2113-help",
        "paypal\u2010help",
        "paypal-hel\u1d56",
        "paypal-\u210eelp",
        "paypal-help\u0301",
    ):
        try_sign_up(client, new_email(), username=alike).expect(422)
        other.patch("/users/me", {"username": alike}).expect(422)
        found = client.at().try_log_in(alike)
        assert found.status == 401 or client.at().log_in(alike).id == first.id, alike
    assert len(admin.get("/users?q=paypal").json["users"]) == 1


@pytest.mark.parametrize("email", [ADDRESS, "future.user@example.com"])
def test_r62_no_username_is_an_address(client: Api, admin: Person, email: str) -> None:
    owner = client.sign_up(ADDRESS)
    thief = client.sign_up()
    for name in (email, email.upper(), email.replace("@", "\uff20"), email.replace("@", "%40")):
        try_sign_up(client, new_email(), username=name).expect(422)
        thief.patch("/users/me", {"username": name}).expect(422)
        admin.patch(f"/users/{thief.id}", {"username": name}).expect(422)
    # The local part may be a username, and leads nobody astray.
    local = email.partition("@")[0]
    thief.patch("/users/me", {"username": local}).expect(200)
    assert client.at().log_in(ADDRESS).id == owner.id
    assert client.at().log_in(local).id == thief.id


def test_r63_mail_goes_to_the_stored_address_to_the_letter(client: Api, mailbox: Mailbox) -> None:
    person = client.sign_up("Straight.Forward@example.com")
    typed = [*SPELLINGS, *MISLEADING]
    for path in ("/auth/password-reset", "/auth/verify-email/resend"):
        for spelling in typed:
            client.at().post(path, {"email": spelling})
    messages = mailbox.messages()
    assert len(messages) >= 2
    for message in messages:
        assert message["To"] == person.email == "Straight.Forward@example.com"
        assert "Cc" not in message
        assert "Bcc" not in message
        assert len(message["To"].addresses) == 1


WORDS = ["me", "ME", "Me", "admin", "root", "null", "system", "superadmin", "undefined", "api"]
PATHS = [
    "..",
    ".",
    "...",
    "a/b",
    "../me",
    "me/..",
    "%2e%2e",
    "a?b",
    "a#b",
    "a;b",
    "a b",
    "\\x\\",
    "-me-",
]


def test_r68_reserved_names_and_paths(client: Api, admin: Person) -> None:
    person = client.sign_up()
    for name in (*WORDS, *PATHS, str(person.id) + "@", "0", "ab", "x" * 51):
        try_sign_up(client, new_email(), username=name).expect(422)
        person.patch("/users/me", {"username": name}).expect(422)
        admin.patch(f"/users/{person.id}", {"username": name}).expect(422)
    assert person.me()["id"] == person.id
    assert person.me()["username"] is None


def test_r68_a_username_that_looks_like_an_id_leads_nowhere(client: Api) -> None:
    victim, thief = client.sign_up(), client.sign_up()
    thief.patch("/users/me", {"username": victim.id}).expect(200)
    thief.get(f"/users/{victim.id}").expect(403)
    assert victim.get(f"/users/{victim.id}").json["email"] == victim.email
    client.at().try_log_in(thief.email).expect(200)
    assert client.at().log_in(victim.id).id == thief.id
    assert client.at().log_in(victim.email).id == victim.id


def test_r69_ids_are_uuids_of_version_7(app: Flask, client: Api) -> None:
    people = [client.sign_up() for _ in range(4)]
    sessions = [person.get("/auth/sessions").json["sessions"][0]["id"] for person in people]
    for text in [*(person.id for person in people), *sessions]:
        assert (UUID(text).version, UUID(text).variant) == (7, "specified in RFC 4122")
        assert str(UUID(text)) == text
    tails = [UUID(person.id).int & (1 << 62) - 1 for person in people]
    assert all(abs(a - b) > 1 << 40 for a in tails for b in tails if a is not b)
    for name, content in stored.cells(app):
        if name.endswith(".id") and name.partition(".")[0] != "guess_counters":
            assert UUID(content).version == 7, name


def test_r69_an_id_tells_and_opens_nothing(app: Flask, client: Api, admin: Person) -> None:
    """The answer is the same for an id that exists, one that does not, and one that did."""
    person, other, gone = client.sign_up(), client.sign_up(), client.sign_up()
    admin.delete(f"/users/{gone.id}").expect(204)
    role = admin.post("/roles", {"name": new_username()[:20]}).expect(201).json["id"]
    session = other.get("/auth/sessions").json["sessions"][0]["id"]
    unknown = "01890a5d-ac96-774b-bcce-b302099a8057"
    for door in doors.protected(app):
        if not door.has_id:
            continue
        ids = {"roles/": [role], "sessions/": [session]}
        kind = next((ids[key] for key in ids if f"{key}<" in door.rule), [other.id, gone.id])
        told = set()
        for value in [*kind, unknown]:
            answer = refused(person.request(door.method, door.path(value), json={}))
            body = {name: text for name, text in answer.json.items() if name != "instance"}
            told.add((answer.status, str(body)))
        assert len(told) == 1, told
        assert told.pop()[0] == (404 if "sessions/" in door.rule else 403)
    # An id is never a secret: none of them is a token or a password.
    for value in (other.id, session, role, unknown):
        person.bearing(value).get("/users/me").expect(401)
        client.at().try_refresh(value).expect(401)
        client.at().try_log_in(other.email, value).expect(401)
        body = {"token": value, "new_password": PASSWORD}
        client.at().post("/auth/password-reset/confirm", body).expect(400)
    assert other.is_in()
