"""`flask doctor` finds planted faults: each is made for real where a test can make it."""

import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from flask import Flask

from gatehouse.cli.doctor import mail
from gatehouse.cli.doctor.examination import bounded
from gatehouse.settings import settings
from tests.cli.commands import command, program, run, variables
from tests.cli.test_doctor import odd, wrong
from tests.conftest import MakeApp
from tests.servers.server import free_port


def test_the_worst_comes_first(make_app: MakeApp) -> None:
    app = make_app(JWT_KEYS_FILE="/nowhere/keys.pem", HOST="0.0.0.0")
    outcome = run(app, "doctor")
    lines = outcome.out.splitlines()
    states = [line.split()[0] for line in lines if not line.startswith((" ", "->"))][:-1]
    assert states == sorted(states, key=["wrong", "odd", "fine"].index)
    assert {"wrong", "odd", "fine"} == set(states)
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("fine", "odd", "wrong"))
    assert lines[-1] == counts
    assert (outcome.code, outcome.err) == (1, "")


def test_a_look_that_fails_or_hangs_stops_no_other(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatehouse.cli.doctor.examination.PATIENCE_SECONDS", 0.2)

    def hang() -> Iterator[Any]:
        time.sleep(5)
        yield

    def fail() -> Iterator[Any]:
        raise KeyError("what")
        yield

    with app.app_context():
        start = time.monotonic()
        (slow,), (broken,) = bounded("x", hang), bounded("y", fail)
    assert time.monotonic() - start < 2
    assert (slow.about, slow.state) == ("x", "wrong")
    assert "no answer within" in slow.said
    assert "KeyError" in broken.said


# --- the machine


def test_a_limit_of_open_files_below_the_threads(database_url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        command("doctor"),
        cwd=tmp_path,
        env=variables(tmp_path, database_url, THREADS="100"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120)),
    )
    assert done.returncode == 1
    assert "a process may open 120, and 100 threads need 314" in done.stdout
    assert "-> ulimit -n 314" in done.stdout


@pytest.mark.parametrize(("free", "state"), [(50, wrong), (500, odd)])
def test_a_disk_that_is_nearly_full(
    app: Flask, monkeypatch: pytest.MonkeyPatch, free: int, state: Any
) -> None:
    """The one fault that is only pretended: a test must not fill the disk."""
    usage = SimpleNamespace(total=50 * 2**30, free=free * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert "make room" in state(app)["disk"]


def test_an_instance_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """It stops every command, the doctor too, with a line that names the variable."""
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path}/x.db"
    outcome = program(tmp_path, url, "doctor", INSTANCE_DIR=str(tmp_path / "file"))
    outcome.expect(1, "INSTANCE_DIR: ")


def test_a_key_file_that_cannot_be_read(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "keys.pem").mkdir()
    told = wrong(make_app(JWT_KEYS_FILE=str(tmp_path / "keys.pem")))["keys"]
    assert "see JWT_KEYS_FILE" in told


# --- mail


def test_a_mail_server_that_refuses_the_log_in(make_app: MakeApp) -> None:
    def refuse(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    port = free_port()
    server = Controller(
        object(),
        hostname="127.0.0.1",
        port=port,
        authenticator=refuse,
        auth_require_tls=False,
    )
    server.start()
    try:
        host = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_TLS": "none"}
        app = make_app(**host, SMTP_USER="gatehouse", SMTP_PASSWORD="wrong words")
        assert "refuses the log-in (535)" in wrong(app)["mail"]
    finally:
        server.stop()


def test_a_mail_server_that_says_nothing(make_app: MakeApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        app = make_app(SMTP_HOST="127.0.0.1", SMTP_PORT=port)
        start = time.monotonic()
        with app.app_context():
            assert settings.smtp_timeout_seconds == 10
            (found,) = bounded("mail", mail.findings)
        assert time.monotonic() - start < 4
        assert "SMTP_HOST" in str(found.remedy)


# --- production


def test_what_production_would_ask_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    told = program(tmp_path, url, "doctor").out
    assert "APP_ENV=production would still ask for PUBLIC_URL, TRUSTED_HOSTS, MAIL_FROM" in told
    assert "SECRET_KEY" not in told, "it has one"
