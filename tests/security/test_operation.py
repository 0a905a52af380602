"""What the operator sees and decides: ledger, logs, request ids, start, probes (R112 to R116)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gatehouse.settings import Settings, SettingsError
from tests.security.test_keys import PRODUCTION
from tests.servers.server import ROOT
from tests.support.api import PASSWORD, Api, Person, new_address, new_email, new_username
from tests.support.clocks import Clock
from tests.support.databases import Database
from tests.support.live import Live, start
from tests.support.mailbox import Mailbox
from tests.support.people import ADMIN_PASSWORD

WRONG = "a wrong Password of tests"
NEW = "another Password of tests"


def ledger(admin: Person) -> list[dict[str, Any]]:
    """Return every event, the oldest first."""
    return list(reversed(admin.get("/audit-events?per_page=100").expect(200).json["events"]))


class Watch:
    """Says which events an act has added."""

    def __init__(self, admin: Person) -> None:
        self._admin = admin
        self._known = {event["id"] for event in ledger(admin)}

    def news(self) -> list[dict[str, Any]]:
        """Return the events since the last call."""
        found = [event for event in ledger(self._admin) if event["id"] not in self._known]
        self._known |= {event["id"] for event in found}
        return found


def test_r112_every_act_is_one_event(client: Api, admin: Person, mailbox: Mailbox) -> None:
    watch = Watch(admin)

    def happened(kind: str, actor: str | None, subject: str | None) -> dict[str, Any]:
        (event,) = watch.news()
        assert event["type"] == kind, event
        assert event["actor_id"] == actor, event
        assert event["subject_id"] == subject, event
        assert event["occurred_at"].endswith("Z")
        assert event["occurrences"] == 1
        return event

    email, username = new_email(), new_username()
    stranger = client.at("203.0.113.50").using("a browser")
    body = {"email": email, "password": PASSWORD, "username": username}
    person_id = stranger.post("/users", body).expect(201).json["id"]
    event = happened("user.registered", person_id, person_id)
    assert (event["address"], event["user_agent"]) == ("203.0.113.50", "a browser")
    person = stranger.log_in(email)
    session = happened("session.started", person_id, person_id)["target"]
    assert stranger.try_log_in(email, WRONG).status == 401
    happened("login.failed", None, person_id)
    assert stranger.try_log_in(new_email(), WRONG).status == 401
    happened("login.failed", None, None)
    person.patch("/users/me", {"name": "A Name"}).expect(200)
    event = happened("user.changed", person_id, person_id)
    assert event["details"] == {"members": ["name"]}
    person.get("/users").expect(403)
    happened("access.denied", person_id, None)
    person.post("/auth/reauthenticate", {"password": PASSWORD}).expect(200)
    happened("login.confirmed", person_id, person_id)
    person.post("/auth/reauthenticate", {"password": WRONG}).expect(403)
    event = happened("access.denied", person_id, None)
    assert event["details"] == {"code": "wrong_password"}
    change = {"current_password": WRONG, "new_password": NEW}
    person.post("/users/me/password", change).expect(403)
    event = happened("access.denied", person_id, None)
    assert event["target"] == "POST /api/v1/users/me/password"
    change = {"current_password": PASSWORD, "new_password": NEW}
    person.post("/users/me/password", change).expect(204)
    happened("password.changed", person_id, person_id)
    admin.grant(person_id, "user", "admin").expect(200)
    event = happened("roles.changed", admin.id, person_id)
    assert event["details"] == {"granted": ["admin"], "taken": []}
    admin.patch(f"/users/{person_id}", {"is_active": False}).expect(200)
    happened("user.deactivated", admin.id, person_id)
    admin.patch(f"/users/{person_id}", {"is_active": True}).expect(200)
    happened("user.activated", admin.id, person_id)
    person = stranger.log_in(email, NEW)
    second = happened("session.started", person_id, person_id)["target"]
    assert second != session
    person.post("/auth/logout").expect(204)
    assert happened("session.ended", person_id, person_id)["target"] == second
    stranger.post("/auth/password-reset", {"email": email}).expect(202)
    token = mailbox.token(email)
    happened("password.reset_requested", None, person_id)
    confirm = {"token": token, "new_password": PASSWORD}
    stranger.post("/auth/password-reset/confirm", confirm).expect(204)
    kinds = Counter(event["type"] for event in watch.news())
    assert kinds["password.changed"] == 1
    admin.post(f"/users/{person_id}/unlock").expect(204)
    happened("user.unlocked", admin.id, person_id)
    admin.delete(f"/users/{person_id}").expect(204)
    happened("user.deleted", admin.id, person_id)
    admin.post(f"/users/{person_id}/restore").expect(200)
    happened("user.restored", admin.id, person_id)
    role = admin.post("/roles", {"name": "readers", "permissions": ["users:read"]}).expect(201)
    happened("role.created", admin.id, None)
    admin.delete(f"/roles/{role.json['id']}").expect(204)
    happened("role.deleted", admin.id, None)


def test_r112_throttled_guesses_are_counted_not_listed(
    client: Api, admin: Person, clock: Clock
) -> None:
    clock.stop()
    person = client.sign_up()
    watch, stranger = Watch(admin), client.at()
    for _ in range(10):
        stranger.try_log_in(person.email, WRONG).expect(401)
    for _ in range(5):
        stranger.try_log_in(person.email, WRONG).expect(429)
    found = Counter({event["type"]: 0 for event in watch.news()})
    events = [event for event in ledger(admin) if event["type"] == "login.throttled"]
    assert found.keys() == {"login.failed", "login.throttled"}
    assert [event["occurrences"] for event in events] == [5]


def test_r112_no_log_and_no_event_holds_a_secret(live: Live) -> None:
    client, admin, since = live.client, live.admin(), live.log.stat().st_size
    person = client.sign_up(password="Zq1-first-secret-of-tests")
    newer = person.refreshed()
    sent = [person.password, ADMIN_PASSWORD, "Zq2-wrong-secret", "Zq3-new-secret-of-tests"]
    client.try_log_in(person.email, sent[2]).expect(401)
    client.try_grant(person.email, sent[2]).expect(400)
    client.request("GET", f"/api/v1/users/me?access_token={person.token}")
    client.request("POST", f"/api/v1/auth/login?password={sent[0]}", json={"password": sent[0]})
    client.bearing(sent[0]).get("/users/me").expect(401)
    client.get("/users/me", headers={"Authorization": f"Basic {sent[0]}"})
    client.get("/users/me", headers={"Cookie": f"token={person.token}", "X-Api-Key": sent[0]})
    client.request("GET", f"/api/v1/{person.token}").expect(404)
    change = {"current_password": sent[0], "new_password": sent[3]}
    newer.post("/users/me/password", change).expect(204)
    client.post("/auth/password-reset", {"email": person.email}).expect(202)
    one_time = live.mailbox().nth_token(person.email, 2)
    client.post("/auth/password-reset/confirm", {"token": one_time, "new_password": "short"})
    tokens = [person.token, person.refresh_token, newer.token, newer.refresh_token, one_time]
    secrets = [*sent, *[str(token).rpartition(".")[2] for token in tokens], "$2b$"]

    logged = live.logged(since)
    assert logged.count("request_finished") >= 12
    told = admin.get(f"/audit-events?per_page=100&subject_id={person.id}").expect(200)
    assert len(told.json["events"]) >= 5
    for secret in secrets:
        assert secret not in logged
        assert secret not in told.content.decode()
    for line in logged.splitlines():
        assert json.loads(line)["timestamp"].endswith("Z")


def test_r112_the_log_of_a_real_server_holds_no_secret(live: Live) -> None:
    """Whatever the tests before this one sent is searched as well."""
    person = live.client.sign_up()
    person.refreshed()
    live.client.try_log_in(person.email, WRONG)
    person.request("GET", f"/api/v1/users/me?access_token={person.token}")
    log = live.log.read_text()
    assert "request_finished" in log
    for secret in (PASSWORD, WRONG, ADMIN_PASSWORD, "eyJ", "$2b$", str(person.token)[-40:]):
        assert secret not in log


HOSTILE = [
    "",
    "short",
    "x" * 65,
    "x" * 4_000,
    "with a blank",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "${jndi:ldap://evil.example/a}",
    "a\tb-12345678",
    "caf\xe9-12345678",
    '"},{"level":"error',
    "\x1b[31mred-12345678",
    "12345678;drop",
    "%0d%0aSet-Cookie:a=b",
]


def test_r113_hostile_request_ids(live: Live) -> None:
    client = live.client
    for hostile in HOSTILE:
        since = live.log.stat().st_size
        answer = client.get("/users/me", headers={"X-Request-ID": hostile})
        # What no header may hold, gunicorn refuses before the application sees it.
        assert answer.status in (400, 401), str(answer)
        own = answer.headers["X-Request-ID"]
        assert str(UUID(own)) == own
        assert answer.json["instance"].endswith(own)
        lines = [json.loads(line) for line in live.logged(since).splitlines()]
        if answer.status == 401:
            assert [one["request_id"] for one in lines if "route" in one] == [own]
        assert len(answer.headers.getlist("X-Request-ID")) == 1
        if hostile:
            assert hostile not in str(answer.headers)
        assert not hostile or hostile not in json.dumps(lines)
    kept = client.request("GET", "/health", headers={"X-Request-ID": "from-a-proxy.12345678"})
    assert kept.headers["X-Request-ID"] == "from-a-proxy.12345678"


def test_r113_every_answer_has_an_id(client: Api, admin: Person) -> None:
    seen = set()
    for answer in (
        client.request("GET", "/health"),
        client.request("GET", "/nowhere"),
        client.request("DELETE", "/health"),
        client.get("/users/me"),
        client.request("POST", "/api/v1/users", body=b"{", headers={"Content-Type": "text/x"}),
        admin.get("/users"),
    ):
        seen.add(answer.headers["X-Request-ID"])
        if answer.status >= 400:
            assert answer.json["instance"].endswith(answer.headers["X-Request-ID"])
    assert len(seen) == 6


def test_r114_the_owner_hears_of_changes(
    client: Api, admin: Person, mailbox: Mailbox, clock: Clock
) -> None:
    person = client.sign_up()
    known = len(mailbox.to(person.email))

    def heard() -> int:
        nonlocal known
        before, known = known, len(mailbox.to(person.email))
        return known - before

    change = {"current_password": PASSWORD, "new_password": NEW}
    person.post("/users/me/password", change).expect(204)
    assert heard() == 1
    admin.grant(person.id, "user", "admin").expect(200)
    assert heard() == 1
    person.patch("/users/me", {"email": new_email(), "current_password": NEW}).expect(200)
    assert heard() == 1
    for _ in range(10):
        client.at().try_log_in(person.email, WRONG)
    clock.forward(seconds=2)
    client.at(new_address()).log_in(person.email, NEW)
    assert heard() == 1
    client.at(person.address).log_in(person.email, NEW)
    assert heard() == 0


REFUSED = {
    "DEBUG": {"DEBUG": "1"},
    "FLASK_DEBUG": {"FLASK_DEBUG": "true"},
    "SECRET_KEY": {"SECRET_KEY": "change-me-in-production-please-now"},
    "DATA_KEYS": {"DATA_KEYS": ""},
    "CORS_ORIGINS": {"CORS_ORIGINS": "*", "CORS_CREDENTIALS": "true"},
    "TRUSTED_HOSTS": {"TRUSTED_HOSTS": ""},
    "PUBLIC_URL": {"PUBLIC_URL": ""},
    "MAIL_FROM": {"MAIL_FROM": ""},
    "BCRYPT_ROUNDS": {"BCRYPT_ROUNDS": "11"},
    "REDIS_URL": {"REDIS_URL": "", "WORKERS": "2"},
    "WORKERS": {"DATABASE_URL": "sqlite:///gatehouse.db", "WORKERS": "2"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_r115_production_refuses_each_in_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.load({**PRODUCTION, "INSTANCE_DIR": str(tmp_path), **REFUSED[name]})
    (line,) = [line for line in refusal.value.problems if line.startswith(f"{name}:")]
    assert "\n" not in line
    assert len(line) <= 160


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["gunicorn", "-c", str(ROOT / "gunicorn.conf.py")], "SECRET_KEY"),
        (["gunicorn", "-c", str(ROOT / "gunicorn.conf.py")], "CORS_ORIGINS"),
        (["gatehouse.cli.start"], "DEBUG"),
        (["gatehouse.cli.start"], "TRUSTED_HOSTS"),
    ],
)
def test_r115_the_process_does_not_start(command: list[str], name: str, tmp_path: Path) -> None:
    environ = {**PRODUCTION, "INSTANCE_DIR": str(tmp_path), **REFUSED[name]}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    said = (done.stdout + done.stderr).strip()
    assert "Traceback" not in said
    assert sum(line.startswith(f"{name}:") for line in said.splitlines()) == 1, said


def test_r116_probes_tell_nothing_else(client: Api, admin: Person) -> None:
    for api in (client, admin):
        for path, body in (("/health", {"status": "healthy"}), ("/ready", {"status": "ready"})):
            answer = api.request("GET", path).expect(200)
            assert answer.json == body
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Server" not in answer.headers
            assert api.request("HEAD", path).content == b""
            api.request("POST", path).expect(405)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_r116_readiness_falls_before_the_service_stops(
    database: Database,
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(database.copy(tmp_path))
        live = start(tmp_path, url, stack, SHUTDOWN_DELAY_SECONDS="2", THREADS="8")
        person = live.client.sign_up()
        live.process.send_signal(signal.SIGTERM)
        limit = time.monotonic() + 2
        while live.client.request("GET", "/ready").status == 200:
            assert time.monotonic() < limit
        live.client.request("GET", "/ready").expect(503, "not_ready")
        assert live.client.request("GET", "/health").status == 200
        assert person.is_in()
        live.transport.close()
        assert live.process.wait(timeout=15) == 0
