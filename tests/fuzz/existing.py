"""What exists, for requests that chance alone would never aim at it: ids, passwords, tokens."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from flask import Flask

from gatehouse import one_time
from gatehouse.infra import db
from gatehouse.one_time import Purpose
from tests.fuzz.callers import Administrator, LoggedIn
from tests.support import stored
from tests.support.api import PASSWORD, Api, new_email, new_username
from tests.support.uploads import uploaded

Members = dict[str, Any]
NEW_PASSWORD = "another Password of tests"


class Existing:
    """Makes what a request is aimed at, just before it is sent."""

    def __init__(self, app: Flask, client: Api, admin: Administrator) -> None:
        self._app = app
        self._client = client
        self._admin = admin
        self._ids: dict[str, Callable[[LoggedIn], str]] = {
            "user_id": lambda _: str(self._person()["id"]),
            "role_id": lambda _: self._role(),
            "session_id": lambda caller: caller.session_id,
        }
        # A whole body takes the place of the generated one.
        self._bodies: dict[str, Callable[[LoggedIn], Members]] = {
            "POST /auth/login": lambda _: self._credentials(),
            "POST /auth/token": lambda _: {"grant_type": "password", **self._credentials()},
            "POST /auth/refresh": lambda _: {"refresh_token": self._refresh_token()},
            "POST /auth/reauthenticate": lambda caller: {"password": caller.password},
            "POST /auth/verify-email": lambda _: {
                "token": self._token(Purpose.VERIFY_EMAIL),
                "password": PASSWORD,
            },
            "POST /auth/password-reset/confirm": lambda _: {
                "token": self._token(Purpose.PASSWORD_RESET),
                "new_password": NEW_PASSWORD,
            },
            "POST /users/me/avatar/confirm": lambda caller: {
                "upload_id": uploaded(self._client.bearing(caller.token))["upload_id"]
            },
            "POST /users/me/password": lambda caller: {
                "current_password": caller.password,
                "new_password": NEW_PASSWORD,
            },
        }

    def aim_path(self, parameters: Members, caller: LoggedIn) -> None:
        """Put ids of what exists into a path."""
        for name in parameters.keys() & self._ids.keys():
            parameters[name] = self._ids[name](caller)

    def aimed_body(self, label: str, body: Any, caller: LoggedIn) -> Any:
        """Return a body with what the operation needs to succeed."""
        if make := self._bodies.get(label):
            return make(caller)
        if not isinstance(body, dict):
            return body
        known = {
            "email": new_email(),
            "username": new_username(),
            "password": PASSWORD,
            "current_password": caller.password,
            "roles": ["user"],
            "permissions": ["users:read"],
        }
        return body | {name: value for name, value in known.items() if name in body}

    def targets(self, caller: LoggedIn) -> dict[str, str]:
        """Return an id of what exists for each parameter of a path, braces and all."""
        return {f"{{{name}}}": make(caller) for name, make in self._ids.items()}

    def token_of_somebody(self) -> str:
        """Return the access token of a person without any rights."""
        answer = self._client.try_log_in(self._person()["email"]).expect(200)
        return str(answer.json["access_token"])

    def _person(self) -> Members:
        body = {"email": new_email(), "password": PASSWORD}
        found: Members = self._client.post("/users", body).expect(201).json
        return found

    def _credentials(self) -> Members:
        return {"username": self._person()["email"], "password": PASSWORD}

    def _refresh_token(self) -> str:
        answer = self._client.try_log_in(self._person()["email"]).expect(200)
        return str(answer.json["refresh_token"])

    def _role(self) -> str:
        client = self._client.bearing(self._admin.session().token)
        answer = client.post("/roles", {"name": f"fuzzed-{uuid4().hex[:12]}"}).expect(201)
        return str(answer.json["id"])

    def _token(self, purpose: Purpose) -> str:
        """Return the token that a mail would carry."""
        user = stored.account(self._app, self._person()["id"])
        with self._app.app_context(), db.unit():
            token_id = one_time.issue(
                purpose, user_id=user["id"], address=user["email"], epoch=user["session_epoch"]
            )
            return one_time.token(token_id, purpose)
