"""Mail that anybody can ask for goes to open accounts alone."""

import pytest

from tests.support.api import Api, Person
from tests.support.mailbox import Mailbox

PATHS = ("/auth/password-reset", "/auth/verify-email/resend")


@pytest.mark.parametrize("path", PATHS)
def test_an_open_account_gets_a_mail(client: Api, mailbox: Mailbox, path: str) -> None:
    person = client.sign_up()
    before = len(mailbox.to(person.email))
    client.at().post(path, {"email": person.email.upper()}).expect(202)
    assert len(mailbox.to(person.email)) == before + 1


@pytest.mark.parametrize("path", PATHS)
def test_a_closed_account_gets_none(
    client: Api, admin: Person, mailbox: Mailbox, path: str
) -> None:
    inactive, deleted = client.sign_up(), client.sign_up()
    admin.patch(f"/users/{inactive.id}", {"is_active": False}).expect(200)
    deleted.delete("/users/me").expect(204)
    for person in (inactive, deleted):
        before = mailbox.subjects(person.email)
        client.at().post(path, {"email": person.email}).expect(202)
        assert mailbox.subjects(person.email) == before
