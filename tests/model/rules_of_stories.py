"""Rules of several steps: what goes wrong in a certain order only, which chance rarely finds."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import draws
from tests.model.people import AWAY, HOME, Account, Place
from tests.model.rules_of_administration import DEEDS, ROLES, USER, AdministrationRules
from tests.model.rules_of_mail import EMAIL, RESET, MailRules
from tests.model.stage import FRESH, LIVING

PLACES = st.sampled_from((HOME, AWAY))
# How an account is closed, for how long, and which of its names somebody takes meanwhile.
CLOSINGS = (
    ("deactivated", {"seconds": 5}, ""),
    ("deleted", {"seconds": 5}, ""),
    ("deleted", {"seconds": 0}, "email"),
    ("deleted", {"seconds": 0}, "username"),
    ("deleted", {"days": 31}, ""),
)


class StoryRules(MailRules, AdministrationRules):
    """Short stories, each with what may differ in it."""

    @rule(whom=draws.WHOM, closing=st.sampled_from(CLOSINGS))
    def close(self, whom: int, closing: tuple[str, dict[str, int], str]) -> None:
        """An account is closed and tries to get in; somebody takes its name; it is opened again."""
        target, (how, pause, taken) = self.account(whom), closing
        self.token_of(target, LIVING)
        sessions = self.model.sessions_of(target)
        if how == "deleted":
            self.act(self.account(0), target, FRESH, "delete")
        else:
            self.change(self.account(0), target, FRESH, "is_active", False)
        for session in sessions[:1]:
            self.spend(session, session.generation)
        self.enter(target)
        self.let_pass(**pause)
        if taken == "email":
            self.make(target.email, draws.PASSWORDS[0], None)
        elif taken == "username":
            self.make(draws.FREE_EMAIL, draws.PASSWORDS[0], target.username)
        if how == "deleted":
            self.act(self.account(0), target, FRESH, "restore")
        else:
            self.change(self.account(0), target, FRESH, "is_active", True)
        for session in sessions[1:2]:
            self.spend(session, session.generation)

    @rule(
        who=draws.WHOM,
        whom=draws.WHOM,
        roles=st.permutations(ROLES),
        what=st.sampled_from((*DEEDS, "change", "give")),
        is_demoted=st.booleans(),
    )
    def rank(
        self, who: int, whom: int, roles: list[frozenset[str]], what: str, is_demoted: bool
    ) -> None:
        """Somebody is given roles, tries something upon another one, and is perhaps demoted."""
        actor, target = self.account(who), self.account(whom)
        self.token_of(actor, FRESH)
        self.give(self.account(0), target, FRESH, roles[0], None)
        self.give(self.account(0), actor, FRESH, roles[1], None)
        if what == "restore":
            self.act(self.account(0), target, FRESH, "delete")
        self._do(actor, target, what, roles[2])
        if is_demoted:
            self.give(self.account(0), actor, FRESH, USER, None)
            self._do(actor, target, what, roles[3])

    def _do(self, actor: Account, target: Account, what: str, roles: frozenset[str]) -> None:
        if what == "change":
            self.change(actor, target, FRESH, "name", "Renamed")
        elif what == "give":
            self.give(actor, target, FRESH, roles, None)
        else:
            self.act(actor, target, FRESH, what)

    @rule(
        who=draws.WHO,
        what=st.sampled_from(("password", "others", "recovered", "sessions", "password-reset")),
    )
    def renew(self, who: int, what: str) -> None:
        """Somebody ends what is older, or an administrator does; an older session goes on."""
        account = self.account(who)
        older, token = self.enter(account, AWAY), self.enter(account)
        if older is None or token is None:
            return
        if what == "password":
            self.replace_password(token, account.password, draws.PASSWORDS[0])
        elif what == "others":
            self.end_session("others", token, token.session)
        elif what == "recovered":
            self.recover(account, HOME)
        else:
            self.act(self.account(0), account, FRESH, what)
        for session in (older.session, token.session):
            self.spend(session, session.generation)

    @rule(who=draws.WHOM, guessed_at=PLACES, recovered_at=st.none() | PLACES)
    def forget(self, who: int, guessed_at: Place, recovered_at: Place | None) -> None:
        """Somebody guesses too often, recovers, and guesses on; then the right one."""
        account = self.account(who)
        for _ in range(draws.TIMES["often wrong"]):
            self.log_in_as(account.email, draws.WRONG, guessed_at)
        if recovered_at:
            self.recover(account, recovered_at)
            for _ in range(draws.TIMES["often wrong"]):
                self.log_in_as(account.email, draws.WRONG, guessed_at)
        self.let_pass(seconds=5)
        self.enter(account, guessed_at)

    @rule(who=draws.WHO, email=st.sampled_from(draws.EMAILS), place=PLACES)
    def move(self, who: int, email: str, place: Place) -> None:
        """Somebody asks for a new password, changes the address, and uses the older link."""
        account = self.account(who)
        token = self.token_of(account, FRESH)
        if token is None:
            return
        self.ask_for_reset(account.email)
        older = self.link(RESET, 0)
        body = {"email": email, "current_password": account.password}
        self.patch(token, account, body, None, is_own=True)
        if link := self.link(EMAIL, 0):
            self.prove(link, place, token)
        if older:
            self.confirm(older, draws.PASSWORDS[1], place)

    @rule(email=st.sampled_from(draws.EMAILS), is_taken_up=st.booleans())
    def introduce(self, email: str, is_taken_up: bool) -> None:
        """An administrator makes an account, whose first password is good for one purpose."""
        if token := self.token_of(self.account(0), LIVING):
            self.make(email, draws.PASSWORDS[0], None, token)
        account = self.model.owner_of(email)
        link = self.link(RESET, 0)
        if account and self.enter(account) is None and is_taken_up and link:
            self.confirm(link, draws.PASSWORDS[1], HOME)
            self.enter(account)

    @rule(who=draws.WHO, number=draws.NUMBERS, is_new=st.booleans())
    def covet(self, who: int, number: int, is_new: bool) -> None:
        """Somebody wants a username that is taken, in another spelling."""
        taken = [one.username for one in self.model.accounts if one.is_living and one.username]
        if not taken:
            return
        username = draws.spelled(taken[number % len(taken)], "odd")
        if is_new:
            self.make(draws.FREE_EMAIL, draws.PASSWORDS[0], username)
        elif token := self.token_of(self.account(who), LIVING):
            self.patch(token, token.account, {"username": username}, None, is_own=True)

    @rule(
        number=draws.NUMBERS, days=st.sampled_from((6, 8)), how=st.sampled_from(("member", "grant"))
    )
    def come_back(self, number: int, days: int, how: str) -> None:
        """Somebody returns after some days with the refresh token of before."""
        session = self.living_session(number)
        self.let_pass(days=days)
        if session:
            self.spend(session, session.generation, HOME, how)
