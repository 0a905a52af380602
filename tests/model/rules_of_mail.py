"""Rules: links in mails, and what they open."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import draws
from tests.model.people import AWAY, HOME, Account, Link, Place, Token
from tests.model.stage import LIVING, Stage

EMAIL, RESET = ("verify_email", "email_change"), ("password_reset", "password_change")


class MailRules(Stage):
    """Recovery and verification."""

    @rule(email=st.sampled_from(draws.EMAILS), spelling=draws.SPELLINGS, is_forgotten=st.booleans())
    def ask_for_mail(self, email: str, spelling: str, is_forgotten: bool) -> None:
        """Ask for a new password, or for verification, at an address, known or not."""
        named = draws.spelled(email, spelling)
        if is_forgotten:
            self.ask_for_reset(named)
            return
        act = lambda: self.model.resend(named)  # noqa: E731
        path = "/auth/verify-email/resend"
        self.play("POST", path, act, status=202, json={"email": named})

    def ask_for_reset(self, email: str) -> None:
        """Ask for a new password."""
        act = lambda: self.model.request_reset(email)  # noqa: E731
        self.play("POST", "/auth/password-reset", act, status=202, json={"email": email})

    def recover(self, account: Account, place: Place) -> None:
        """Ask for a new password and set it at once."""
        self.ask_for_reset(account.email)
        if link := self.link(RESET, 0):
            self.confirm(link, draws.PASSWORDS[1], place)

    @rule(
        number=draws.NUMBERS,
        purposes=st.sampled_from((RESET, RESET, EMAIL)),
        new=st.sampled_from(draws.PASSWORDS),
        place=st.sampled_from((HOME, AWAY)),
    )
    def confirm_reset(self, number: int, purposes: tuple[str, ...], new: str, place: Place) -> None:
        """Set a new password by one of the latest links, dead ones and wrong ones too."""
        if link := self.link(purposes, number):
            self.confirm(link, new, place)

    def confirm(self, link: Link, new: str, place: Place) -> None:
        """Set a new password by a link."""
        self.play(
            "POST",
            "/auth/password-reset/confirm",
            lambda: self.model.confirm_reset(link, new, place),
            status=204,
            place=place,
            json={"token": link.text, "new_password": new},
        )

    @rule(
        number=draws.NUMBERS,
        purposes=st.sampled_from((EMAIL, EMAIL, RESET)),
        proof=st.sampled_from(("none", "own", "own", "stranger", "password", "new")),
        password=draws.GUESSES,
        who=draws.WHO,
        place=st.sampled_from((HOME, AWAY)),
        times=st.sampled_from((1, 2)),
    )
    def confirm_address(
        self,
        number: int,
        purposes: tuple[str, ...],
        proof: str,
        password: str,
        who: int,
        place: Place,
        times: int,
    ) -> None:
        """Confirm an address by one of the latest links and some proof of the account."""
        link = self.link(purposes, number)
        if link is None:
            return
        token, proofs = None, dict[str, str]()
        if proof in ("own", "stranger"):
            token = self.token_of(link.account if proof == "own" else self.account(who), LIVING)
        elif proof == "password":
            proofs["password"] = draws.guess(password, link.account.password)
        elif proof == "new":
            proofs["new_password"] = draws.PASSWORDS[1]
        for _ in range(times):
            self.prove(link, place, token, **proofs)

    def prove(self, link: Link, place: Place, token: Token | None, **proofs: str) -> None:
        """Confirm an address by a link and a proof of the account."""
        self.play(
            "POST",
            "/auth/verify-email",
            lambda: self.model.verify(link, place, token=token, **proofs),
            status=204,
            token=token,
            place=place,
            json={"token": link.text, **proofs},
        )

    def link(self, purposes: tuple[str, ...], number: int) -> Link | None:
        """Return one of the latest links for one of these purposes."""
        known = [link for link in self.model.links if link.purpose in purposes]
        return known[-1 - number % min(3, len(known))] if known else None
