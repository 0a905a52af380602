"""Rules: what people with rights, and people without, try upon the accounts of others."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import draws
from tests.model.people import HOME, STEWARD, Account, Token
from tests.model.rules_of_accounts import MEMBERS, AccountRules
from tests.model.rules_of_sessions import SessionRules
from tests.model.stage import FRESH, as_data

ROLES = st.sampled_from(
    tuple(
        map(
            frozenset,
            (
                ("user",),
                ("user", "admin"),
                ("user", STEWARD),
                ("user", "super_admin"),
                (),
                ("admin", STEWARD),
            ),
        )
    )
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

Act = Callable[[Token, Account], Any]


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
        token, target = self.token_of(self.account(who), how), self.account(whom)
        if token and not (token.account is target and member[0] == "email"):
            self.patch(token, target, dict([member]), if_match)

    @rule(who=draws.ADMINISTRATOR, whom=draws.WHOM, how=draws.HOW, if_match=draws.IF_MATCH)
    def delete(self, who: int, whom: int, how: str, if_match: str | None) -> None:
        """Delete somebody."""
        version, headers = self.precondition(self.account(whom), if_match)
        act: Act = lambda token, target: self.model.delete(token, target, version)  # noqa: E731
        self.upon(who, whom, how, "DELETE", "/users/{id}", act, status=204, headers=headers)

    @rule(who=draws.ADMINISTRATOR, whom=draws.WHOM, how=draws.HOW, if_match=draws.IF_MATCH)
    def restore(self, who: int, whom: int, how: str, if_match: str | None) -> None:
        """Bring somebody back."""
        version, headers = self.precondition(self.account(whom), if_match)
        act: Act = lambda token, target: self.model.restore(token, target, version)  # noqa: E731
        self.upon(who, whom, how, "POST", "/users/{id}/restore", act, headers=headers)

    @rule(
        who=draws.ADMINISTRATOR,
        whom=draws.WHOM,
        how=st.sampled_from((FRESH, FRESH, FRESH, "any")),
        roles=ROLES,
        if_match=draws.IF_MATCH,
    )
    def assign(
        self, who: int, whom: int, how: str, roles: frozenset[str], if_match: str | None
    ) -> None:
        """Promote or demote somebody."""
        version, headers = self.precondition(self.account(whom), if_match)
        act: Act = lambda token, target: self.model.assign(token, target, roles, version)  # noqa: E731
        body = {"roles": sorted(roles)}
        path = "/users/{id}/roles"
        self.upon(who, whom, how, "PUT", path, act, headers=headers, json=body)

    @rule(
        who=draws.ADMINISTRATOR,
        whom=draws.WHOM,
        how=draws.HOW,
        service=st.sampled_from(("sessions", "unlock", "password-reset")),
    )
    def serve(self, who: int, whom: int, how: str, service: str) -> None:
        """End somebody's sessions, forget wrong guesses, or mail a link for a new password."""
        method, act, status = {
            "sessions": ("DELETE", self.model.end_sessions_of, 204),
            "unlock": ("POST", self.model.unlock, 204),
            "password-reset": ("POST", self.model.send_reset, 202),
        }[service]
        self.upon(who, whom, how, method, "/users/{id}/" + service, act, status=status)

    @rule(
        whom=draws.WHOM,
        is_deleted=st.booleans(),
        is_reopened=st.sampled_from((True, True, False)),
        pause=st.sampled_from((0, 0, 5)),
    )
    def close(self, whom: int, is_deleted: bool, is_reopened: bool, pause: int) -> None:
        """Delete or deactivate somebody, who refreshes then; perhaps open the account again."""
        target = self.account(whom)
        sessions = self.model.sessions_of(target)
        if is_deleted:
            self.delete(0, whom, FRESH, None)
        else:
            self.change_other(0, whom, FRESH, ("is_active", False), None)
        self.let_pass(seconds=pause)
        for session in sessions[:1]:
            self.spend(session, session.generation, HOME)
        if is_reopened and is_deleted:
            self.restore(0, whom, FRESH, None)
        elif is_reopened:
            self.change_other(0, whom, FRESH, ("is_active", True), None)
        for session in sessions[1:2]:
            self.spend(session, session.generation, HOME)

    @rule(who=draws.WHO, whom=draws.WHOM, how=draws.HOW, what=st.sampled_from(("", "/sessions")))
    def look_at(self, who: int, whom: int, how: str, what: str) -> None:
        """Read somebody, or their living sessions."""
        act, target = self.model.read_sessions if what else self.model.read, self.account(whom)
        answer = self.upon(who, whom, how, "GET", "/users/{id}" + what, act)
        if answer is None or answer.status != 200:
            return
        if what:
            found = {one["id"] for one in answer.json["sessions"]}
            assert found == {one.id for one in self.model.sessions_of(target)}
        else:
            assert as_data(answer.json) == target.shown()

    @rule(who=draws.ADMINISTRATOR, how=draws.HOW, filters=FILTERS)
    def look_through(self, who: int, how: str, filters: dict[str, Any]) -> None:
        """Read the list of accounts, filtered."""
        if token := self.token_of(self.account(who), how):
            query = "&".join(f"{name}={str(value).lower()}" for name, value in filters.items())
            path = f"/users?per_page=100&{query}".rstrip("&")
            act = lambda: self.model.listed(token, filters)  # noqa: E731
            answer, expected = self.play("GET", path, act, token=token, route="GET /users")
            if expected is not None:
                found = [as_data(one) for one in answer.json["users"]]
                found = [one for one in found if one["id"] != self.auditor.id]
                by_id = lambda user: user["id"]  # noqa: E731
                shown = [account.shown() for account in expected]
                assert sorted(found, key=by_id) == sorted(shown, key=by_id)

    def upon(
        self, who: int, whom: int, how: str, method: str, path: str, act: Act, **more: Any
    ) -> Any:
        """Let somebody act upon somebody; None where they have no token at all."""
        token, target = self.token_of(self.account(who), how), self.account(whom)
        if token is None:
            return None
        answer, _ = self.play(
            method, path, lambda: act(token, target), token=token, target=target, **more
        )
        return answer
