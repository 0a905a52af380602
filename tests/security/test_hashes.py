"""What a dump of the database gives away: nothing that opens a door (R40, R41)."""

from typing import Any

from flask import Flask

from tests.conftest import MakeApp
from tests.support import forge, stored
from tests.support.answers import InProcess
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.mailbox import Mailbox
from tests.support.race import at_once, statuses

FIRST, SECOND = "a first Password of R40", "a second Password of R40"


def secrets_sent(client: Api, admin: Person, mailbox: Mailbox) -> list[str]:
    """Let the service handle every kind of secret, and return them."""
    person = client.sign_up(password=FIRST)
    twin = client.sign_up(password=FIRST)
    secrets = [FIRST, SECOND, PASSWORD, admin.password]
    secrets += [str(one.token) for one in (person, twin, admin)]
    secrets += [person.refresh_token, twin.refresh_token, person.refreshed().refresh_token]
    change = {"email": new_email(), "current_password": FIRST}
    person.patch("/users/me", change).expect(200)
    client.post("/auth/password-reset", {"email": twin.email}).expect(202)
    client.post("/auth/verify-email/resend", {"email": person.email}).expect(202)
    body = {"email": new_email(), "password": SECOND}
    admin.post("/users", body).expect(201)
    refusal = client.try_log_in(body["email"], SECOND).expect(403, "password_change_required")
    secrets.append(refusal.json["password_change_token"])
    for address in (person.email, twin.email, change["email"]):
        secrets += mailbox.tokens(address)
    assert len(mailbox.messages()) >= 6
    client.at().try_log_in(person.email, "a wrong Password of R40").expect(401)
    client.at().try_log_in("a Name that is a password", FIRST).expect(401)
    fresh = person.post("/auth/reauthenticate", {"password": FIRST}).expect(200).json
    return [*secrets, "a wrong Password of R40", fresh["access_token"]]


def test_r40_no_secret_is_stored(app: Flask, client: Api, admin: Person, mailbox: Mailbox) -> None:
    secrets = secrets_sent(client, admin, mailbox)
    assert len(secrets) >= 14
    # What is after the last dot is the proof of a token; nobody may find that alone either.
    hidden = {*secrets, *(secret.rpartition(".")[2] for secret in secrets)}
    found = list(stored.cells(app))
    assert len({name.partition(".")[0] for name, _ in found}) >= 8
    for name, content in found:
        for secret in hidden:
            assert secret not in content, name
    raw = stored.raw(app)
    assert raw == b"" or admin.email.encode() in raw
    assert all(secret.encode() not in raw for secret in hidden)
    assert all(b"PRIVATE KEY" not in content.encode() for _, content in found)


def test_r40_hashes_are_salted_and_not_cut(app: Flask, client: Api) -> None:
    people = [client.sign_up(password=FIRST) for _ in range(3)]
    hashes = [stored.account(app, person.id)["password_hash"] for person in people]
    assert all(text.startswith("$bcrypt-sha256$v=2,t=2b,r=4$") for text in hashes)
    salts = {text.split("$")[3] for text in hashes}
    assert len(salts) == len(set(hashes)) == 3


def test_r40_a_stolen_table_opens_nothing(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox
) -> None:
    secrets_sent(client, admin, mailbox)
    person = client.sign_up()
    client.post("/auth/password-reset", {"email": person.email}).expect(202)
    token = mailbox.token(person.email)
    tables = stored.tables(app)
    new = {"new_password": "a Password of a thief"}
    for row in tables["one_time_tokens"]:
        for proof in (row["digest"], str(row["id"])):
            body = new | {"token": f"{token[:36]}.{proof}"}
            client.at().post("/auth/password-reset/confirm", body).expect(400)
    for row in tables["users"]:
        client.at().try_log_in(row["email"], str(row["password_hash"])).expect(401)
    client.post("/auth/password-reset/confirm", new | {"token": token}).expect(204)


def hash_of(app: Flask, person: Person) -> str:
    return str(stored.account(app, person.id)["password_hash"])


def test_r41_a_raised_cost_reaches_old_accounts_at_log_in(make_app: MakeApp) -> None:
    before = Api(InProcess(make_app(BCRYPT_ROUNDS="4")))
    app = make_app(BCRYPT_ROUNDS="5")
    person = before.sign_up()
    after = Api(InProcess(app))
    old = hash_of(app, person)
    assert ",r=4$" in old
    after.try_log_in(person.email, "a wrong Password").expect(401)
    assert hash_of(app, person) == old
    again = after.log_in(person.email)
    new = hash_of(app, person)
    assert ",r=5$" in new
    # It is no change of the password: nobody is thrown out, and it happens once.
    assert person.is_in()
    assert again.is_in()
    assert person.refreshed().is_in()
    after.log_in(person.email)
    assert hash_of(app, person) == new
    assert forge.parts(str(again.token))[1]["sub"] == person.id


def test_r41_log_ins_that_race_for_it(make_app: MakeApp) -> None:
    # With fewer threads the queue of hashes would turn some away, as it should.
    person = Api(InProcess(make_app(BCRYPT_ROUNDS="4"))).sign_up()
    app = make_app(BCRYPT_ROUNDS="5", THREADS="32")
    api = Api(InProcess(app))
    answers = at_once([lambda: api.try_log_in(person.email)] * 6)
    assert statuses(answers) == {200: 6}
    assert ",r=5$" in hash_of(app, person)
    tokens: list[Any] = [answer.json["access_token"] for answer in answers]
    assert all(api.bearing(token).get("/users/me").status == 200 for token in tokens)
    assert api.log_in(person.email).is_in()
