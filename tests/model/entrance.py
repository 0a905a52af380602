"""The model of coming and going: sign-up, log-in, refresh, log-out, step-up, recovery."""

from datetime import timedelta

from tests.model.people import Account, Link, Place, Refused, Session, Token, fold
from tests.model.world import ACCESS_LIVES, ENDS_AFTER, IDLE_ENDS_AFTER, World

GRACE = timedelta(seconds=10)
# As many access tokens are looked at after each step; the dead ones are forgotten first.
TOKENS_KEPT = 8


class Entrance(World):
    """What the service must say at the doors of `auth`, and at sign-up."""

    def sign_up(
        self, email: str, password: str, username: str | None, *, by: Token | None = None
    ) -> Account:
        """Make an account, by oneself or by an administrator."""
        maker = None if by is None else self.caller(by)
        if maker is not None and "users:create" not in maker.rights:
            maker = None
        owner = self.owner_of(email)
        if owner is not None or (username and self.owner_of(username)):
            self.record("registration.refused", maker, owner)
            raise Refused(409, "email_taken" if owner else "username_taken")
        account = Account(email, password, self.now, self.now, username=username)
        self.accounts.append(account)
        self.link(account, "verify_email", email)
        account.created_by, account.must_change = maker, maker is not None
        self.record("user.created" if maker else "user.registered", maker or account, account)
        return account

    def log_in(self, name: str, password: str, place: Place) -> Token:
        """Open a session."""
        account = self.owner_of(name)
        if account is None:
            guess = self.counters.at(fold(name), place, self.now, at_home=False)
            self.admit(guess, None, place)
        else:
            guess = self.guess(account, password, place)
        if account is None or password != account.password or not account.is_active:
            self.record("login.failed", None, account)
            raise Refused(401, "invalid_credentials")
        guess.counter.refund()
        if account.must_change:
            self.link(account, "password_change", None)
            self.record("login.unfinished", account, account)
            raise Refused(403, "password_change_required")
        account.known_places[place.address] = self.now
        self.record("session.started", account, account)
        return self._token(self._session(account, place))

    def refresh(self, session: Session, generation: int, place: Place) -> Token:
        """Spend a refresh token; an older one ends the session, but for the grace."""
        if not session.is_living(self.now):
            raise Refused(401, "invalid_refresh_token")
        if generation == session.generation:
            session.refresh_tokens.append("")
            session.rotated_at, session.rotated_by = self.now, place
            session.idle_ends_at = min(session.ends_at, self.now + IDLE_ENDS_AFTER)
            return self._token(session)
        is_late = self.now - session.rotated_at >= GRACE
        if generation < session.generation - 1 or is_late or place != session.rotated_by:
            session.is_revoked = True
            self.record("session.reuse_detected", None, session.account)
            raise Refused(401, "invalid_refresh_token")
        return self._token(session)

    def log_out(self, token: Token) -> None:
        """End the caller's session."""
        self.end_session(token, token.session)

    def own_sessions(self, token: Token) -> set[tuple[str, bool]]:
        """Return the ids of the caller's living sessions, and whether each is the present one."""
        found = self.sessions_of(self.caller(token))
        return {(session.id, session is token.session) for session in found}

    def end_session(self, token: Token, session: Session) -> None:
        """End one of the caller's sessions."""
        account = self.caller(token)
        if session.account is not account or not session.is_living(self.now):
            raise Refused(404, "session_not_found")
        session.is_revoked = True
        self.record("session.ended", account, account)

    def end_other_sessions(self, token: Token) -> None:
        """End all sessions of the caller but the present one."""
        account = self.caller(token)
        self.end_sessions(account, but=token.session)
        account.version += 1
        self.record("session.all_ended", account, account)

    def step_up(self, token: Token, password: str, place: Place) -> Token:
        """Confirm one's password for an access token that is fresh again."""
        account = self.caller(token)
        self.check_password(account, password, place)
        self.record("login.confirmed", account, account)
        return self._token(token.session, is_fresh=True)

    def request_reset(self, email: str) -> None:
        """Mail a link for a new password to an open account."""
        account = self.owner_of(email)
        if account is not None and account.is_open:
            self.link(account, "password_reset", account.email)
            self.record("password.reset_requested", None, account)

    def confirm_reset(self, link: Link, password: str, place: Place) -> None:
        """Set a new password by a link; everything older ends."""
        if not link.is_good(self.now) or link.purpose not in ("password_reset", "password_change"):
            raise Refused(400, "one_time_token_invalid")
        self._replace_password(link.account, password, place)
        if link.address is not None:
            self._mark_verified(link.account, link.address)

    def resend(self, email: str) -> None:
        """Mail another link to an address that is not verified yet."""
        account = self.owner_of(email)
        if account is not None and account.is_open and not account.is_verified:
            self.link(account, "verify_email", account.email)

    def verify(
        self,
        link: Link,
        place: Place,
        *,
        token: Token | None = None,
        password: str | None = None,
        new_password: str | None = None,
    ) -> None:
        """Confirm an address by its link and one proof of the account."""
        caller = None if token is None else self.caller(token)
        if not link.is_good(self.now) or link.purpose not in ("verify_email", "email_change"):
            raise Refused(400, "one_time_token_invalid")
        account = link.account
        if password is not None:
            self._check_proof(account, password, place)
        elif new_password is None and caller is not account:
            raise Refused(422, "proof_required")
        self._confirm(link)
        if new_password is not None:
            self._replace_password(account, new_password, place)

    def _check_proof(self, account: Account, password: str, place: Place) -> None:
        try:
            self.check_password(account, password, place)
        except Refused as refusal:
            if refusal.reply.status == 403:
                self.record("email.verification_failed", None, account)
            raise

    def _confirm(self, link: Link) -> None:
        account = link.account
        link.is_dead = True
        assert link.address is not None
        if link.purpose == "verify_email":
            self._mark_verified(account, link.address)
            self.record("email.verified", account, account)
            return
        if account.pending_email != link.address:
            link.is_dead = False  # the unit is rolled back
            raise Refused(400, "one_time_token_invalid")
        account.pending_email = None
        account.change(self.now)
        if self.owner_of(link.address) not in (None, account):
            raise Refused(409, "email_taken")
        account.email, account.is_verified = link.address, True
        self.kill_links(account)
        self.record("email.changed", account, account)

    def _mark_verified(self, account: Account, address: str) -> None:
        if account.email == address and not account.is_verified:
            account.is_verified = True
            account.change(self.now)

    def _replace_password(self, account: Account, password: str, place: Place) -> None:
        account.password, account.must_change = password, False
        self.end_sessions(account)
        self.kill_links(account)
        account.change(self.now)
        self.counters.clear(account)
        account.known_places = {place.address: self.now}
        self.record("password.changed", account, account)

    def _session(self, account: Account, place: Place) -> Session:
        session = Session(
            account,
            place,
            started_at=self.now,
            ends_at=self.now + ENDS_AFTER,
            idle_ends_at=self.now + IDLE_ENDS_AFTER,
            epoch=account.epoch,
            rotated_at=self.now,
            rotated_by=place,
            refresh_tokens=[""],
        )
        self.sessions.append(session)
        return session

    def _token(self, session: Session, *, is_fresh: bool = False) -> Token:
        expires_at = int((self.now + ACCESS_LIVES).timestamp())
        since = self.now if is_fresh else session.started_at
        token = Token(session, expires_at, int(since.timestamp()))
        if len(self.tokens) == TOKENS_KEPT:
            dead = (one for one in self.tokens if not one.is_living(self.now))
            self.tokens.remove(next(dead, self.tokens[0]))
        self.tokens.append(token)
        return token
