"""Rules: changing one's own account and password, and leaving."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import draws
from tests.model.people import AWAY, HOME, Account, Place, Token
from tests.model.stage import Stage

MEMBERS = st.one_of(
    st.tuples(st.just("username"), st.sampled_from(draws.USERNAMES)),
    st.tuples(st.just("name"), st.sampled_from(("", "Ann", "Somebody Else"))),
    st.tuples(st.just("locale"), st.sampled_from(("de", "en-GB"))),
)


class AccountRules(Stage):
    """Acts upon one's own account."""

    @rule(
        who=draws.WHO,
        how=draws.HOW,
        member=MEMBERS,
        spelling=draws.SPELLINGS,
        if_match=draws.IF_MATCH,
        by_id=st.booleans(),
    )
    def change_oneself(
        self,
        who: int,
        how: str,
        member: tuple[str, str],
        spelling: str,
        if_match: str | None,
        by_id: bool,
    ) -> None:
        """Change one's own name, username or locale."""
        account, (name, value) = self.account(who), member
        if name == "username":
            value = draws.spelled(value, spelling)
        if token := self.token_of(account, how):
            self.patch(token, account, {name: value}, if_match, is_own=not by_id)

    @rule(
        who=draws.WHO,
        how=draws.HOW,
        email=st.sampled_from(draws.EMAILS),
        spelling=draws.SPELLINGS,
        password=draws.GUESSES,
        if_match=draws.IF_MATCH,
    )
    def change_own_email(
        self,
        who: int,
        how: str,
        email: str,
        spelling: str,
        password: str,
        if_match: str | None,
    ) -> None:
        """Ask for another address, which has to confirm; the present one cancels."""
        account = self.account(who)
        guess = draws.guess(password, account.password)
        body = {"email": draws.spelled(email, spelling), "current_password": guess}
        if token := self.token_of(account, how):
            self.patch(token, account, body, if_match, is_own=True)

    def patch(
        self,
        token: Token,
        target: Account,
        body: dict[str, Any],
        if_match: str | None,
        *,
        is_own: bool = False,
    ) -> None:
        """Change an account; the answer is the account as it is then."""
        version, headers = self.precondition(target, if_match)
        answer, _ = self.play(
            "PATCH",
            "/users/me" if is_own else "/users/{id}",
            lambda: self.model.change(token, target, body, version, HOME),
            token=token,
            target=None if is_own else target,
            headers=headers,
            json=body,
        )
        if answer.status == 200:
            assert answer.headers["ETag"] == f'"v{target.version}"'

    @rule(
        who=draws.WHO,
        how=draws.HOW,
        password=draws.GUESSES,
        new=st.sampled_from(draws.PASSWORDS),
        place=st.sampled_from((HOME, AWAY)),
    )
    def change_password(self, who: int, how: str, password: str, new: str, place: Place) -> None:
        """Replace one's own password."""
        account = self.account(who)
        current = draws.guess(password, account.password)
        if token := self.token_of(account, how):
            self.replace_password(token, current, new, place)

    def replace_password(self, token: Token, current: str, new: str, place: Place = HOME) -> None:
        """Replace one's own password."""
        self.play(
            "POST",
            "/users/me/password",
            lambda: self.model.change_password(token, current, new, place),
            status=204,
            token=token,
            place=place,
            json={"current_password": current, "new_password": new},
        )

    @rule(
        who=draws.WHO, how=draws.HOW, minutes=st.sampled_from((0, 0, 11)), if_match=draws.IF_MATCH
    )
    def leave(self, who: int, how: str, minutes: int, if_match: str | None) -> None:
        """Delete oneself, perhaps when the log-in is no longer fresh."""
        account = self.account(who)
        version, headers = self.precondition(account, if_match)
        if token := self.token_of(account, how):
            self.let_pass(minutes=minutes)
            self.play(
                "DELETE",
                "/users/me",
                lambda: self.model.delete(token, account, version),
                status=204,
                token=token,
                headers=headers,
            )
