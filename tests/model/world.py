"""The base of the model: who is there, who may do what, and what the ledger gains by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from tests.model.guesses import KNOWN_FOR, Counters, Guess
from tests.model.people import Account, Fact, Link, Place, Refused, Session, Token, fold

ACCESS_LIVES = timedelta(minutes=15)
ENDS_AFTER, IDLE_ENDS_AFTER = timedelta(days=30), timedelta(days=7)
LINK_LIVES = timedelta(minutes=60)
ANSWERED_LINK_LIVES = timedelta(minutes=10)
WINDOW_SECONDS = 600


class World:
    """What the service must know, and nothing of how it knows it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.accounts: list[Account] = []
        self.sessions: list[Session] = []
        self.tokens: list[Token] = []
        self.links: list[Link] = []
        self.mailed: list[Link] = []
        self.facts: list[Fact] = []
        self.counters = Counters()
        self._counted: set[tuple[object, ...]] = set()

    # --- who is there

    def owner_of(self, name: str) -> Account | None:
        """Return the living account with this e-mail or username, however it is spelled."""
        folded = fold(name)
        living = [account for account in self.accounts if account.is_living]
        for account in living:
            if folded in (fold(account.email), fold(account.username or "")):
                return account
        return None

    def super_admins(self) -> list[Account]:
        """Return those who are super_admin and can act."""
        return [one for one in self.accounts if one.is_open and "super_admin" in one.roles]

    def sessions_of(self, account: Account) -> list[Session]:
        """Return the living sessions of a person, the latest first."""
        living = [one for one in self.sessions if one.is_living(self.now)]
        return [one for one in reversed(living) if one.account is account]

    # --- who may do what

    def caller(self, token: Token | None) -> Account:
        """Return who sends this access token."""
        if token is None or not token.is_living(self.now):
            raise Refused(401, "invalid_token" if token else "unauthenticated")
        return token.account

    def require(self, caller: Account, right: str) -> None:
        """Refuse whoever lacks a permission."""
        if right not in caller.rights:
            raise Refused(403, "insufficient_scope")

    def require_fresh(self, token: Token) -> None:
        """Refuse a log-in that is too old for this."""
        if not token.is_fresh(self.now):
            raise Refused(401, "insufficient_user_authentication")

    def require_rank(self, caller: Account, target: Account) -> None:
        """Refuse an act upon somebody who holds more."""
        if caller is not target and not target.rights <= caller.rights:
            raise Refused(403, "target_outranks")

    def require_another(self, target: Account) -> None:
        """Refuse to close the account of the last super_admin."""
        if "super_admin" in target.roles and not set(self.super_admins()) - {target}:
            raise Refused(409, "last_super_admin")

    def require_living(self, target: Account, version: int | None = None) -> None:
        """Refuse an account that is deleted, or of another version than expected."""
        if not target.is_living:
            raise Refused(404, "user_not_found")
        self.require_version(target, version)

    def require_kept(self, target: Account) -> None:
        """Refuse an account that is gone for good."""
        if target.is_erased:
            raise Refused(404, "user_not_found")

    def require_version(self, target: Account, version: int | None) -> None:
        """Refuse where If-Match names another version."""
        if version not in (None, target.version):
            raise Refused(412, "version_mismatch")

    # --- what follows

    def end_sessions(self, account: Account, *, but: Session | None = None) -> None:
        """End all sessions, and with them every link that was mailed before."""
        account.epoch += 1
        account.pending_email = None
        for session in self.sessions:
            if session.account is account and session is not but:
                session.is_revoked = True
        if but is not None:
            but.epoch = account.epoch

    def guess(self, account: Account, password: str, place: Place) -> Guess:
        """Judge a password, counted before; the caller refunds what was right."""
        at_home = self._is_known(account, place)
        guess = self.counters.at(account, place, self.now, at_home=at_home)
        self.admit(guess, account, place)
        return guess

    def admit(self, guess: Guess, account: Account | None, place: Place) -> None:
        """Refuse a guess that is one too many."""
        if not guess.is_admitted:
            self._count("login.throttled", None, account, key=(account, place.address))
            raise Refused(429, "too_many_attempts")

    def check_password(self, account: Account, password: str, place: Place) -> None:
        """Refuse a wrong current password."""
        guess = self.guess(account, password, place)
        if password != account.password:
            raise Refused(403, "wrong_password")
        guess.counter.refund()

    def link(self, account: Account, purpose: str, address: str | None) -> Link:
        """Issue a one-time token; the older one of its purpose dies."""
        for older in self.links:
            if older.account is account and older.purpose == purpose:
                older.is_dead = True
        lives = LINK_LIVES if address else ANSWERED_LINK_LIVES
        made = Link(account, purpose, address, account.epoch, self.now + lives)
        self.links.append(made)
        if address:
            self.mailed.append(made)
        return made

    def kill_links(self, account: Account) -> None:
        """Kill every link of a person."""
        for link in self.links:
            link.is_dead |= link.account is account

    def record(self, event: str, actor: Account | None, subject: Account | None) -> None:
        """Expect an entry of the ledger."""
        self.facts.append(Fact(event, actor, subject))

    @contextmanager
    def door(self, token: Token | None, route: str, target: Account | None) -> Iterator[None]:
        """Note every 403 to somebody known: one entry a person, route and ten minutes."""
        is_known = token is not None and token.is_living(self.now)
        try:
            yield
        except Refused as refusal:
            if token is not None and is_known and refusal.reply.status == 403:
                key = token.account, route
                self._count("access.denied", token.account, target, key=key)
            raise

    def _count(
        self,
        event: str,
        actor: Account | None,
        subject: Account | None,
        *,
        key: tuple[object, ...],
    ) -> None:
        window = self.now.timestamp() // WINDOW_SECONDS
        if (event, window, key) not in self._counted:
            self._counted.add((event, window, key))
            self.record(event, actor, subject)

    def _is_known(self, account: Account, place: Place) -> bool:
        last = account.known_places.get(place.address)
        is_remembered = last is not None and self.now - last < KNOWN_FOR
        return is_remembered or any(
            session.account is account
            and session.place.address == place.address
            and session.is_unended(self.now)
            for session in self.sessions
        )
