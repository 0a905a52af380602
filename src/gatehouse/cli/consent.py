"""Asking before something is done that no other command undoes."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from gatehouse.cli.failures import Failed

Function = TypeVar("Function", bound=Callable[..., Any])
YES_HELP = "Do not ask; needed where no terminal can answer."


def yes_option(function: Function) -> Function:
    """Give a command the option `--yes`."""
    return click.option("--yes", "is_sure", is_flag=True, help=YES_HELP)(function)


def ask(question: str, *, is_sure: bool) -> None:
    """Return if the answer is yes; where nobody can answer, `--yes` has to be given."""
    if is_sure:
        return
    if not _can_answer():
        raise click.UsageError(f"{question} There is no terminal to answer; add --yes.")
    if not click.confirm(question, err=True):
        raise Failed("nothing was changed")


def _can_answer() -> bool:
    return sys.stdin.isatty()
