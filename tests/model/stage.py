"""The stage: the model acts, the service acts, and both must say the same; then all is compared."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.model.actors import ROOT, Auditor, Service
from tests.model.model import Model
from tests.model.people import HOME, Account, Place, Refused, Reply, Token
from tests.support import forge, people
from tests.support.answers import Answer

Made = TypeVar("Made")

GRANT = "/auth/token"
MAIL_ROUTES = {"/auth/password-reset", "/auth/verify-email/resend"}
FRESH, LIVING, ANY = "fresh", "living", "any"


class Stage(RuleBasedStateMachine):
    """Both sides, and what holds after every step."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service = service
        service.begin()
        now = service.now()
        self.model = Model(now)
        self.auditor = Auditor(service)
        root = Account(ROOT, people.ADMIN_PASSWORD, now, now, roles=frozenset(("super_admin",)))
        self.model.accounts.append(root)
        found = self.auditor.get(f"/users?q={ROOT}").expect(200).json["users"]
        root.id = found[0]["id"]

    def teardown(self) -> None:
        """Give time back."""
        self.service.end()

    # --- a step

    def play(
        self,
        method: str,
        path: str,
        act: Callable[[], Made],
        *,
        status: int = 200,
        token: Token | None = None,
        target: Account | None = None,
        place: Place = HOME,
        session_id: str = "",
        route: str = "",
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> tuple[Answer, Made | None]:
        """Let the model act, then the service; status and code must be the predicted ones."""
        made = None
        try:
            with self.model.door(token, route or f"{method} {path}", target):
                made = act()
            expected = Reply(status)
        except Refused as refusal:
            expected = refusal.reply
            if path == GRANT and expected.status == 401:
                expected = Reply(400, "invalid_grant")
        url = "/api/v1" + path.format(id=target.id if target else session_id)
        api = self.service.at(place, token.text if token else None)
        answer = api.request(method, url, headers=headers, **body)
        found = Reply(answer.status, answer.code)
        assert found == expected, f"expected {tuple(expected)}: {answer}"
        if self.model.mailed or path in MAIL_ROUTES:
            self.deliver()
        return answer, made

    def deliver(self) -> None:
        """Read the mail: exactly the predicted links came, each to its own address."""
        waiting = self.model.mailed
        self.model.mailed = []
        found = self.service.mails()
        assert [to for to, _ in found] == [link.address for link in waiting], found
        for link, (_, text) in zip(waiting, found, strict=True):
            link.text = text

    def keep(self, token: Token, given: Mapping[str, Any]) -> None:
        """Remember the tokens of an answer; a generation has one refresh token."""
        token.text = given["access_token"]
        session = token.session
        session.id = forge.parts(token.text)[1]["sid"]
        if "refresh_token" in given:
            known = session.refresh_tokens[-1]
            assert known in ("", given["refresh_token"]), "another successor"
            assert given["refresh_token"] not in session.refresh_tokens[:-1], "an old one again"
            session.refresh_tokens[-1] = given["refresh_token"]

    def precondition(
        self, target: Account, if_match: str | None
    ) -> tuple[int | None, dict[str, str]]:
        """Return the version that a request expects, and its header."""
        if if_match is None:
            return None, {}
        version = target.version - (if_match == "stale")
        return version, {"If-Match": f'"v{version}"'}

    def let_pass(self, **duration: float) -> None:
        """Let time pass, on both sides."""
        self.service.clock.forward(**duration)
        self.model.now = self.service.now()

    # --- who acts

    def account(self, number: int) -> Account:
        """Return one of the accounts, the last erased one too; the first may do everything."""
        kept = [one for one in self.model.accounts if not one.is_erased]
        known = kept + [one for one in self.model.accounts if one.is_erased][-1:]
        first = self.model.super_admins()[0]
        return [first, *(one for one in known if one is not first)][number % len(known)]

    def token_of(self, account: Account, how: str, number: int = 0) -> Token | None:
        """Return an access token of an account: a fresh or living one is logged in for."""
        own = [token for token in reversed(self.model.tokens) if token.account is account]
        if how == ANY:
            return own[number % len(own)] if own else None
        now = self.model.now
        good = [one for one in own if one.is_living(now) and (how == LIVING or one.is_fresh(now))]
        entered = good[0] if good else self.enter(account)
        # The address of a deleted account may open somebody else's.
        return entered if entered and entered.account is account else None

    def enter(self, account: Account, place: Place = HOME) -> Token | None:
        """Log in with what is right; None where even that is refused."""
        return self.log_in_as(account.email, account.password, place)

    def log_in_as(
        self, name: str, password: str, place: Place, *, is_grant: bool = False
    ) -> Token | None:
        """Log in, perhaps by the grant of OAuth, and remember the tokens."""
        credentials = {"username": name, "password": password}
        answer, token = self.play(
            "POST",
            GRANT if is_grant else "/auth/login",
            lambda: self.model.log_in(name, password, place),
            place=place,
            **(
                {"form": {**credentials, "grant_type": "password"}}
                if is_grant
                else {"json": credentials}
            ),
        )
        if token is not None:
            self.keep(token, answer.json)
        elif answer.status == 403:
            self.model.links[-1].text = answer.json["password_change_token"]
        return token

    # --- what holds after every step

    @invariant()
    def tokens_live_and_die_as_predicted(self) -> None:
        """Every living token works, and every dead one is 401."""
        for token in list(self.model.tokens):
            answer = self.service.at(HOME, token.text).get("/users/me")
            if token.is_living(self.model.now):
                assert as_data(answer.expect(200).json) == token.account.shown()
            else:
                answer.expect(401, "invalid_token")
            if token.is_expired(self.model.now):
                self.model.tokens.remove(token)

    @invariant()
    def accounts_are_as_predicted(self) -> None:
        """What an administrator sees of the accounts is what the model holds; one can act."""
        page = self.auditor.get("/users?per_page=100").expect(200).json["users"]
        seen = {one["id"]: as_data(one) for one in page if one["id"] != self.auditor.id}
        assert seen == {one.id: one.shown() for one in self.model.accounts if one.is_living}
        acting = [one for one in seen.values() if one["is_active"] and one["is_superuser"]]
        assert acting, "no active super_admin is left"

    @invariant()
    def the_ledger_gained_what_happened(self) -> None:
        """Exactly the predicted entries, with who did it and to whom."""
        predicted = [
            (fact.type, fact.actor and fact.actor.id, fact.subject and fact.subject.id)
            for fact in self.model.facts
        ]
        self.model.facts = []
        found = [
            (event["type"], event["actor_id"], event["subject_id"])
            for event in reversed(self.auditor.facts())
        ]
        assert found == predicted


def as_data(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return the User JSON with its times as times."""
    times = {name: datetime.fromisoformat(user[name]) for name in ("created_at", "updated_at")}
    return {**user, **times}
