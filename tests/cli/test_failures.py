"""How commands end, as a script sees it: exit codes, one line on the standard error, no trace."""

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import click
import pytest
from flask import Flask

from gatehouse.cli import COMMANDS
from gatehouse.cli.failures import Command
from tests.cli.commands import command, program, run, variables
from tests.servers.server import free_port


def test_success_and_refusal(database_url: str, tmp_path: Path) -> None:
    program(tmp_path, database_url, "users", "list").expect(0, "email")
    program(tmp_path, database_url, "users", "show", "nobody").expect(1, "Error: ")
    program(tmp_path, database_url, "users", "shwo").expect(2, "No such command")
    program(tmp_path, database_url, "users", "create", "x@example.com").expect(2, "no terminal")


def test_bad_settings_are_a_line_each(database_url: str, tmp_path: Path) -> None:
    outcome = program(tmp_path, database_url, "users", "list", PORT="x", BCRYPT_ROUNDS="many")
    assert outcome.code == 1
    assert [line.partition(":")[0] for line in outcome.err.splitlines()] == [
        "PORT",
        "BCRYPT_ROUNDS",
    ]


@pytest.mark.parametrize("words", [("users", "list"), ("seed",), ("keys", "list"), ("jobs", "run")])
def test_a_database_that_is_away(tmp_path: Path, words: tuple[str, ...]) -> None:
    url = f"postgresql://nobody:secret-words@127.0.0.1:{free_port()}/none"
    outcome = program(tmp_path, url, *words).expect(1, "DATABASE_URL")
    assert "secret-words" not in outcome.err


def test_a_database_without_tables(tmp_path: Path) -> None:
    outcome = program(tmp_path, f"sqlite:///{tmp_path}/empty.db", "users", "list")
    outcome.expect(1, "flask db upgrade")


def test_an_interrupted_command(database_url: str, tmp_path: Path) -> None:
    """What was committed stays and is told; the batch at hand is undone."""
    process = subprocess.Popen(
        command("seed", "--users", "100000000"),
        cwd=tmp_path,
        env=variables(tmp_path, database_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it runs in the background ignore it, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not program(tmp_path, database_url, "users", "list").out.count("\n") > 1:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; " in err
    assert "Traceback" not in out + err


def test_a_password_is_asked_for_without_echo(database_url: str, tmp_path: Path) -> None:
    """Twice, at the terminal; what is typed does not appear there."""
    typed = "a Password that nobody sees"
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        command("users", "create", "jane@example.com"),
        cwd=tmp_path,
        env=variables(tmp_path, database_url),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    for prompt in (b"Password: ", b"Repeat for confirmation: "):
        while prompt not in shown:
            shown += os.read(main, 1000)
        # The prompt appears just before echoing is switched off.
        time.sleep(0.2)
        os.write(main, typed.encode() + b"\n")
    while b"created " not in shown:
        shown += os.read(main, 1000)
    assert process.wait(20) == 0
    os.close(main)
    assert typed.encode() not in shown


def test_a_mistake_of_ours_is_a_line(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("what\never")

    monkeypatch.setattr("gatehouse.roles.everything", broken)
    run(app, "roles", "list").expect(1, "unexpected KeyError")


def leaves(group: click.Group) -> list[click.Command]:
    found: list[click.Command] = []
    for one in group.commands.values():
        found += leaves(one) if isinstance(one, click.Group) else [one]
    return found


def test_every_command_explains_itself() -> None:
    """By a sentence, an example that fits a line, and JSON for whatever it shows or makes."""
    everything = leaves(click.Group(commands=list(COMMANDS)))
    assert len(everything) > 20
    for one in everything:
        assert isinstance(one, Command), one.name
        assert one.help, one.name
        assert one.examples, one.name
        assert all(example.startswith(("flask ", "pwgen ")) for example in one.examples)
        assert max(map(len, one.examples)) <= 78, one.name
        options = [param for param in one.params if isinstance(param, click.Option)]
        assert all(option.help for option in options), one.name
        if one.name in {"list", "show", "doctor", "create", "generate", "rotate", "seed"}:
            assert any("--json" in option.opts for option in options), one.name


@pytest.mark.parametrize("name", [None, *(one.name for one in COMMANDS)])
def test_help_fits_a_narrow_terminal(app: Flask, name: str | None) -> None:
    """No sentence in a list of commands is cut off, and no line is wrapped by the terminal."""
    lines = run(app, *([name] if name else []), "--help").expect().out.splitlines()
    own = [[one.name] for one in COMMANDS]
    assert all(len(line) <= 80 for line in lines)
    told = [line for line in lines[1:] if name or line.split()[:1] in own]
    assert not [line for line in told if line.endswith("...")]
