"""Rules: signing up, logging in, staying in, getting out."""

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model import draws
from tests.model.people import AWAY, HOME, OTHER_BROWSER, Place, Session, Token
from tests.model.stage import LIVING, Stage


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
        if len(self.model.accounts) >= draws.MOST_ACCOUNTS:
            return
        token = None if by is None else self.token_of(self.account(by), LIVING)
        if by is None or token is not None:
            named = username and draws.spelled(username, spelling)
            self.make(draws.spelled(email, spelling), draws.PASSWORDS[0], named, token)

    def make(
        self, email: str, password: str, username: str | None, by: Token | None = None
    ) -> None:
        """Make an account."""
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
    )
    def log_in(
        self, who: int, by_username: bool, spelling: str, place: Place, password: str
    ) -> None:
        """Log in by e-mail or username, in whatever spelling; or guess a password."""
        account = self.account(who)
        name = (by_username and account.username) or account.email
        guess = draws.guess(password, account.password)
        for _ in range(draws.TIMES[password]):
            self.log_in_as(draws.spelled(name, spelling), guess, place)

    @rule(
        number=draws.NUMBERS,
        age=st.sampled_from((0, 0, 0, 1, 1, 2, 3)),
        place=st.sampled_from((HOME, HOME, HOME, AWAY, OTHER_BROWSER)),
        as_form=st.booleans(),
    )
    def refresh(self, number: int, age: int, place: Place, as_form: bool) -> None:
        """Spend a refresh token: the present one, the one before, or an old one."""
        if session := self.session(number):
            self.spend(session, max(0, session.generation - age), place, as_form=as_form)

    def spend(
        self, session: Session, generation: int, place: Place, *, as_form: bool = True
    ) -> None:
        """Spend the refresh token of a generation."""
        text = session.refresh_tokens[generation]
        bearer = {"Authorization": f"Bearer {text}"}
        answer, token = self.play(
            "POST",
            "/auth/refresh",
            lambda: self.model.refresh(session, generation, place),
            place=place,
            **({"json": {"refresh_token": text}} if as_form else {"headers": bearer}),
        )
        if token is not None:
            self.keep(token, answer.json)

    @rule(
        number=draws.NUMBERS,
        age=st.sampled_from((1, 1, 1, 2)),
        pause=draws.PAUSES,
        place=st.sampled_from((HOME, HOME, AWAY, OTHER_BROWSER)),
    )
    def refresh_again(self, number: int, age: int, pause: int, place: Place) -> None:
        """Refresh, and send a spent token again: soon or later, from there or elsewhere."""
        if session := self.session(number):
            self.spend(session, session.generation, HOME)
            self.let_pass(seconds=pause)
            self.spend(session, max(0, session.generation - age), place)

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
        if token is None or session is None:
            return
        method, path, act = {
            "this": ("POST", "/auth/logout", lambda: self.model.log_out(token)),
            "others": ("DELETE", "/auth/sessions", lambda: self.model.end_other_sessions(token)),
            "one": (
                *("DELETE", "/auth/sessions/{id}"),
                lambda: self.model.end_session(token, session),
            ),
        }[what]
        self.play(method, path, act, status=204, token=token, session_id=session.id)

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
