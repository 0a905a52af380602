"""How a command learns a password: by a prompt, from the standard input, or it makes one.

Never from the command line, which the history of the shell and every user of the machine can read.
"""

import secrets
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from gatehouse.cli.failures import Failed
from gatehouse.core.passwords import MAX_LENGTH

Function = TypeVar("Function", bound=Callable[..., Any])

_LONGEST_LINE = 4 * MAX_LENGTH + 2
_RANDOM_BYTES = 15


def options(function: Function) -> Function:
    """Give a command the options that say where its password comes from."""
    for option in reversed(
        (
            click.option(
                "--password-stdin",
                "from_stdin",
                is_flag=True,
                help="Read the password from the first line of the standard input.",
            ),
            click.option(
                "--generate", is_flag=True, help="Make a random password and show it once."
            ),
            click.option(
                "--permanent",
                "is_permanent",
                is_flag=True,
                help="The person need not change it at log-in (noted in the ledger).",
            ),
        )
    ):
        function = option(function)
    return function


def read(*, from_stdin: bool, generate: bool) -> str:
    """Return the password of a command."""
    if from_stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other")
    if generate:
        return made()
    if from_stdin:
        return _first_line()
    if not sys.stdin.isatty():
        raise click.UsageError(
            "there is no terminal to ask for a password; use --password-stdin or --generate"
        )
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer


def made() -> str:
    """Return a random password of 120 bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def show(password: str, *, is_permanent: bool) -> None:
    """Print a password that was made; it is written down nowhere else."""
    rest = "" if is_permanent else ", must be changed at log-in"
    click.echo(f"password: {password}  (shown once{rest})")


def _first_line() -> str:
    line = sys.stdin.buffer.readline(_LONGEST_LINE)
    try:
        password = line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Failed("the standard input is not UTF-8 text") from None
    if not password:
        raise Failed("the standard input holds no password")
    return password
