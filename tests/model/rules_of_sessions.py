"""Rules: signing up, logging in, staying in, getting out."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model import draws
from tests.model.people import AWAY, HOME, OTHER_BROWSER, Place, Session, Token
from tests.model.stage import GRANT, LIVING, Stage

# How many generations old a spent token is, after how many seconds it comes, and from where.
RESENT = ((1, 5, HOME), (1, 11, HOME), (1, 0, AWAY), (1, 0, OTHER_BROWSER), (2, 0, HOME))


class SessionRules(Stage):
    """Coming and going."""

    @initialize(luck=st.integers(0, 20))
    def two_people_come(self, luck: int) -> None:
        """The two actors sign up, and log in on two devices each.

        The simplest example of all, in which the first rule is played over and over, is left out.
        """
        assume(luck)
        for email, username in zip(draws.EMAILS, draws.USERNAMES, strict=True):
            if email != draws.FREE_EMAIL:
                self.make(email, draws.PASSWORDS[0], username)
                for place in (HOME, AWAY):
                    self.enter(self.model.accounts[-1], place)

    @rule(
        email=st.sampled_from(draws.EMAILS),
        username=st.none() | st.sampled_from(draws.USERNAMES),
        spelling=draws.SPELLINGS,
        by=st.none() | draws.WHO,
    )
    def sign_up(self, email: str, username: str | None, spelling: str, by: int | None) -> None:
        """Somebody signs up, perhaps with a name that is taken in another spelling."""
        token = None if by is None else self.token_of(self.account(by), LIVING)
        if by is None or token is not None:
            named = username and draws.spelled(username, spelling)
            self.make(draws.spelled(email, spelling), draws.PASSWORDS[0], named, token)

    def make(
        self, email: str, password: str, username: str | None, by: Token | None = None
    ) -> None:
        """Make an account, where there are not many yet."""
        if sum(not one.is_erased for one in self.model.accounts) >= draws.MOST_ACCOUNTS:
            return
        body = {"email": email, "password": password}
        answer, account = self.play(
            "POST",
            "/users",
            lambda: self.model.sign_up(email, password, username, by=by),
            status=201,
            token=by,
            json={**body, "username": username} if username else body,
        )
        if account is not None:
            account.id = answer.json["id"]

    @rule(
        who=draws.WHOM,
        by_username=st.booleans(),
        spelling=draws.SPELLINGS,
        place=st.sampled_from((HOME, AWAY)),
        password=draws.GUESSES,
        is_grant=st.booleans(),
    )
    def log_in(
        self,
        who: int,
        by_username: bool,
        spelling: str,
        place: Place,
        password: str,
        is_grant: bool,
    ) -> None:
        """Log in by e-mail or username, in whatever spelling; or guess a password."""
        account = self.account(who)
        name = (by_username and account.username) or account.email
        guess = draws.guess(password, account.password)
        for _ in range(draws.TIMES[password]):
            self.log_in_as(draws.spelled(name, spelling), guess, place, is_grant=is_grant)

    @rule(
        number=draws.NUMBERS,
        age=st.sampled_from((0, 0, 0, 1, 1, 2, 3)),
        place=st.sampled_from((HOME, HOME, HOME, AWAY, OTHER_BROWSER)),
        how=st.sampled_from(("member", "bearer", "grant")),
    )
    def refresh(self, number: int, age: int, place: Place, how: str) -> None:
        """Spend a refresh token: the present one, the one before, or an old one."""
        if session := self.session(number):
            self.spend(session, max(0, session.generation - age), place, how)

    def spend(
        self, session: Session, generation: int, place: Place = HOME, how: str = "member"
    ) -> None:
        """Spend the refresh token of a generation at one of the doors that take it."""
        text = session.refresh_tokens[generation]
        body: dict[str, Any] = {
            "member": {"json": {"refresh_token": text}},
            "bearer": {"headers": {"Authorization": f"Bearer {text}"}},
            "grant": {"form": {"grant_type": "refresh_token", "refresh_token": text}},
        }[how]
        answer, token = self.play(
            "POST",
            GRANT if how == "grant" else "/auth/refresh",
            lambda: self.model.refresh(session, generation, place),
            place=place,
            **body,
        )
        if token is not None:
            self.keep(token, answer.json)

    @rule(number=draws.NUMBERS, resent=st.sampled_from(RESENT))
    def refresh_again(self, number: int, resent: tuple[int, int, Place]) -> None:
        """Refresh, and send a spent token again: soon or later, from there or elsewhere."""
        age, pause, place = resent
        if session := self.living_session(number):
            for _ in range(age):
                self.spend(session, session.generation)
            self.let_pass(seconds=pause)
            self.spend(session, session.generation - age, place)

    @rule(
        who=draws.WHO,
        how=draws.HOW,
        number=draws.NUMBERS,
        what=st.sampled_from(("this", "others", "one")),
    )
    def end(self, who: int, how: str, number: int, what: str) -> None:
        """End the present session, all others, or one: one's own, another's, one that is over."""
        token = self.token_of(self.account(who), how, number)
        session = self.session(number)
        if token and session:
            self.end_session(what, token, session)

    def end_session(self, what: str, token: Token, session: Session) -> None:
        """End the present session, all others, or this one."""
        method, path, act = {
            "this": ("POST", "/auth/logout", lambda: self.model.log_out(token)),
            "others": ("DELETE", "/auth/sessions", lambda: self.model.end_other_sessions(token)),
            "one": (
                *("DELETE", "/auth/sessions/{id}"),
                lambda: self.model.end_session(token, session),
            ),
        }[what]
        self.play(method, path, act, status=204, token=token, session_id=session.id)

    @rule(who=draws.WHO, how=draws.HOW)
    def look_at_own_sessions(self, who: int, how: str) -> None:
        """Read one's own living sessions, and which is the present one."""
        if token := self.token_of(self.account(who), how):
            act = lambda: self.model.own_sessions(token)  # noqa: E731
            answer, expected = self.play("GET", "/auth/sessions", act, token=token)
            if expected is not None:
                shown = answer.json["sessions"]
                assert {(one["id"], one["is_current"]) for one in shown} == expected

    @rule(who=draws.WHO, how=draws.HOW, password=draws.GUESSES)
    def step_up(self, who: int, how: str, password: str) -> None:
        """Confirm one's password for a fresh access token."""
        account = self.account(who)
        guess = draws.guess(password, account.password)
        if token := self.token_of(account, how):
            act = lambda: self.model.step_up(token, guess, HOME)  # noqa: E731
            body = {"password": guess}
            answer, made = self.play("POST", "/auth/reauthenticate", act, token=token, json=body)
            if made is not None:
                self.keep(made, answer.json)

    def session(self, number: int) -> Session | None:
        """Return one of the latest sessions of anybody."""
        known = self.model.sessions
        return known[-1 - number % len(known)] if known else None

    def living_session(self, number: int) -> Session | None:
        """Return a session that is good for a request; its owner logs in where there is none."""
        token = self.token_of(self.account(number), LIVING)
        known = [one for one in self.model.sessions if one.is_living(self.model.now)]
        return known[-1 - number % len(known)] if token else None
