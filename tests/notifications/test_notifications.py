"""Notifications: who gets one, by which way, once, and who may send it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from flask import Flask

from gatehouse.infra import db, jobs, mail, push
from gatehouse.infra.push import EVERYONE, Audience, Message
from gatehouse.notifications import delivery
from gatehouse.notifications.vocabulary import DELIVER, PUSHED
from tests.conftest import MakeApp
from tests.support import stored
from tests.support.answers import Answer, InProcess
from tests.support.api import Api, Person, new_email
from tests.support.mailbox import Mailbox, text
from tests.users import records

SUBJECT, TEXT = "Maintenance on Sunday", "We shall be away.\n\nNothing will be lost.\nReally."


def notify(sender: Api, *channels: str, **members: Any) -> Answer:
    """Send a notification and return the answer."""
    body = {"channels": channels or ["mail"], "subject": SUBJECT, "text": TEXT, **members}
    return sender.post("/notifications", {name: one for name, one in body.items() if one != ()})


def verified(app: Flask, client: Api, *roles: str) -> Person:
    """Return somebody whose address is verified."""
    person = records.with_roles(app, client, *roles)
    stored.alter(app, person.id, is_verified=True)
    return person


def recipients(mailbox: Mailbox) -> list[str]:
    """Return to whom notifications were mailed."""
    return sorted(one["To"] for one in mailbox.messages() if one["Subject"] == SUBJECT)


@pytest.fixture
def heard(app: Flask) -> Iterator[list[Message]]:
    """Return the notifications that sockets of this process would get."""
    messages: list[Message] = []

    def hear(message: Message) -> None:
        if orjson.loads(message.text)["type"] == PUSHED:
            messages.append(message)

    push.listen(app, hear)
    yield messages
    push.stop_listening(app)


def test_one_person_a_role_everyone(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox
) -> None:
    ada, ben, eve = verified(app, client, "admin"), verified(app, client), verified(app, client)
    told = notify(admin, user_id=ada.id).expect(202).json
    assert told == {"id": told["id"], "status": "accepted", "detail": "It will be sent."}
    assert recipients(mailbox) == [ada.email]
    (message,) = [one for one in mailbox.to(ada.email) if one["Subject"] == SUBJECT]
    assert text(message).startswith(TEXT)
    notify(admin, role="admin").expect(202)
    assert recipients(mailbox) == [ada.email] * 2
    notify(admin, everyone=True).expect(202)
    # The administrator of the tests was never asked to verify an address.
    assert recipients(mailbox) == sorted([ada.email] * 3 + [ben.email, eve.email])


def test_mail_goes_to_verified_addresses_of_open_accounts(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox
) -> None:
    known, inactive, deleted = (verified(app, client) for _ in range(3))
    unverified = client.sign_up()
    admin.patch(f"/users/{inactive.id}", {"is_active": False}).expect(200)
    admin.delete(f"/users/{deleted.id}").expect(204)
    notify(admin, everyone=True).expect(202)
    notify(admin, user_id=unverified.id).expect(202)
    assert recipients(mailbox) == [known.email]
    for person in (inactive, deleted):
        refused = notify(admin, user_id=person.id).expect(422, "unknown_recipient")
        assert list(refused.json["errors"]) == ["user_id"]


def test_push_goes_to_whom_it_concerns(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox, heard: list[Message]
) -> None:
    ada, _ = verified(app, client, "admin"), client.sign_up()
    sent = [
        notify(admin, "push", user_id=ada.id).expect(202).json["id"],
        notify(admin, "push", role="admin").expect(202).json["id"],
        notify(admin, "push", everyone=True).expect(202).json["id"],
    ]
    assert heard == []
    assert recipients(mailbox) == []
    assert [one.to for one in heard] == [Audience(user_id=UUID(ada.id))] * 2 + [EVERYONE]
    pushed = [orjson.loads(one.text) for one in heard]
    assert [one["id"] for one in pushed] == sent
    for one in pushed:
        assert one.pop("at")
        assert one == {
            "type": "notification",
            "id": one["id"],
            "subject": SUBJECT,
            "text": TEXT,
        }
    notify(admin, "mail", "push", everyone=True).expect(202)
    assert recipients(mailbox) == [ada.email]
    assert [one.to for one in heard[3:]] == [EVERYONE]


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({}, "user_id"),
        ({"everyone": False}, "everyone"),
        ({"everyone": True, "role": "admin"}, "role"),
        ({"role": "admin", "user_id": str(uuid4())}, "user_id"),
        ({"everyone": True, "channels": []}, "channels"),
        ({"everyone": True, "channels": ["pigeon"]}, "channels.0"),
        ({"everyone": True, "channels": "mail"}, "channels"),
        ({"everyone": True, "subject": "x" * 151}, "subject"),
        ({"everyone": True, "subject": "two\r\nBcc: eve@example.com"}, "subject"),
        ({"everyone": True, "text": ""}, "text"),
        ({"everyone": True, "text": "x" * 4_001}, "text"),
        ({"everyone": True, "html": "<b>"}, "html"),
    ],
)
def test_what_is_refused(app: Flask, admin: Person, members: dict[str, Any], wrong: str) -> None:
    answer = notify(admin, **members).expect(422, "validation_failed")
    assert wrong in answer.json["errors"]
    assert jobs_of(app) == []


def test_recipients_that_nobody_is(app: Flask, admin: Person) -> None:
    for members in ({"user_id": str(uuid4())}, {"role": "nobody.has"}):
        refused = notify(admin, **members).expect(422, "unknown_recipient")
        assert refused.json["errors"].keys() == members.keys()
    assert jobs_of(app) == []
    assert records.events(app, "notification.requested") == []


def test_the_lock_is_the_permission(app: Flask, client: Api, admin: Person) -> None:
    for person in (client.sign_up(), records.with_roles(app, client, "admin")):
        notify(person, everyone=True).expect(403, "insufficient_scope")
    notify(client, everyone=True).expect(401)
    role = {"name": "herald", "description": "", "permissions": ["notifications:send"]}
    admin.post("/roles", role).expect(201)
    notify(records.with_roles(app, client, "herald"), everyone=True).expect(202)


def test_sixty_a_minute(make_app: MakeApp) -> None:
    app = make_app(LIMITS="notifications=2/minute")
    client = Api(InProcess(app))
    boss = records.with_roles(app, client, "super_admin")
    for _ in range(2):
        notify(boss, role="admin").expect(202)
    notify(boss, role="admin").expect(429, "rate_limited")


def test_it_is_one_row_and_one_event(app: Flask, client: Api, admin: Person) -> None:
    ada = verified(app, client)
    answer = notify(admin, "push", "mail", user_id=ada.id).expect(202)
    (row,) = jobs_of(app)
    assert str(row.id) == answer.json["id"]
    (event,) = records.events(app, "notification.requested")
    assert (str(event.actor_id), str(event.subject_id)) == (admin.id, ada.id)
    assert event.target == answer.json["id"]
    assert event.details == {"channels": ["mail", "push"], "role": None}
    assert SUBJECT not in str(event)


def test_a_key_sends_once(app: Flask, client: Api, admin: Person, mailbox: Mailbox) -> None:
    ada, key = verified(app, client), {"Idempotency-Key": str(uuid4())}
    body = {"channels": ["mail"], "user_id": ada.id, "subject": SUBJECT, "text": TEXT}
    answers = [admin.post("/notifications", body, headers=key).expect(202) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    assert recipients(mailbox) == [ada.email]


@pytest.mark.parametrize("role", [None, "admin"])
def test_many_are_reached_page_by_page(
    app: Flask,
    client: Api,
    admin: Person,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    role: str | None,
) -> None:
    monkeypatch.setattr(delivery, "PAGE", 2)
    people = [verified(app, client, "admin") for _ in range(5)]
    verified(app, client)
    whom = {"everyone": True} if role is None else {"role": role}
    notify(admin, **whom).expect(202)
    found = recipients(mailbox)
    assert len(found) == (6 if role is None else 5)
    assert {person.email for person in people} <= set(found)
    assert all(row.payload == {} for row in jobs_of(app)), "what was said is not kept"


def test_f10_a_page_that_is_repeated_writes_to_nobody_twice(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a process dies after its page and before it could say that it was done."""
    monkeypatch.setattr(delivery, "PAGE", 2)
    people = [verified(app, client) for _ in range(3)]
    notify(admin, everyone=True).expect(202)
    (row,) = jobs_of(app)
    with app.app_context():
        for _ in range(3):
            delivery.deliver(row.payload, row.id)
    assert len(jobs_of(app)) == 2
    assert recipients(mailbox) == sorted(person.email for person in people)


