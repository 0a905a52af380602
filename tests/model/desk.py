"""The model of accounts: changing, deleting and restoring, one's own and those of others."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.model.people import RIGHTS, Account, Place, Refused, Token, fold
from tests.model.world import World

RETENTION = timedelta(days=30)


class Desk(World):
    """What the service must say at the doors of `users`."""

    def change(
        self,
        token: Token,
        target: Account,
        body: Mapping[str, Any],
        version: int | None,
        place: Place,
    ) -> None:
        """Change an account."""
        caller = self.caller(token)
        is_own = caller is target
        if not is_own:
            self.require(caller, "users:update")
            if "email" in body:
                self.require_fresh(token)
        if "is_active" in body and "users:update" not in caller.rights:
            raise Refused(422, "validation_failed")
        if "email" in body:
            self._admit_email(caller, target, body, place)
        self.require_living(target, version)
        self.require_rank(caller, target)
        if body.get("is_active") is False:
            self.require_another(target)
        self._refuse_taken(target, body)
        self._apply(caller, target, body)

    def _admit_email(
        self, caller: Account, target: Account, body: Mapping[str, Any], place: Place
    ) -> None:
        if caller is target:
            self.check_password(caller, body["current_password"], place)
            return
        self.require_living(target)
        self.require_rank(caller, target)

    def _refuse_taken(self, target: Account, body: Mapping[str, Any]) -> None:
        for member in ("email", "username"):
            if member in body and self.owner_of(body[member]) not in (None, target):
                raise Refused(409, f"{member}_taken")

    def _apply(self, caller: Account, target: Account, body: Mapping[str, Any]) -> None:
        target.change(self.now)
        if named := {"username", "name", "locale"} & set(body):
            for member in named:
                setattr(target, member, body[member] or None)
            self.record("user.changed", caller, target)
        if "is_active" in body and body["is_active"] != target.is_active:
            target.is_active = body["is_active"]
            if not target.is_active:
                self.end_sessions(target)
            event = "user.activated" if target.is_active else "user.deactivated"
            self.record(event, caller, target)
        if "email" in body:
            self._await_email(caller, target, body["email"])

    def _await_email(self, caller: Account, target: Account, email: str) -> None:
        target.pending_email = None
        if email != target.email:
            target.pending_email = email
            self.link(target, "email_change", email)
            self.record("email.change_requested", caller, target)

    def change_password(self, token: Token, current: str, new: str, place: Place) -> None:
        """Replace one's own password; all other sessions end."""
        account = self.caller(token)
        self.check_password(account, current, place)
        account.password, account.must_change = new, False
        self.end_sessions(account, but=token.session)
        self.kill_links(account)
        account.change(self.now)
        self.record("password.changed", account, account)

    def delete(self, token: Token, target: Account, version: int | None) -> None:
        """Delete an account so that it can come back."""
        caller = self.caller(token)
        if caller is target:
            self.require_fresh(token)
        else:
            self.require(caller, "users:delete")
        self.require_living(target, version)
        self.require_rank(caller, target)
        self.require_another(target)
        target.deleted_at = self.now
        self.end_sessions(target)
        self.kill_links(target)
        target.change(self.now)
        self.record("user.deleted", caller, target)

    def restore(self, token: Token, target: Account, version: int | None) -> None:
        """Bring an account back; its sessions stay ended."""
        caller = self.caller(token)
        self.require(caller, "users:delete")
        self.require_kept(target)
        self.require_rank(caller, target)
        self.require_version(target, version)
        if target.deleted_at is None:
            return
        if self.now - target.deleted_at > RETENTION:
            raise Refused(409, "retention_over")
        if self.owner_of(target.email) is not None:
            raise Refused(409, "email_taken")
        if target.username and self.owner_of(target.username) is not None:
            target.username = None
        target.deleted_at = None
        target.epoch += 1
        target.change(self.now)
        self.record("user.restored", caller, target)

    def erase(self, token: Token, target: Account, version: int | None) -> None:
        """Erase an account for good, deleted or not."""
        caller = self.caller(token)
        self.require(caller, "users:delete")
        self.require_fresh(token)
        self.require_kept(target)
        self.require_rank(caller, target)
        if target.is_open:
            self.require_another(target)
        self.require_version(target, version)
        self._forget(caller, target)

    def keep_house(self) -> None:
        """Erase whoever was deleted too long ago, the longest deleted first."""
        kept = [(one.deleted_at, one.id, one) for one in self.accounts if not one.is_erased]
        due = [one for one in kept if one[0] and self.now - one[0] > RETENTION]
        for _, _, account in sorted(due):
            self._forget(None, account)

    def _forget(self, caller: Account | None, target: Account) -> None:
        target.deleted_at, target.is_erased = self.now, True
        self.end_sessions(target)
        self.kill_links(target)
        self.counters.clear(target)
        for account in self.accounts:
            if account.created_by is target:
                account.created_by = None
        self.record("user.erased", caller, target)

    def assign(
        self, token: Token, target: Account, roles: frozenset[str], version: int | None
    ) -> None:
        """Give a person exactly these roles."""
        caller = self.caller(token)
        self.require(caller, "roles:assign")
        self.require_fresh(token)
        self.require_living(target, version)
        self.require_rank(caller, target)
        if "super_admin" in target.roles - roles and target.is_active:
            self.require_another(target)
        changed = target.roles ^ roles
        if not frozenset().union(*(RIGHTS[role] for role in changed)) <= caller.rights:
            raise Refused(403, "target_outranks")
        if changed:
            target.roles = roles
            target.change(self.now)
            self.record("roles.changed", caller, target)

    def end_sessions_of(self, token: Token, target: Account) -> None:
        """End every session of a person."""
        caller = self._serving(token, target)
        self.end_sessions(target)
        target.version += 1
        self.record("session.all_ended", caller, target)

    def unlock(self, token: Token, target: Account) -> None:
        """Forget the wrong guesses at a password."""
        caller = self._serving(token, target)
        self.counters.clear(target)
        self.record("user.unlocked", caller, target)

    def send_reset(self, token: Token, target: Account) -> None:
        """Mail a link for a new password to a person."""
        caller = self._serving(token, target)
        self.link(target, "password_reset", target.email)
        self.record("password.reset_requested", caller, target)

    def read_sessions(self, token: Token, target: Account) -> None:
        """Look at a person's sessions."""
        self._serving(token, target)

    def read(self, token: Token, target: Account) -> None:
        """Look at an account."""
        caller = self.caller(token)
        if caller is not target:
            self.require(caller, "users:read")
        self.require_living(target)

    def listed(self, token: Token, filters: Mapping[str, Any]) -> list[Account]:
        """Return which accounts a list shows."""
        self.require(self.caller(token), "users:read")
        are_living = not filters.get("deleted", False)
        kept = [account for account in self.accounts if not account.is_erased]
        found = [account for account in kept if account.is_living is are_living]
        for member in ("is_active", "is_verified"):
            if member in filters:
                found = [one for one in found if getattr(one, member) is filters[member]]
        if "role" in filters:
            found = [one for one in found if filters["role"] in one.roles]
        if "q" in filters:
            found = [one for one in found if _begins(one, fold(filters["q"]))]
        return found

    def _serving(self, token: Token, target: Account) -> Account:
        caller = self.caller(token)
        self.require(caller, "users:update")
        self.require_living(target)
        self.require_rank(caller, target)
        return caller


def _begins(account: Account, prefix: str) -> bool:
    return any(fold(n).startswith(prefix) for n in (account.email, account.username or ""))
