"""`make run`: what the first start makes and shows, and how later ones and failures look."""

import re
import resource
from pathlib import Path

import pytest

from tests.support import started
from tests.support.started import ADMIN, serving

LONGEST_START_SECONDS = 3


def test_the_first_start_makes_an_administrator_and_shows_the_password_once(tmp_path: Path) -> None:
    """The line that is printed logs in; the second start shows no password and is quick."""
    with serving(tmp_path) as program:
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
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/none"}, ["The database does not answer: "]),
        (ADMIN | {"ADMIN_PASSWORD": "password1"}, ["ADMIN_PASSWORD: "]),
        ({"APP_ENV": "production"}, ["SECRET_KEY: ", "PUBLIC_URL: ", "TRUSTED_HOSTS: "]),
    ],
    ids=["settings", "database", "administrator", "production"],
)
def test_a_start_that_fails_says_why_in_lines(
    tmp_path: Path, variables: dict[str, str], named: list[str]
) -> None:
    """R36, R115: an exit code and what to change, never a trace."""
    program = started.start(tmp_path, **variables)

    assert program.exit_code() == 2
    assert all(name in program.printed for name in named), program.printed
    assert "Traceback" not in program.printed


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """Two services that share one port by accident would answer in turns."""
    with serving(tmp_path, **ADMIN) as first:
        second = started.start(tmp_path / "second", PORT=str(first.port))

        assert second.exit_code() == 2
        assert f"127.0.0.1:{first.port}: " in second.printed
