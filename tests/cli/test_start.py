"""`make run`: what the first start makes and shows, and how later ones and failures look."""

import re
import time
from pathlib import Path

from tests import live


def test_the_first_start_makes_an_administrator_and_shows_the_password_once(tmp_path: Path) -> None:
    """The line that is printed logs in; the second start shows no password and is quick."""
    with live.serving(tmp_path) as server:
        printed = server.output.read_text()
        found = re.search(r"e-mail +(\S+)\s+password +(\S+)", printed)
        assert found is not None
        credentials = {"username": found[1], "password": found[2]}

        assert f'-d \'{{"username": "{found[1]}", "password": "{found[2]}"}}\'' in printed
        tokens = server.request("/api/v1/auth/login", data=credentials)
        assert tokens.status == 200
        me = server.request("/api/v1/users/me", token=tokens.json["access_token"]).json
        assert (me["roles"], me["is_verified"]) == (["super_admin"], True)

    assert (tmp_path / "instance" / "secret_key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "output").unlink()

    started = time.monotonic()
    with live.serving(tmp_path) as server:
        assert time.monotonic() - started < 3
        assert server.request("/api/v1/auth/login", data=credentials).status == 200
        assert found[2] not in server.output.read_text()


def test_the_administrator_may_be_given(tmp_path: Path) -> None:
    with live.serving(tmp_path, **live.ADMIN) as server:
        credentials = {
            "username": live.ADMIN["ADMIN_EMAIL"],
            "password": live.ADMIN["ADMIN_PASSWORD"],
        }
        assert server.request("/api/v1/auth/login", data=credentials).status == 200
        assert live.ADMIN["ADMIN_PASSWORD"] not in server.output.read_text()


def test_a_bad_start_is_a_line_and_an_exit_code(tmp_path: Path) -> None:
    """R115: every bad variable is named, and there is no trace."""
    server = live.start(tmp_path, PORT="70000", BCRYPT_ROUNDS="many")
    assert server.process.wait(timeout=20) == 2

    printed = server.output.read_text()
    assert "PORT: " in printed
    assert "BCRYPT_ROUNDS: " in printed
    assert "Traceback" not in printed


def test_a_common_password_of_the_administrator_is_refused(tmp_path: Path) -> None:
    server = live.start(tmp_path, ADMIN_EMAIL="admin@example.com", ADMIN_PASSWORD="password1")
    assert server.process.wait(timeout=20) == 2
    assert "ADMIN_PASSWORD: " in server.output.read_text()


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """Two services that share one port by accident would answer in turns."""
    with live.serving(tmp_path, **live.ADMIN) as first:
        home = tmp_path / "second"
        home.mkdir()
        second = live.start(home, PORT=str(first.port))
        assert second.process.wait(timeout=20) == 2
        assert f"127.0.0.1:{first.port}" in second.output.read_text()
