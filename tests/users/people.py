"""People in tests: they sign up and log in over HTTP, and what they caused is read back."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from gatehouse import one_time, users
from gatehouse.core.principal import Origin
from gatehouse.infra import db

PASSWORD = "correct horse battery"
HERE = Origin(address="127.0.0.1", user_agent="tests", request_id="tests")


@dataclass
class Person:
    """Somebody who has an account, and what they send with their requests."""

    id: str
    email: str
    password: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def uuid(self) -> UUID:
        """The id as the database knows it."""
        return UUID(self.id)


class People:
    """The people of one application."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._numbers = count(1)

    def request(self, method: str, path: str, who: Person | None = None, **kwargs: Any) -> Any:
        """Send a request to the API, as somebody or as a stranger; each from a client anew."""
        headers = {**(who.headers if who else {}), **kwargs.pop("headers", {})}
        client = self.app.test_client()
        return client.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    def sign_up(self, **members: Any) -> TestResponse:
        """Send a sign-up; without an e-mail it is somebody new."""
        body = {"email": f"person{next(self._numbers)}@example.com", "password": PASSWORD}
        return self.request("POST", "/users", json={**body, **members})

    def log_in(self, name: str, password: str = PASSWORD) -> TestResponse:
        """Send a log-in."""
        body = {"username": name, "password": password}
        return self.request("POST", "/auth/login", json=body)

    def enter(self, person: Person) -> Person:
        """Log a person in once more, as on another device."""
        answer = self.log_in(person.email, person.password)
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json['access_token']}"}
        return Person(person.id, person.email, person.password, headers)

    def new(self, *roles: str, **members: Any) -> Person:
        """Return somebody new who has logged in, with `roles` besides `user`."""
        answer = self.sign_up(**members)
        assert answer.status_code == 201, answer.text
        person = Person(answer.json["id"], answer.json["email"], members.get("password", PASSWORD))
        for role in roles:
            with self.app.app_context(), db.unit():
                users.grant(person.uuid, role, actor=None, origin=HERE)
        return self.enter(person)

    def is_in(self, person: Person) -> bool:
        """Tell whether the person's access token still opens a door."""
        return bool(self.request("GET", "/users/me", person).status_code == 200)

    def mails(self, template: str | None = None) -> list[dict[str, Any]]:
        """Return the queued mails, the latest last."""
        outbox = db.metadata.tables["outbox"]
        statement = select(outbox.c.payload).where(outbox.c.kind == "mail").order_by(outbox.c.id)
        with self.app.app_context():
            payloads = [row.payload for row in db.reader.rows(statement)]
        return [mail for mail in payloads if template in (None, mail["template"])]

    def token(self, template: str) -> str:
        """Return the one-time token of the latest mail made from `template`."""
        link = self.mails(template)[-1]["context"]["one_time"]
        with self.app.app_context():
            return one_time.token(UUID(link["id"]), link["purpose"])

    def events(self, *types: str) -> list[Any]:
        """Return the rows of the ledger of these types, the latest last."""
        events = db.metadata.tables["events"]
        statement = select(events).order_by(events.c.id)
        with self.app.app_context():
            return [row for row in db.reader.rows(statement) if not types or row.type in types]

    def confirm(self, token: str, **members: Any) -> TestResponse:
        """Send the token of a mail to where addresses are confirmed."""
        return self.request("POST", "/auth/verify-email", json={"token": token, **members})
