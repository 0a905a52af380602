"""Text that would be a command elsewhere is text here, and names one recipient (R94, R95)."""

from email import message_from_bytes, policy
from pathlib import Path

from tests.support import doors
from tests.support.answers import JSON
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.mailbox import Mailbox, text

COMMANDS = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title><svg onload=alert(1)>",
    "{{7*7}}",
    "{% raw %}{{ config }}{% endraw %}",
    "{{ ''.__class__.__mro__ }}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "%(password)s",
    "{0.__class__}",
    "javascript:alert(1)",
    "]]><!--",
    "\\u003cscript\\u003e",
]


def cause_mail(person: Person, admin: Person) -> None:
    """Make the service write every mail that it writes to somebody with an account."""
    person.stranger.post("/auth/password-reset", {"email": person.email}).expect(202)
    admin.grant(person.id, "user", "admin").expect(200)
    change = {"email": new_email(), "current_password": PASSWORD}
    person.patch("/users/me", change).expect(200)
    change = {"current_password": PASSWORD, "new_password": PASSWORD + "2"}
    person.post("/users/me/password", change).expect(204)


def test_r94_a_name_is_only_a_name(client: Api, admin: Person, mailbox: Mailbox) -> None:
    before = doors.document(client)
    for number, name in enumerate(COMMANDS):
        person = client.at().sign_up(name=name)
        if number % 6 == 4:  # one of HTML, of a template, and of something else
            cause_mail(person, admin)
        for answer in (person.get("/users/me"), admin.get(f"/users/{person.id}")):
            assert answer.json["name"] == name
            assert answer.headers["Content-Type"] == JSON
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        # What is refused is told, and not as HTML.
        wrong = person.patch("/users/me", {name: name, "locale": name}).expect(422)
        assert wrong.headers["Content-Type"] == "application/problem+json"
        wrong = person.get("/users/me", headers={"X-Request-ID": name, "Accept": f"text/{name}"})
        assert name not in str(wrong.headers)
        assert name not in str(wrong.json["instance"] if wrong.status != 200 else "")
    shown = [one["name"] for one in admin.get("/users?sort=created_at").json["users"]]
    assert shown[1:] == COMMANDS
    role = {"name": "inert", "description": COMMANDS[4]}
    assert admin.post("/roles", role).expect(201).json["description"] == COMMANDS[4]
    for name in COMMANDS:
        admin.post("/roles", {"name": name}).expect(422)
    messages = mailbox.messages()
    assert len(messages) >= len(COMMANDS) + 9
    for message in messages:
        html = message.get_body(("html",))
        assert html is not None
        whole = f"{message['Subject']}{text(message)}{html.get_content()}"
        assert all(name not in whole for name in COMMANDS if len(name) > 6)
        assert "alert(1)" not in whole
        assert "49" not in str(message["Subject"])
    assert doors.document(client) == before


SMUGGLED = [
    "a@example.com\r\nBcc: evil@example.net",
    "a@example.com\nBcc: evil@example.net",
    "a@example.com\r\n\r\nA body of mine",
    "a@example.com%0d%0aBcc: evil@example.net",
    "a@example.com\u2028Bcc: evil@example.net",
    "a@example.com\x0bBcc:evil@example.net",
    "a@example.com\x85Bcc:evil@example.net",
    "a@example.com,evil@example.net",
    "a@example.com;evil@example.net",
    "a@example.com evil@example.net",
    "a,evil@example.com",
    "A <a@example.com>",
    "a@example.com <evil@example.net>",
    '"a@example.com,"@example.net',
    "evil@example.net,a@example.com",
    "a@example.com>evil@example.net",
    "a@[127.0.0.1]",
    "a@example.com\t",
    "=?utf-8?q?a=0d=0aBcc:_evil?=@example.com",
    "a:b,c@example.com;",
]


def test_r95_no_recipient_is_smuggled_in(
    client: Api, admin: Person, mailbox: Mailbox, tmp_path: Path
) -> None:
    victim = client.sign_up("a@example.com")
    other = client.sign_up()
    for odd in SMUGGLED:
        # An encoded word is a funny local part, and one address like any other.
        is_one = odd.startswith("=?")
        body = {"email": odd, "password": PASSWORD}
        expected = {201} if is_one else {422}
        assert client.at().post("/users", body).status in expected | {422}, odd
        for path in ("/auth/password-reset", "/auth/verify-email/resend"):
            assert client.at().post(path, {"email": odd}).status in (202, 422)
        if not is_one:
            change = {"email": odd, "current_password": PASSWORD}
            other.patch("/users/me", change).expect(422)
            admin.patch(f"/users/{other.id}", {"email": odd}).expect(422)
        for name in (odd, odd.partition("@")[0] + "\r\nBcc: evil@example.net"):
            client.at().post("/users", {**body, "email": new_email(), "username": name}).expect(422)
            other.patch("/users/me", {"username": name}).expect(422)
    # Line ends have no place in names either, which a mail may one day show.
    for odd in (odd for odd in SMUGGLED if any(c in odd for c in "\r\n\u2028\x0b\x85")):
        other.patch("/users/me", {"name": odd}).expect(422)
    client.at().post("/auth/password-reset", {"email": victim.email}).expect(202)
    assert "Choose a new password for Gatehouse" in mailbox.subjects("a@example.com")
    files = list((tmp_path / "mail").glob("*.eml"))
    assert len(files) >= 3
    for path in files:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert len(message.get_all("To", [])) == 1
        assert len(message["To"].addresses) == 1
        names = {name.lower() for name in message}
        assert not names & {"cc", "bcc", "resent-to", "reply-to"}
        assert b"evil@example.net" not in path.read_bytes()
