"""Rules: what people with rights, and people without, try upon the accounts of others."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import draws
from tests.model.people import STEWARD, Account
from tests.model.rules_of_accounts import MEMBERS, AccountRules
from tests.model.rules_of_sessions import SessionRules
from tests.model.stage import FRESH, as_data
from tests.support.answers import Answer

DEEDS = ("delete", "restore", "erase", "sessions", "unlock", "password-reset")
USER = frozenset(("user",))
ROLES = (
    USER,
    frozenset(("user", "admin")),
    frozenset(("user", STEWARD)),
    frozenset(("user", "super_admin")),
    frozenset[str](),
    frozenset(("admin", STEWARD)),
)
MEMBERS_OF_OTHERS = st.one_of(
    st.tuples(st.just("is_active"), st.booleans()),
    st.tuples(st.just("email"), st.sampled_from(draws.EMAILS)),
    MEMBERS,
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(("user", "admin", STEWARD, "super_admin")),
        "is_active": st.booleans(),
        "is_verified": st.booleans(),
        "deleted": st.booleans(),
        "q": st.sampled_from(("ann", "BEN.", "cleo@", "root", "x")),
    },
)


class AdministrationRules(AccountRules, SessionRules):
    """Acts upon others."""

    @rule(
        who=draws.ADMINISTRATOR,
        whom=draws.WHOM,
        how=draws.HOW,
        member=MEMBERS_OF_OTHERS,
        if_match=draws.IF_MATCH,
    )
    def change_other(
        self,
        who: int,
        whom: int,
        how: str,
        member: tuple[str, Any],
        if_match: str | None,
    ) -> None:
        """Change an account, whether it is active, or the address that it waits for."""
        self.change(self.account(who), self.account(whom), how, *member, if_match=if_match)

    @rule(
        who=draws.ADMINISTRATOR,
        whom=draws.WHOM,
        how=draws.HOW,
        what=st.sampled_from(("delete", "restore", "restore", *DEEDS)),
        if_match=draws.IF_MATCH,
    )
    def do(self, who: int, whom: int, how: str, what: str, if_match: str | None) -> None:
        """Delete, restore or erase somebody; end sessions, forget guesses, mail a link."""
        self.act(self.account(who), self.account(whom), how, what, if_match)

    @rule(
        who=draws.ADMINISTRATOR,
        whom=draws.WHOM,
        how=st.sampled_from((FRESH, FRESH, FRESH, "any")),
        roles=st.sampled_from(ROLES),
        if_match=draws.IF_MATCH,
    )
    def assign(
        self, who: int, whom: int, how: str, roles: frozenset[str], if_match: str | None
    ) -> None:
        """Promote or demote somebody."""
        self.give(self.account(who), self.account(whom), how, roles, if_match)

    @rule(who=draws.WHO, whom=draws.WHOM, how=draws.HOW, what=st.sampled_from(("", "/sessions")))
    def look_at(self, who: int, whom: int, how: str, what: str) -> None:
        """Read somebody, or their living sessions."""
        act, target = self.model.read_sessions if what else self.model.read, self.account(whom)
        answer = self.upon(self.account(who), target, how, "GET", "/users/{id}" + what, act)
        if answer is None or answer.status != 200:
            return
        if what:
            found = {one["id"] for one in answer.json["sessions"]}
            assert found == {one.id for one in self.model.sessions_of(target)}
        else:
            assert as_data(answer.json) == target.shown()
            assert answer.headers["ETag"] == f'"v{target.version}"'

    @rule(who=draws.ADMINISTRATOR, how=draws.HOW, filters=FILTERS)
    def look_through(self, who: int, how: str, filters: dict[str, Any]) -> None:
        """Read the list of accounts, filtered."""
        if token := self.token_of(self.account(who), how):
            query = "&".join(f"{name}={str(value).lower()}" for name, value in filters.items())
            path = f"/users?per_page=100&{query}".rstrip("&")
            act = lambda: self.model.listed(token, filters)  # noqa: E731
            answer, expected = self.play("GET", path, act, token=token, route="GET /users")
            if expected is not None:
                found = {one["id"]: as_data(one) for one in answer.json["users"]}
                found.pop(self.auditor.id, None)
                assert found == {account.id: account.shown() for account in expected}

    # --- what the rules are made of

    def change(
        self,
        who: Account,
        whom: Account,
        how: str,
        member: str,
        value: Any,
        *,
        if_match: str | None = None,
    ) -> None:
        """Let somebody change a member of somebody's account; one's own e-mail is another rule."""
        token = self.token_of(who, how)
        if token and not (who is whom and member == "email"):
            self.patch(token, whom, {member: value}, if_match)

    def give(
        self, who: Account, whom: Account, how: str, roles: frozenset[str], if_match: str | None
    ) -> None:
        """Let somebody give somebody exactly these roles."""
        version, headers = self.precondition(whom, if_match)
        self.upon(
            *(who, whom, how, "PUT", "/users/{id}/roles"),
            lambda token, target: self.model.assign(token, target, roles, version),
            headers=headers,
            json={"roles": sorted(roles)},
        )

    def act(
        self, who: Account, whom: Account, how: str, what: str, if_match: str | None = None
    ) -> None:
        """Let somebody do something upon somebody that needs no body."""
        version, headers = self.precondition(whom, if_match)
        model = self.model
        method, path, act, status = {
            "delete": ("DELETE", "", lambda *act: model.delete(*act, version), 204),
            "restore": ("POST", "/restore", lambda *act: model.restore(*act, version), 200),
            "erase": ("POST", "/erase", lambda *act: model.erase(*act, version), 204),
            "sessions": ("DELETE", "/sessions", model.end_sessions_of, 204),
            "unlock": ("POST", "/unlock", model.unlock, 204),
            "password-reset": ("POST", "/password-reset", model.send_reset, 202),
        }[what]
        path = "/users/{id}" + path
        self.upon(who, whom, how, method, path, act, status=status, headers=headers)

    def upon(
        self,
        who: Account,
        whom: Account,
        how: str,
        method: str,
        path: str,
        act: Any,
        **more: Any,
    ) -> Answer | None:
        """Let somebody act upon somebody; None where they have no token at all."""
        token = self.token_of(who, how)
        if token is None:
            return None
        answer, _ = self.play(
            method, path, lambda: act(token, whom), token=token, target=whom, **more
        )
        return answer
