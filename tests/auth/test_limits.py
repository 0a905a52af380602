"""R49, R59: what is counted together, and what apart."""

import pytest
from flask import Flask

from gatehouse.auth import recovery, verification
from tests.support.api import Api
from tests.support.facts import Facts
from tests.users import records


@pytest.mark.settings(LIMITS="refresh_session=2/minute")
def test_each_session_has_its_own_refreshes(client: Api) -> None:
    person, other = client.sign_up(), client.sign_up()
    second = person.refreshed().refreshed()
    second.stranger.try_refresh(second.refresh_token).expect(429, "rate_limited")
    # From another address it is the same session, and from the same one another session.
    client.at().try_refresh(second.refresh_token).expect(429, "rate_limited")
    assert other.refreshed().refreshed().is_in()
    assert person.again().refreshed().is_in()


@pytest.mark.settings(LIMITS="login_failures=3/minute")
def test_failures_are_counted_by_address_and_never_where_one_is_known(client: Api) -> None:
    """R53: whoever has logged in from here is not shut out by what others do from here."""
    person, stranger = client.sign_up(), client.at()
    unknown = client.sign_up()
    for _ in range(3):
        stranger.try_log_in(person.email, "a wrong one").expect(401)
    stranger.try_log_in(unknown.email).expect(429, "rate_limited")
    client.at().try_log_in(unknown.email).expect(200)
    # At home the failures of a known person count for the account and not for the address.
    for _ in range(4):
        client.try_log_in(person.email, "a wrong one").expect(401)
    client.try_log_in(person.email).expect(200)


def test_mails_to_a_person_are_counted_whoever_asks(app: Flask, client: Api) -> None:
    """Five an hour: more requests are answered alike, and nothing is sent."""
    person, other = client.sign_up(), client.sign_up()
    facts = Facts(app)
    for number in range(7):
        path = "/auth/password-reset" if number % 2 else "/auth/verify-email/resend"
        client.at().post(path, {"email": person.email}).expect(202)
    for job, kind in (
        (recovery.send_reset, recovery.RESET_JOB),
        (verification.resend, verification.RESEND_JOB),
    ):
        records.perform(app, job, kind)
    assert len(facts.mails()) == 5
    client.post("/auth/password-reset", {"email": other.email}).expect(202)
    records.perform(app, recovery.send_reset, recovery.RESET_JOB)
    assert [mail[1] for mail in facts.mails()] == [other.email]
