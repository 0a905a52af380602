"""What the model remembers: accounts, their sessions and tokens, links in mails, wrong guesses."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

STEWARD = "steward"
RIGHTS: dict[str, frozenset[str]] = {
    "user": frozenset(),
    "admin": frozenset(
        ("audit:read", "users:create", "users:delete", "users:read", "users:update")
    ),
    STEWARD: frozenset(("roles:assign", "users:delete", "users:read", "users:update")),
    "super_admin": frozenset(
        (
            *("audit:read", "users:create", "users:delete", "users:read", "users:update"),
            *("roles:assign", "roles:read", "roles:write"),
        )
    ),
}


class Place(NamedTuple):
    """Where a request comes from."""

    address: str
    agent: str


HOME = Place("198.51.100.1", "tests/1.0")
AWAY = Place("203.0.113.9", "tests/1.0")
OTHER_BROWSER = Place("198.51.100.1", "tests/2.0")


@dataclass(eq=False, slots=True)
class Account:
    """A person's account; `id` is what the service called it."""

    email: str
    password: str
    created_at: datetime
    updated_at: datetime
    roles: frozenset[str] = frozenset(("user",))
    username: str | None = None
    name: str | None = None
    locale: str | None = None
    pending_email: str | None = None
    is_active: bool = True
    is_verified: bool = False
    must_change: bool = False
    created_by: "Account | None" = None
    deleted_at: datetime | None = None
    is_erased: bool = False
    epoch: int = 1
    version: int = 1
    id: str = ""
    known_places: dict[str, datetime] = field(default_factory=dict)

    @property
    def is_living(self) -> bool:
        """Whether the account is not deleted."""
        return self.deleted_at is None

    @property
    def is_open(self) -> bool:
        """Whether the account lets anybody in."""
        return self.is_living and self.is_active

    @property
    def rights(self) -> frozenset[str]:
        """The permissions of all roles."""
        return frozenset().union(*(RIGHTS[role] for role in self.roles))

    def change(self, now: datetime) -> None:
        """Note that something which the JSON shows has changed."""
        self.version += 1
        self.updated_at = now

    def shown(self) -> dict[str, object]:
        """Return the User JSON."""
        return {
            "id": self.id,
            "email": self.email,
            "pending_email": self.pending_email,
            "username": self.username,
            "name": self.name,
            "locale": self.locale,
            "roles": sorted(self.roles),
            "is_active": self.is_active,
            "is_verified": self.is_verified,
            "is_superuser": "super_admin" in self.roles,
            "avatar_url": None,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "created_by": self.created_by and self.created_by.id,
        }


@dataclass(eq=False, slots=True)
class Session:
    """One device's log-in; `refresh_tokens` by generation."""

    account: Account
    place: Place
    started_at: datetime
    ends_at: datetime
    idle_ends_at: datetime
    epoch: int
    rotated_at: datetime
    rotated_by: Place
    is_revoked: bool = False
    id: str = ""
    refresh_tokens: list[str] = field(default_factory=list)

    @property
    def generation(self) -> int:
        """How often the session was refreshed."""
        return len(self.refresh_tokens) - 1

    def is_unended(self, now: datetime) -> bool:
        """Tell whether the session itself is neither revoked nor over."""
        return not self.is_revoked and now < self.idle_ends_at and now < self.ends_at

    def is_living(self, now: datetime) -> bool:
        """Tell whether it is good for a request."""
        is_of_today = self.epoch == self.account.epoch and self.account.is_open
        return self.is_unended(now) and is_of_today


@dataclass(eq=False, slots=True)
class Token:
    """An access token; times are whole seconds, as its claims are."""

    session: Session
    expires_at: int
    auth_time: int
    text: str = ""

    @property
    def account(self) -> Account:
        """Whose it is."""
        return self.session.account

    def is_expired(self, now: datetime) -> bool:
        """Tell whether its own time is over."""
        return self.expires_at <= now.timestamp()

    def is_living(self, now: datetime) -> bool:
        """Tell whether it opens anything."""
        return not self.is_expired(now) and self.session.is_living(now)

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether its log-in counts as recent."""
        return now.timestamp() - self.auth_time <= timedelta(minutes=10).total_seconds()


@dataclass(eq=False, slots=True)
class Link:
    """A one-time token; `address` is where it was mailed to, None for that of an answer."""

    account: Account
    purpose: str
    address: str | None
    epoch: int
    expires_at: datetime
    is_dead: bool = False
    text: str = ""

    def is_good(self, now: datetime) -> bool:
        """Tell whether it works."""
        is_of_today = self.epoch == self.account.epoch and self.account.is_living
        return not self.is_dead and now < self.expires_at and is_of_today


class Fact(NamedTuple):
    """An entry of the ledger."""

    type: str
    actor: Account | None
    subject: Account | None


class Reply(NamedTuple):
    """What the service must answer: the code is None where it is no problem document."""

    status: int
    code: str | None = None


class Refused(Exception):
    """The service must refuse."""

    def __init__(self, status: int, code: str) -> None:
        self.reply = Reply(status, code)


def fold(name: str) -> str:
    """Return the form by which the names of this model are compared; all are ASCII."""
    return name.strip().lower()
