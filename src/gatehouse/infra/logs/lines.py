"""How an event becomes one physical line that holds no secret."""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

REDACTED = "[redacted]"
LONGEST_VALUE = 4_000
LONGEST_TRACE = 16_000

# Names of members whose value is never shown, whatever it is.
_SECRET_NAME = re.compile(
    r"(?:passwor[dt]|passwd|passphrase|secret|token|authorization|cookie|credentials?|otp|ticket"
    r"|hash|api_?key|private_?key|secret_?key|data_?keys?|private)s?(?:_value|_previous)?$"
)

# Secrets by their look, wherever they stand: in a sentence, a trace, the text of a driver. Each
# pattern is tried only where its mark occurs at all, which is rare and cheap to see.
_SECRET_VALUES = tuple(
    (mark, re.compile(pattern))
    for mark, pattern in (
        ("eyJ", r"()eyJ[\w-]{6,}\.[\w.-]+"),  # JSON web tokens
        (".", r"(\.)(?<=[0-9a-f]{12}\.)[\w-]{20,}"),  # the proof in a one-time token
        ("gh_", r"()\bgh_\w{8,}"),  # API keys
        ("$", r"(\$(?:2[abxy]|bcrypt|argon2|pbkdf2|scrypt)[\w-]*\$)[\w$./=,+-]+"),  # hashes
        ("earer ", r"([Bb]earer )[\w.~+/=-]{6,}"),
        ("asic ", r"([Bb]asic )[\w+/=-]{6,}"),
        ("token=", r"(token=)[^&\s\"'\\]+"),
        ("password=", r"(password=)[^&\s\"'\\]+"),
        ("ticket", r"(ticket[=.])[^&\s\"'\\]+"),
        # What a statement was run with, as SQLAlchemy tells it behind the statement.
        ("[parameters: ", r"(\[parameters: ).*?(?=\(Background on this error|$)"),
        ("://", r"(://)[^/\s:@\"]*:[^@/\s\"]+(?=@)"),  # the credentials of a URL
    )
)

# The one library that always speaks; who it is helps nobody who reads.
_SERVER = ("gunicorn.error",)

_PLAIN = re.compile(r"[\w.:/@+<>-]+")
_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "31;1"}


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Tell whether a member of this name is kept out of every line."""
    return _SECRET_NAME.search(name.lower().replace("-", "_")) is not None


def cleaned(value: Any) -> Any:
    """Return `value` as plain data, without secret members and without endless text."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "…"
    if value is None or isinstance(value, bool | int | float | UUID):
        return value
    if isinstance(value, Mapping):
        return {
            str(k): REDACTED if is_secret_name(str(k)) else cleaned(v) for k, v in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [cleaned(item) for item in value]
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return cleaned(str(value))


def one_line(text: str) -> str:
    """Return `text` with everything escaped that ends a line, moves a cursor or is not drawn."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def finished(text: str) -> str:
    """Return the line with what looks like a secret taken out."""
    line = one_line(text)
    for mark, pattern in _SECRET_VALUES:
        if mark in line:
            line = pattern.sub(rf"\1{REDACTED}", line)
    return line


def as_json(event: Mapping[str, Any]) -> str:
    """Return the event as a line of JSON."""
    try:
        text = orjson.dumps(event, option=orjson.OPT_UTC_Z).decode()
    except TypeError:
        # A lone surrogate or an integer beyond 64 bits, which only the slow encoder writes.
        text = json.dumps(event, default=str)
    return finished(text)


def as_text(event: dict[str, Any]) -> str:
    """Return the event as a line for people: time, level, name, then the members."""
    head = f"{event.pop('timestamp')} {event.pop('level'):<8} {event.pop('event')}"
    trace = event.pop("exception", None)
    if event.get("logger") in _SERVER:
        del event["logger"]
    members = "".join(f" {name}={_shown(value)}" for name, value in event.items())
    if trace is not None:
        members += " | " + " | ".join(line.strip() for line in trace.splitlines() if line.strip())
    return finished(head + members)


def as_coloured_text(event: dict[str, Any]) -> str:
    """Return the line for people with its level in colour."""
    level = event["level"]
    line = as_text(event)
    return line.replace(level, f"\x1b[{_COLOURS.get(level, '0')}m{level}\x1b[0m", 1)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else _compact(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _compact(value: Any) -> str:
    return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)


Renderer = Callable[[dict[str, Any]], str]
