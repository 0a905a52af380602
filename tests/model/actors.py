"""The service as the machine meets it: emptied for each example, with time that stands still."""

from contextlib import ExitStack
from datetime import datetime
from typing import Any

from flask import Flask

from gatehouse import users
from gatehouse.infra import db
from gatehouse.infra.jobs import runner
from tests.model.people import HOME, Place
from tests.support import people
from tests.support.answers import Answer, InProcess
from tests.support.api import Api, Person
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox, tokens

KEPT = {"roles", "signing_keys"}
ROOT, AUDITOR = "root@example.com", "auditor@example.org"
WATCH = Place("192.0.2.77", "auditor/1.0")
# Of a phase that is always the same, so that an example does the same at any time of day.
PHASE_SECONDS = 600


class Service:
    """One application, which many examples use one after the other."""

    def __init__(self, app: Flask, mailbox: Mailbox, mail_folder: Any) -> None:
        self.app = app
        self._mailbox, self._mail_folder = mailbox, mail_folder
        self._transport = InProcess(app)
        self._stack = ExitStack()
        self.clock = Clock(self._stack)

    def begin(self) -> None:
        """Forget everybody, and let a super_admin and an auditor be there."""
        self._stack = ExitStack()
        self.clock = Clock(self._stack).stop()
        self.clock.forward(seconds=PHASE_SECONDS - self.now().timestamp() % PHASE_SECONDS)
        with self.app.app_context(), db.unit():
            for table in reversed(db.metadata.sorted_tables):
                if table.name not in KEPT:
                    db.session.execute(table.delete())
        people.make_super_admin(self.app, ROOT)
        auditor = {"email": AUDITOR, "password": people.ADMIN_PASSWORD, "roles": ["admin"]}
        with self.app.app_context():
            users.create(auditor, actor=None, origin=people.NOWHERE, is_permanent=True)
        self.mails()

    def end(self) -> None:
        """Give time back."""
        self._stack.close()

    def now(self) -> datetime:
        """Return what the service takes for the present."""
        return self.clock.now()

    def at(self, place: Place = HOME, token: str | None = None) -> Api:
        """Return a client at a place."""
        return Api(self._transport, place.address, place.agent, token)

    def mails(self) -> list[tuple[str, str]]:
        """Send what is due; return the links that came since, each with its recipient."""
        messages = self._mailbox.messages()
        found = [(str(message["To"]), token) for message in messages for token in tokens(message)]
        for path in self._mail_folder.glob("*.eml"):
            path.unlink()
        return found

    def keep_house(self) -> None:
        """Run all housekeeping."""
        with self.app.app_context():
            for _every, function in self.app.extensions[runner.REGISTRY].periodic.values():
                function()


class Auditor:
    """An administrator who only looks."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._person: Person | None = None
        self._until = service.now().timestamp()
        self._last_event = ""
        self.facts()

    def get(self, path: str) -> Answer:
        """Look at something, with a token that lives."""
        now = self._service.now().timestamp()
        if self._person is None or now >= self._until:
            self._person = self._service.at(WATCH).log_in(AUDITOR, people.ADMIN_PASSWORD)
            self._until = now + 800
        return self._person.get(path)

    def facts(self) -> list[dict[str, Any]]:
        """Return what the ledger gained since the last look, but for the auditor's own."""
        page = self.get("/audit-events?per_page=60").expect(200).json["events"]
        news = [event for event in page if event["id"] > self._last_event]
        assert len(news) < len(page) or not self._last_event or len(page) < 60, "too many"
        self._last_event = page[0]["id"]
        assert self._person is not None
        return [event for event in news if event["actor_id"] != self._person.id]

    @property
    def id(self) -> str:
        """The auditor's id."""
        assert self._person is not None
        return self._person.id
