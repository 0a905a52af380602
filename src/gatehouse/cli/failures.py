"""How a command fails: one line on the standard error, an honest exit code, no stack trace."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from gatehouse.cli.output import tolerate_old_terminals
from gatehouse.core.errors import Refusal
from gatehouse.infra.logs import logger
from gatehouse.infra.secrets import Undecryptable
from gatehouse.settings import SettingsError

# PostgreSQL: no such table, no such column; cancelled by a time-out, lock not available.
_OLD_SCHEMA = frozenset({"42P01", "42703"})
_TOO_LONG = frozenset({"57014", "55P03"})


class Failed(click.ClickException):
    """The command did not do what it was told; the message says why, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class Interrupted(Failed):
    """Somebody pressed Ctrl-C: 128 + SIGINT, as every shell has it."""

    exit_code = 130


@contextmanager
def told() -> Iterator[None]:
    """Turn whatever goes wrong inside into a `Failed`."""
    tolerate_old_terminals()
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
        raise
    except (click.Abort, KeyboardInterrupt):
        raise Interrupted("interrupted") from None
    except SettingsError as error:
        raise Failed("; ".join(error.problems)) from error
    except Refusal as refusal:
        raise Failed(refused(refusal)) from refusal
    except SQLAlchemyError as error:
        raise Failed(database_trouble(error)) from error
    except (Undecryptable, OSError) as error:
        raise Failed(str(error)) from error
    except Exception as error:  # a mistake of ours: the operator gets a line, DEBUG the trace
        logger.debug("command_failed", exc_info=error)
        said = str(error).partition("\n")[0]
        raise Failed(
            f"unexpected {type(error).__name__}: {said} (LOG_LEVEL=DEBUG shows where)"
        ) from error


class Command(click.Command):
    """A command whose help ends with examples, and whose failures are told in a line."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        with told():
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand: they are there to be copied."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Group(AppGroup):
    """Commands that run in the application's context and whose failures are told in a line."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named."""
        with told():
            return super().invoke(ctx)


def refused(refusal: Refusal) -> str:
    """Return what a refusal says, with its messages by field."""
    if refusal.errors:
        return "; ".join(f"{name}: {' '.join(said)}" for name, said in refusal.errors.items())
    return f"{refusal.title}. {refusal.detail}" if refusal.detail else refusal.title


def database_trouble(error: SQLAlchemyError) -> str:
    """Return what is the matter with the database, and what to do."""
    if isinstance(error, NoConnectionFree):
        return "no connection of the pool was free; try again"
    cause = getattr(error, "orig", None)
    reason = str(cause or error).strip().partition("\n")[0]
    state = getattr(cause, "sqlstate", None)
    if state in _OLD_SCHEMA or "no such table" in reason or "no such column" in reason:
        return f"the database is not at this version, run `flask db upgrade` ({reason})"
    if state in _TOO_LONG or "database is locked" in reason:
        return f"the database was busy for too long, try again ({reason})"
    if isinstance(error, OperationalError | InterfaceError):
        return f"the database does not answer, see DATABASE_URL ({reason})"
    return f"the database refused: {reason}"
