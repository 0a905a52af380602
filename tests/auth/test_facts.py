"""R112: each thing that happens at the doors of log-in and recovery leaves one whole fact."""

from flask import Flask

from gatehouse.auth import recovery, verification
from tests.support import forge
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.clocks import Clock
from tests.support.facts import Facts, by
from tests.users import records

NEW_PASSWORD = "a quite different one"


def session_of(person: Person) -> str:
    """Return the id of the session that a person's tokens name."""
    assert person.token is not None
    return str(forge.parts(person.token)[1]["sid"])


def test_logging_in_and_out(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts = Facts(app)
    other = person.stranger.at().using("another/2.0").log_in(person.email)
    started = by(other, "session.started", target=session_of(other), is_new_place=True)
    assert facts.events() == [started]
    other.post("/auth/logout").expect(204)
    assert facts.events() == [by(other, "session.ended", target=session_of(other))]

    third = person.again()
    facts.events()
    person.delete(f"/auth/sessions/{session_of(third)}").expect(204)
    assert facts.events() == [by(person, "session.ended", target=session_of(third))]
    # What has ended cannot end.
    person.delete(f"/auth/sessions/{session_of(third)}").expect(404, "session_not_found")
    assert facts.events() == []
    person.delete("/auth/sessions").expect(204)
    assert facts.events() == [by(person, "session.all_ended")]
    assert facts.mails() == []


def test_failing_to_log_in(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts, stranger = Facts(app), client.at()
    stranger.try_log_in(person.email, "a wrong one").expect(401)
    origin = (stranger.address, stranger.agent)
    assert facts.events() == [("login.failed", None, person.id, *origin, None, {})]
    stranger.try_log_in(new_email(), "a wrong one").expect(401)
    assert facts.events() == [("login.failed", None, None, *origin, None, {})]


def test_a_log_in_that_waits_for_another_password(app: Flask, client: Api, admin: Person) -> None:
    email = new_email()
    made = admin.post("/users", {"email": email, "password": PASSWORD}).expect(201).json
    facts, person = Facts(app), client.at()
    answer = person.try_log_in(email).expect(403, "password_change_required")
    origin = (person.address, person.agent)
    assert facts.events() == [("login.unfinished", made["id"], made["id"], *origin, None, {})]

    # The token of that answer is good for a password of one's own, and for no address.
    [token] = [v for k, v in answer.json.items() if k.endswith("_token")]
    body = {"token": token, "new_password": NEW_PASSWORD}
    person.post("/auth/password-reset/confirm", body).expect(204)
    details = {"must_change": False}
    assert facts.events() == [
        ("password.changed", made["id"], made["id"], *origin, None, details),
    ]
    assert person.log_in(email, NEW_PASSWORD).me()["is_verified"] is False


def test_a_stolen_refresh_token(app: Flask, client: Api, clock: Clock) -> None:
    person = client.sign_up()
    person.refreshed()
    clock.forward(seconds=11)
    facts, thief = Facts(app), client.at().using("thief/1.0")
    thief.try_refresh(person.refresh_token).expect(401)
    origin = (thief.address, thief.agent)
    assert facts.events() == [
        ("session.reuse_detected", None, person.id, *origin, session_of(person), {}),
    ]
    # Its session is over, so the second theft is none.
    thief.try_refresh(person.refresh_token).expect(401)
    assert facts.events() == []


def test_confirming_that_it_is_oneself(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts = Facts(app)
    person.post("/auth/reauthenticate", {"password": PASSWORD}).expect(200)
    assert facts.events() == [by(person, "login.confirmed")]


def test_a_forgotten_password(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts, somebody = Facts(app), client.at().using("a browser/3.0")
    somebody.post("/auth/password-reset", {"email": person.email.upper()}).expect(202)
    assert (facts.events(), facts.mails()) == ([], [])  # the job finds out whose address it is
    records.perform(app, recovery.send_reset, recovery.RESET_JOB)
    origin = (somebody.address, somebody.agent)
    assert facts.events() == [
        ("password.reset_requested", None, person.id, *origin, None, {}),
    ]
    mail = ("password_reset", person.email, person.id, {"one_time": "password_reset"})
    assert facts.mails() == [mail]

    token = records.token(app, "password_reset")
    body = {"token": token, "new_password": NEW_PASSWORD}
    somebody.post("/auth/password-reset/confirm", body).expect(204)
    details = {"must_change": False}
    assert facts.events() == [
        ("password.changed", person.id, person.id, *origin, None, details),
    ]
    assert facts.mails() == [("password_changed", person.email, person.id, {})]
    # Who reads the mail to an address has shown that it is theirs.
    assert somebody.log_in(person.email, NEW_PASSWORD).me()["is_verified"] is True


def test_verifying_an_address(app: Flask, client: Api) -> None:
    person = client.sign_up()
    token, facts = records.token(app, "verify_email"), Facts(app)
    stranger = client.at()
    body = {"token": token, "password": "a wrong one"}
    stranger.post("/auth/verify-email", body).expect(403, "wrong_password")
    origin = (stranger.address, stranger.agent)
    assert facts.events() == [
        ("email.verification_failed", None, person.id, *origin, None, {}),
    ]
    stranger.post("/auth/verify-email", {"token": token}).expect(422, "proof_required")
    client.sign_up().post("/auth/verify-email", {"token": token}).expect(422, "proof_required")
    facts.events()
    stranger.post("/auth/verify-email", {"token": token, "new_password": "short"}).expect(422)
    assert facts.events() == []
    stranger.post("/auth/verify-email", {"token": token, "password": PASSWORD}).expect(204)
    assert facts.events() == [
        ("email.verified", person.id, person.id, *origin, None, {}),
    ]
    assert person.me()["is_verified"] is True


def test_another_verification_mail(app: Flask, client: Api) -> None:
    person = client.sign_up()
    facts = Facts(app)
    client.post("/auth/verify-email/resend", {"email": person.email.upper()}).expect(202)
    records.perform(app, verification.resend, verification.RESEND_JOB)
    mail = ("verify_email", person.email, person.id, {"one_time": "verify_email"})
    assert facts.mails() == [mail]
    token = records.token(app, "verify_email")
    person.post("/auth/verify-email", {"token": token}).expect(204)
    facts.mails()
    # Who is verified needs no second mail, and nobody none.
    for email in (person.email, new_email()):
        client.post("/auth/verify-email/resend", {"email": email}).expect(202)
        client.post("/auth/password-reset", {"email": new_email()}).expect(202)
    records.perform(app, verification.resend, verification.RESEND_JOB)
    records.perform(app, recovery.send_reset, recovery.RESET_JOB)
    assert facts.mails() == []
    assert [fact[0] for fact in facts.events()] == ["email.verified"]


def test_a_log_in_after_many_wrong_guesses_is_told(app: Flask, client: Api, clock: Clock) -> None:
    """R55: the owner hears that somebody was guessing, at the log-in that succeeds after ten."""
    for failures, is_told in ((9, False), (10, True)):
        person = client.sign_up()
        for _ in range(failures):
            client.at().try_log_in(person.email, "a wrong one").expect(401)
        clock.forward(seconds=2)
        facts = Facts(app)
        client.at().log_in(person.email)
        mail = ("login_after_failures", person.email, person.id, {})
        assert facts.mails() == ([mail] if is_told else [])
