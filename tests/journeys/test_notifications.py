"""An administrator writes to one person, to a role, and to everyone; who is there hears it."""

from typing import Any
from uuid import UUID, uuid4

from tests.support import stored
from tests.support.api import Person, new_username
from tests.support.live import Live
from tests.support.mailbox import text
from tests.support.sockets import Socket, open_as


def send(admin: Person, **members: Any) -> str:
    """Send a notification by both ways, twice with one key, and return its id."""
    subject = f"News {uuid4()}"
    body = {"channels": ["mail", "push"], "subject": subject, "text": "Read this.", **members}
    key = {"Idempotency-Key": str(uuid4())}
    answers = [admin.post("/notifications", body, headers=key).expect(202) for _ in range(2)]
    assert answers[0].content == answers[1].content
    return subject


def is_told(live: Live, person: Person, subject: str) -> bool:
    """Wait for one mail with this subject, and tell whether there is just that one."""
    mailbox = live.mailbox()
    found = mailbox.wait_for(person.email, subject)
    return [text(message).partition("\n")[0] for message in found] == ["Read this."]


def hears(socket: Socket, subject: str) -> bool:
    """Tell whether the next notification on a socket is this one."""
    heard = socket.hear("notification", timeout=20)
    assert UUID(heard.pop("id"))
    assert heard.pop("at").endswith("Z")
    return heard == {"type": "notification", "subject": subject, "text": "Read this."}


def test_one_a_role_everyone_by_mail_and_socket(live: Live) -> None:
    admin, ada, ben = live.admin(), live.client.sign_up(), live.client.sign_up()
    for person in (ada, ben):
        stored.alter(live.app, person.id, is_verified=True)
    role = new_username()
    made = {"name": role, "description": "", "permissions": []}
    admin.post("/roles", made).expect(201)
    admin.grant(ben.id, "user", role).expect(200)
    with open_as(ada, live.url) as ada_hears, open_as(ben, live.url) as ben_hears:
        to_ada = send(admin, user_id=ada.id)
        assert hears(ada_hears, to_ada)
        assert is_told(live, ada, to_ada)
        to_role = send(admin, role=role)
        assert hears(ben_hears, to_role)
        assert is_told(live, ben, to_role)
        to_all = send(admin, everyone=True)
        # Neither heard what was for the other.
        for person, socket in ((ada, ada_hears), (ben, ben_hears)):
            assert hears(socket, to_all)
            assert is_told(live, person, to_all)
    assert to_role not in live.mailbox().subjects(ada.email)
    assert to_ada not in live.mailbox().subjects(ben.email)
