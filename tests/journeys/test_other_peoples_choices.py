"""A password that somebody else chose, and an address that has to confirm: whose word counts."""

from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.mailbox import Mailbox


def test_who_was_given_a_password_chooses_one_and_comes_in(client: Api, admin: Person) -> None:
    email, mine = new_email(), "a Password of my own"
    admin.post("/users", {"email": email, "password": PASSWORD}).expect(201)
    answer = client.try_log_in(email).expect(403, "password_change_required")
    assert "access_token" not in answer.json
    body = {"token": answer.json["password_change_token"], "new_password": mine}
    client.post("/auth/password-reset/confirm", body).expect(204)
    client.post("/auth/password-reset/confirm", body).expect(400, "one_time_token_invalid")
    client.try_log_in(email).expect(401, "invalid_credentials")
    # The token came by the log-in, not by mail: it says nothing about the address.
    assert not client.log_in(email, mine).me()["is_verified"]


def test_an_address_changes_when_the_new_one_confirms(client: Api, mailbox: Mailbox) -> None:
    person, new = client.sign_up(), new_email()
    old = person.email
    body = {"email": new, "current_password": person.password}
    shown = person.patch("/users/me", body).expect(200).json
    assert (shown["email"], shown["pending_email"]) == (old, new)
    assert mailbox.subjects(old)[-1] != mailbox.subjects(new)[-1], "the old one is told, not asked"
    client.try_log_in(new).expect(401, "invalid_credentials")

    token = {"token": mailbox.token(new)}
    client.post("/auth/verify-email", token).expect(422, "proof_required")
    person.post("/auth/verify-email", token).expect(204)
    person.post("/auth/verify-email", token).expect(400, "one_time_token_invalid")
    assert person.is_in(), "sessions live on"
    client.try_log_in(old).expect(401, "invalid_credentials")
    assert client.log_in(new).me()["pending_email"] is None
    # Who has the old address alone does not come back in by it.
    before = mailbox.tokens(old)
    client.post("/auth/password-reset", {"email": old}).expect(202)
    assert mailbox.tokens(old) == before
