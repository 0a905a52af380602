"""`make run`: what the first start makes and shows, and how later ones and failures look."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import server
from tests.support import started
from tests.support.started import ADMIN, serving

LONGEST_START_SECONDS = 6


def test_the_first_start_makes_an_administrator_and_shows_the_password_once(tmp_path: Path) -> None:
    """The line that is printed logs in; the second start shows no password and is quick."""
    with serving(tmp_path) as program:
        assert f"serving address=127.0.0.1:{program.port} " in program.printed
        assert "Listening at" not in program.printed
        assert "logger=" not in program.printed
        found = re.search(r"e-mail +(\S+)\s+password +(\S+)", program.printed)
        assert found is not None
        email, password = found.groups()
        assert f'-d \'{{"username": "{email}", "password": "{password}"}}\'' in program.printed

        admin = program.client.log_in(email, password).me()
        assert (admin["roles"], admin["is_verified"]) == (["super_admin"], True)

    for name in ("secret_key", "data_keys"):
        assert (tmp_path / "instance" / name).stat().st_mode & 0o777 == 0o600
    program.output.unlink()

    before = work_of_children()
    with serving(tmp_path) as program:
        program.client.log_in(email, password)
        assert password not in program.printed
        assert list((tmp_path / "instance").glob("mail/*")) == [], "nobody has to verify it"
    assert work_of_children() - before < LONGEST_START_SECONDS


def work_of_children() -> float:
    """Return the processor seconds of what has ended; the clock would count other tests too."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_the_first_administrator_may_be_given(tmp_path: Path) -> None:
    with serving(tmp_path, **ADMIN) as program:
        program.client.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])
        assert ADMIN["ADMIN_PASSWORD"] not in program.printed


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"THREADS": "0", "BCRYPT_ROUNDS": "many"}, ["THREADS: ", "BCRYPT_ROUNDS: "]),
        ({"LIMITS": "foo=1/minute"}, ["LIMITS: there is no limit foo; "]),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/none"}, ["The database does not answer: "]),
        (ADMIN | {"ADMIN_PASSWORD": "password1"}, ["ADMIN_PASSWORD: "]),
        ({"APP_ENV": "production"}, ["SECRET_KEY: ", "PUBLIC_URL: ", "TRUSTED_HOSTS: "]),
    ],
    ids=["settings", "limits", "database", "administrator", "production"],
)
def test_a_start_that_fails_says_why_in_lines(
    tmp_path: Path, variables: dict[str, str], named: list[str]
) -> None:
    """R36, R115: an exit code and what to change, never a trace."""
    program = started.start(tmp_path, **variables)

    assert program.exit_code() == 2
    assert all(name in program.printed for name in named), program.printed
    assert "Traceback" not in program.printed


def test_an_administrator_who_comes_too_late_is_told_so(tmp_path: Path) -> None:
    """The line to log in with never names an account that is not there."""
    with serving(tmp_path):
        pass
    (tmp_path / "output").unlink()

    late = {"ADMIN_EMAIL": "ada@example.com", "ADMIN_PASSWORD": "seven green lanterns"}
    with serving(tmp_path, **late) as program:
        said = program.printed
        assert "ADMIN_EMAIL=ada@example.com is not used" in said
        assert "an administrator (admin@example.com)" in said
        assert "flask users create ada@example.com --role super_admin" in said
        assert f"rm -r {tmp_path / 'instance'}" in said
        assert '-d \'{"username": "admin@example.com", ' in said


def test_a_redis_that_is_away_is_told_in_a_line(tmp_path: Path) -> None:
    away = f"redis://127.0.0.1:{server.free_port()}/0"
    with serving(tmp_path, REDIS_URL=away, **ADMIN) as program:
        assert "REDIS_URL: Redis does not answer." in program.printed


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["gunicorn"], {}),
        (
            ["celery", "-A", "gatehouse.worker", "worker"],
            {
                "JOBS": "celery",
                "DATABASE_URL": "postgresql://nowhere/none",
                "REDIS_URL": "redis://nowhere",
            },
        ),
    ],
    ids=["gunicorn", "celery"],
)
def test_without_make_a_wrong_setting_is_a_line_too(
    tmp_path: Path, words: list[str], more: dict[str, str]
) -> None:
    started.link(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "src", "LIMITS": "foo=1/minute", **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "LIMITS: there is no limit foo; " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """Two services that share one port by accident would answer in turns."""
    with serving(tmp_path, **ADMIN) as first:
        second = started.start(tmp_path / "second", PORT=str(first.port))

        assert second.exit_code() == 2
        assert f"127.0.0.1:{first.port}: " in second.printed
