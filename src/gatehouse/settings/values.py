"""How the text of one variable becomes a value; a ValueError is a line for the operator."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urlsplit

Parser = Callable[[str], Any]
Network = IPv4Network | IPv6Network

_LIMIT = re.compile(
    r"[1-9]\d{0,8}\s*(?:/|per)\s*(?:[1-9]\d{0,4}\s*)?(?:second|minute|hour|day)s?", re.ASCII
)
_HOST = re.compile(r"\.?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\]")
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """The settings cannot be used; `problems` holds one line for each bad variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be shown: only `.value` gives it away."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "Secret()"


def text(raw: str) -> str:
    """One line of printable text."""
    if not raw.isprintable():
        raise ValueError("must be one line of printable characters")
    return raw


def secret(raw: str) -> Secret:
    """A secret, kept exactly."""
    return Secret(raw)


def integer(low: int, high: int) -> Parser:
    """A whole number within bounds."""

    def parse(raw: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,12}", raw, re.ASCII) or not low <= int(raw) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(raw)

    return parse


@dataclass(frozen=True, slots=True)
class Choice:
    """A parser of one word of a few, in any case."""

    names: tuple[str, ...]

    def __call__(self, raw: str) -> str:
        for name in self.names:
            if name.casefold() == raw.casefold():
                return name
        raise ValueError(f"must be one of: {', '.join(self.names)}")

    @property
    def told(self) -> str:
        """What the table of settings says."""
        return f"{', '.join(self.names[:-1])} or {self.names[-1]}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A parser of several values that are separated by commas."""

    item: Parser

    def __call__(self, raw: str) -> tuple[Any, ...]:
        return tuple(self.item(part.strip()) for part in raw.split(",") if part.strip())

    @property
    def told(self) -> str:
        """What the table of settings says."""
        return "separated by commas"


def choice(*names: str) -> Parser:
    """One word of a few, in any case."""
    return Choice(names)


def boolean(raw: str) -> bool:
    """A yes or a no in one of the usual words."""
    if raw.casefold() in _TRUE | _FALSE:
        return raw.casefold() in _TRUE
    raise ValueError("must be true or false")


def listed(item: Parser) -> Parser:
    """A tuple of values that are separated by commas."""
    return Listed(item)


def directory(raw: str) -> Path:
    """A path, made absolute once, so that a later change of directory changes nothing."""
    try:
        return Path(text(raw)).expanduser().absolute()
    except RuntimeError:
        raise ValueError("must be a path; nobody has that home directory") from None


def network(raw: str) -> Network:
    """An address or a network in CIDR form."""
    try:
        return ip_network(raw)
    except ValueError as error:
        bits = ", without bits behind the mask" if "host bits" in str(error) else ""
        raise ValueError(f"must list addresses or networks (10.0.0.0/8){bits}") from None


def host(raw: str) -> str:
    """A host name without scheme; a leading dot stands for all its subdomains."""
    if raw != "*" and not _HOST.fullmatch(raw):
        raise ValueError("must list host names without scheme or path (example.org)")
    return raw.lower()


def mailbox(raw: str) -> str:
    """An address for mail, with or without a name: `Team <team@example.org>`."""
    bare = parseaddr(text(raw))[1]
    name, _, domain = bare.rpartition("@")
    if not name or not domain or " " in bare:
        raise ValueError("must be an e-mail address (Team <team@example.org>)")
    return raw


def address(raw: str) -> str:
    """A bare e-mail address."""
    refusal = ValueError("must be a bare e-mail address (admin@example.org)")
    try:
        is_bare = parseaddr(mailbox(raw))[1] == raw
    except ValueError:
        raise refusal from None
    if not is_bare:
        raise refusal
    return raw


def split_url(raw: str, *schemes: str, like: str) -> SplitResult:
    """Take a URL apart that has one of the schemes and a host; `like` is the example to show."""
    complaint = f"must be a URL like {like}"
    try:
        parts = urlsplit(raw)
        _ = parts.port  # read because a bad port shows only here
    except ValueError:
        raise ValueError(complaint) from None
    if parts.scheme not in schemes or not parts.hostname or not raw.isprintable() or " " in raw:
        raise ValueError(complaint)
    return parts


def origin(raw: str) -> str:
    """A web origin (RFC 6454): scheme, host and port, nothing else."""
    parts = split_url(raw, "http", "https", like="https://accounts.example.org")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be scheme, host and port only, like https://accounts.example.org")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def cors_origin(raw: str) -> str:
    """A web origin, or the star for every one."""
    return raw if raw == "*" else origin(raw)


def redis_url(raw: str) -> str:
    """The URL of a Redis or Valkey server."""
    if not raw.startswith("unix:///"):
        split_url(raw, "redis", "rediss", like="redis://127.0.0.1:6379/0")
    return raw


def broker_url(raw: str) -> str:
    """The URL of a Redis, a Valkey or an AMQP server."""
    if not raw.startswith(("unix:///", "redis+socket:///")):
        schemes = ("redis", "rediss", "amqp", "amqps")
        split_url(raw, *schemes, like="amqp://user:password@127.0.0.1:5672//")
    return raw


def database_url(raw: str) -> str:
    """The SQLAlchemy URL of a SQLite file or a PostgreSQL database, in one spelling."""
    scheme, _, rest = raw.partition("://")
    if scheme == "sqlite":
        name = text(rest.removeprefix("/"))
        if not name or name.startswith(("file:", ":memory:")) or "mode=memory" in name:
            raise ValueError("must name a file on SQLite; a database in memory is not supported")
        path, mark, options = name.partition("?")
        return f"sqlite:///{Path(path).absolute()}{mark}{options}"
    if scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError(
            "must begin with sqlite:/// or postgresql:// (postgresql://user@localhost/gatehouse)"
        )
    if not raw.isprintable() or not rest:
        raise ValueError("must be a URL like postgresql://user@localhost/gatehouse")
    return f"postgresql+psycopg://{rest}"


def container(raw: str) -> str:
    """The name of a container, as Azure Blob Storage allows it."""
    if not _CONTAINER.fullmatch(raw):
        raise ValueError("must be 3 to 63 small letters, digits and single hyphens")
    return raw


def limits(raw: str) -> Mapping[str, str]:
    """Limits by name: `sign_up=60/minute;300/hour,login=120/minute`."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in raw.split(","))):
        name, _, numbers = part.partition("=")
        if not name.strip().isidentifier() or not all(
            _LIMIT.fullmatch(number.strip()) for number in numbers.split(";")
        ):
            raise ValueError("must read like sign_up=60/minute;300/hour,login=120/minute")
        found[name.strip()] = numbers.strip()
    return MappingProxyType(found)
