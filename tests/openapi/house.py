"""A service in which the people, roles and tokens of the examples exist."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.openapi.document import Case, cases
from tests.support.answers import Answer
from tests.support.api import Api, Person
from tests.support.mailbox import Mailbox
from tests.support.uploads import uploaded

ADA = {
    "email": "ada@example.com",
    "password": "seven green lanterns",
    "username": "ada.lovelace",
    "name": "Ada Lovelace",
    "locale": "en-GB",
}
# Who makes an account is not there before.
MAKES_ADA = {"users_register"}
# What is told for administrators where the lock lets the person in as well.
BY_ADMINISTRATORS = {"users_register-by_an_administrator", "users_change-deactivation"}
# Lists in which something is from the first day.
FILLED = {"users_index", "audit_list_events"}
LOGGED_IN = {"auth_verify_email-logged_in"}


@dataclass
class House:
    """The service with an administrator and a mailbox; `send` makes Ada first."""

    client: Api
    admin: Person
    mailbox: Mailbox

    def send(self, case: Case) -> Answer:
        """Send an example, with ids and tokens of what exists; nobody could make those up."""
        ada = self._ada(case)
        prepare: dict[str, Callable[[Person], object]] = {
            "users_restore": lambda ada: ada.delete("/users/me").expect(204),
            "auth_confirm_password_reset": self._ask_for_reset,
        }
        if ada is not None and case.operation_id in prepare:
            prepare[case.operation_id](ada)
        caller = self._caller(case, ada)
        path = re.sub(r"{(\w+)}", lambda found: self._id(found[1], case, caller, ada), case.path)
        if case.method == "GET" and case.answer.get("next_cursor") and case.name not in FILLED:
            self._make(f"/{path.rpartition('/')[2]}", caller).expect(201)
        body = None if case.body is None else self._real(case.body, ada)
        if case.media_type == "application/x-www-form-urlencoded":
            return caller.request(case.method, path, form=body)
        return caller.request(case.method, path, json=body)

    def _ada(self, case: Case) -> Person | None:
        return None if case.operation_id in MAKES_ADA else self.client.at().sign_up(**ADA)

    def _caller(self, case: Case, ada: Person | None) -> Api:
        if case.name in BY_ADMINISTRATORS or case.lock.startswith("permission"):
            return self.admin
        if ada is not None and (
            case.lock.startswith(("user", "self_or")) or case.name in LOGGED_IN
        ):
            return ada
        return self.client.at()

    def _id(self, name: str, case: Case, caller: Api, ada: Person | None) -> str:
        """Return the id of something that exists: what the example of its making makes."""
        assert ada is not None
        if name == "user_id":
            return ada.id
        if name == "session_id":
            sessions = ada.again().get("/auth/sessions").expect(200).json["sessions"]
            return next(one["id"] for one in sessions if not one["is_current"])
        collection = case.path.partition("/{" + name)[0]
        return str(self._make(collection, caller).expect(201).json["id"])

    def _make(self, collection: str, caller: Api) -> Answer:
        """Send the example by which something comes into a collection."""
        made = (one for one in cases() if one.method == "POST" and one.path.endswith(collection))
        making = next(made, None)
        assert making is not None, f"say here how something gets into {collection}"
        return caller.request("POST", making.path, json=making.body)

    def _real(self, body: dict[str, Any], ada: Person | None) -> dict[str, Any]:
        real = dict(body)
        if ada is not None and "refresh_token" in real:
            real["refresh_token"] = ada.refresh_token
        if ada is not None and "upload_id" in real:
            real["upload_id"] = uploaded(ada)["upload_id"]
        if ada is not None and "token" in real:
            real["token"] = self.mailbox.token(ada.email)
        return real

    def _ask_for_reset(self, ada: Person) -> None:
        self.client.at().post("/auth/password-reset", {"email": ada.email}).expect(202)
