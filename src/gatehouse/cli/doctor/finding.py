"""What the doctor says: a state, what it is about, what was seen, and what to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps

from sqlalchemy.exc import SQLAlchemyError

from gatehouse.cli.failures import database_trouble

RESTORE = "stop the service and restore a backup; `sqlite3 FILE .recover` saves what is left"


class State(StrEnum):
    """How bad it is; only `wrong` changes the exit code."""

    FINE = "fine"
    ODD = "odd"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` is what to do about it."""

    state: State
    about: str
    said: str
    remedy: str | None = None

    def document(self) -> dict[str, str | None]:
        """Return the members of the JSON form."""
        return {
            "state": self.state.value,
            "about": self.about,
            "said": self.said,
            "remedy": self.remedy,
        }


Findings = Iterator[Finding]


def fine(about: str, said: str) -> Finding:
    """Nothing to do."""
    return Finding(State.FINE, about, said)


def odd(about: str, said: str, remedy: str) -> Finding:
    """It works, and may not be what was meant."""
    return Finding(State.ODD, about, said, remedy)


def wrong(about: str, said: str, remedy: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(State.WRONG, about, said, remedy)


def reading(about: str) -> Callable[[Callable[[], Findings]], Callable[[], Findings]]:
    """Let a look at the database that fails be a finding too."""

    def decorate(look: Callable[[], Findings]) -> Callable[[], Findings]:
        @wraps(look)
        def guarded() -> Findings:
            try:
                yield from look()
            except SQLAlchemyError as error:
                yield wrong(about, database_trouble(error), _remedy(error))

        return guarded

    return decorate


def _remedy(error: SQLAlchemyError) -> str:
    # SQLite says so for a damaged file, wherever the damage is met first.
    if "malformed" in str(error) or "not a database" in str(error):
        return RESTORE
    return "see the log of the database server"