def test_other_mail_does_not_wait_behind_everyone(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PAGE", 2)
    monkeypatch.setattr(delivery, "MOST_WAITING", 3)
    monkeypatch.setattr(delivery, "PAUSE", delivery.PAUSE * 0)
    people = [verified(app, client) for _ in range(9)]
    mailbox.messages()
    notify(admin, everyone=True).expect(202)
    most = 0
    for _ in range(100):
        with app.app_context():
            most = max(most, jobs.waiting(mail.KIND, at_most=100))
            if jobs.run_due(limit=1) == 0:
                break
    assert 0 < most <= 4
    assert recipients(mailbox) == sorted(person.email for person in people)


def test_a_full_outbox_is_waited_for(
    app: Flask, client: Api, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MOST_WAITING", 1)
    ada = verified(app, client)
    with app.app_context(), db.unit():
        mail.queue("password_changed", to=new_email(), context={})
    notify(admin, user_id=ada.id).expect(202)
    (first,) = jobs_of(app)
    with app.app_context():
        delivery.deliver(first.payload, first.id)
    _, second = sorted(jobs_of(app), key=lambda row: row.available_at)
    assert second.payload == first.payload
    assert second.available_at - first.available_at >= delivery.PAUSE
    assert str(second.user_id) == ada.id


def test_r94_r95_what_is_said_is_only_text(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox
) -> None:
    ada = verified(app, client)
    said = "{{ 7*7 }} {% raw %} <script>alert(1)</script>\nBcc: eve@example.com\n\n.\n\nend"
    subject = "{{ 7*7 }} <b>, eve@example.com"
    notify(admin, user_id=ada.id, subject=subject, text=said).expect(202)
    (message,) = [one for one in mailbox.to(ada.email) if one["Subject"] == subject]
    assert message["Bcc"] is None
    assert said in text(message)
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


def test_erasing_forgets_what_was_said_to_a_person(
    app: Flask, client: Api, admin: Person, mailbox: Mailbox
) -> None:
    ada, ben = verified(app, client), verified(app, client)
    notify(admin, user_id=ben.id).expect(202)
    assert recipients(mailbox) == [ben.email]
    notify(admin, user_id=ada.id).expect(202)
    for person in (ada, ben):
        admin.post(f"/users/{person.id}/erase").expect(204)
    assert not [place for place, content in stored.cells(app) if SUBJECT in content]
    assert recipients(mailbox) == []


def jobs_of(app: Flask) -> list[Any]:
    """Return the rows of notifications on their way, done ones too."""
    return [row for row in records.rows(app, "outbox") if row.kind == DELIVER]
