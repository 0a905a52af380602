"""`flask doctor`: says what is wrong and what to do, and ends with an honest exit code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from gatehouse.infra import db, keys
from tests.cli.commands import program, run
from tests.cli.test_jobs import give_up
from tests.conftest import MakeApp
from tests.servers.server import free_port
from tests.support import people
from tests.support.api import Api
from tests.support.clocks import Clock

PRODUCTION = {
    "APP_ENV": "production",
    "PUBLIC_URL": "https://accounts.example.org",
    "TRUSTED_HOSTS": "accounts.example.org",
    "TRUSTED_PROXIES": "10.0.0.7",
    "MAIL_FROM": "accounts@example.org",
    "BCRYPT_ROUNDS": "12",
}


def findings(app: Flask, *, state: str) -> dict[str, str]:
    """Return what is about what, of one state; each has a remedy."""
    found = run(app, "doctor", "--json").json
    assert all(bool(one["remedy"]) == (one["state"] != "fine") for one in found)
    chosen = [one for one in found if one["state"] == state]
    return {one["about"]: f"{one['said']} -> {one['remedy']}" for one in chosen}


def wrong(app: Flask) -> dict[str, str]:
    return findings(app, state="wrong")


def odd(app: Flask) -> dict[str, str]:
    return findings(app, state="odd")


def execute(app: Flask, statement: str) -> None:
    with app.app_context(), db.unit():
        db.session.execute(text(statement))


@pytest.fixture
def mail_server() -> Iterator[int]:
    """Return the port of a mail server that has nothing to say."""
    port = free_port()
    controller = Controller(object(), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


def test_a_healthy_house(make_app: MakeApp, mail_server: int, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail_server), "SMTP_TLS": "none"}
    app = make_app(**PRODUCTION, **smtp)
    people.make_super_admin(app)
    outcome = run(app, "doctor").expect(0, "0 odd, 0 wrong")
    assert "\x1b" not in outcome.out
    found = run(app, "doctor", "--json").expect().json
    about = {one["about"] for one in found}
    assert about >= {"settings", "files", "database", "keys", "roles", "people", "jobs", "redis"}
    assert all(one["remedy"] is None for one in found)


def test_a_new_house_says_what_to_do_next(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    outcome = program(tmp_path, url, "doctor")
    assert outcome.code == 1
    assert "-> flask db upgrade" in outcome.out
    program(tmp_path, url, "db", "upgrade").expect()
    outcome = program(tmp_path, url, "doctor")
    assert outcome.code == 1
    assert "-> flask keys generate" in outcome.out
    program(tmp_path, url, "keys", "generate").expect(0, "signs now")
    made = ("users", "create", "jane@example.com", "--role", "super_admin", "--generate")
    program(tmp_path, url, *made).expect()
    program(tmp_path, url, "doctor").expect(0, "0 wrong")


def test_a_database_that_is_away(tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    outcome = program(tmp_path, url, "doctor")
    assert outcome.code == 1
    assert outcome.err == ""
    assert "does not answer" in outcome.out
    assert outcome.out.count("wrong  ") == 1, "what follows from it is not told as well"


def test_nobody_in_charge(app: Flask, client: Api) -> None:
    assert "no account yet" in odd(app)["people"]
    client.sign_up()
    assert "flask users create" in wrong(app)["people"]


def test_changed_roles(app: Flask) -> None:
    execute(app, "UPDATE roles SET permissions = '[\"users:read\"]' WHERE name = 'user'")
    assert wrong(app)["roles"].startswith("built-in roles are missing or were changed: user ")


def test_keys_that_cannot_be_used(app: Flask, make_app: MakeApp) -> None:
    other = make_app(DATA_KEYS=Fernet.generate_key().decode())
    assert "DATA_KEYS" in wrong(other)["keys"]
    assert "flask keys generate" in wrong(make_app(ALGORITHM="RS256"))["keys"]
    assert "no other service" in odd(make_app(ALGORITHM="HS256"))["keys"]
    assert "keys" not in wrong(app)


def test_a_key_that_nobody_follows(app: Flask) -> None:
    """After a rotation whose new key went astray nothing will sign tomorrow."""
    run(app, "keys", "rotate").expect()
    assert "keys" not in wrong(app)
    with app.app_context():
        new = next(key.kid for key in keys.list_keys() if key.state == "coming")
    execute(app, f"DELETE FROM signing_keys WHERE kid = '{new}'")
    assert "flask keys rotate" in wrong(app)["keys"]


def test_work_that_is_stuck(app: Flask, client: Api, clock: Clock) -> None:
    client.sign_up()
    assert "jobs" not in odd(app)
    clock.forward(minutes=6)
    assert "nobody does them" in odd(app)["jobs"]
    give_up(app, 2)
    assert "flask jobs retry --all" in wrong(app)["jobs"]


def test_redis_that_is_away(make_app: MakeApp, database_url: str) -> None:
    """Several workers need it, one does not."""
    away = f"redis://127.0.0.1:{free_port()}/0"
    assert "REDIS_URL" in odd(make_app(REDIS_URL=away))["redis"]
    if database_url.startswith("postgresql"):
        assert "REDIS_URL" in wrong(make_app(REDIS_URL=away, WORKERS="2"))["redis"]
        assert "each counts limits" in odd(make_app(REDIS_URL="", WORKERS="2"))["redis"]


def test_mail_that_cannot_leave(make_app: MakeApp, mail_server: int) -> None:
    away = make_app(SMTP_HOST="127.0.0.1", SMTP_PORT=str(free_port()))
    assert "SMTP_HOST" in wrong(away)["mail"]
    plain = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail_server)}
    assert "SMTP_TLS" in wrong(make_app(**plain))["mail"], "it offers no STARTTLS"
    log_in = {"SMTP_USER": "gatehouse", "SMTP_PASSWORD": "secret words"}
    outcome = run(make_app(**plain, **log_in, SMTP_TLS="none"), "doctor")
    assert "secret words" not in outcome.out + outcome.err
    assert outcome.code == 1


def test_files_that_others_can_read(app: Flask, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    secret = tmp_path / "secret_key"
    secret.write_text("x" * 64)
    secret.chmod(0o600)
    assert "files" in findings(app, state="fine")
    secret.chmod(0o644)
    assert f"chmod 600 {secret}" in wrong(app)["files"]
    secret.chmod(0o600)
    tmp_path.chmod(0o777)
    assert f"chmod 700 {tmp_path}" in wrong(app)["files"]
    tmp_path.chmod(0o700)


def test_a_secret_file_of_a_variable(
    app: Flask, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("secrets")
    folder.chmod(0o755)
    path = folder / "key"
    path.write_text("x" * 64)
    path.chmod(0o644)
    monkeypatch.setenv("SECRET_KEY_FILE", str(path))
    assert "SECRET_KEY_FILE" in odd(app)["files"]
    path.chmod(0o600)
    assert "files" not in odd(app)


@pytest.mark.parametrize(
    ("variables", "state", "said"),
    [
        ({"TRUSTED_HOSTS": "other.example.org"}, "wrong", "TRUSTED_HOSTS does not cover"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "wrong", "covers every address"),
        (
            {"PUBLIC_URL": "https://127.0.0.1", "TRUSTED_PROXIES": ""},
            "odd",
            "TRUSTED_PROXIES is empty",
        ),
        ({"HOST": "0.0.0.0"}, "odd", "only this machine can follow"),
        ({"PUBLIC_URL": "http://accounts.example.org"}, "odd", "APP_ENV=production"),
        ({"BCRYPT_ROUNDS": "10"}, "odd", "quick to guess"),
    ],
)
def test_settings_that_do_not_fit(
    make_app: MakeApp, variables: dict[str, Any], state: str, said: str
) -> None:
    app = make_app(**{"BCRYPT_ROUNDS": "12", **variables})
    assert said in findings(app, state=state)["settings"]


def test_pools_that_do_not_fit(make_app: MakeApp, database_url: str) -> None:
    app = make_app(THREADS="1000")
    if database_url.startswith("sqlite"):
        assert "connections" not in odd(app)
    else:
        assert "THREADS=" in wrong(app)["connections"]
