"""Who sends the generated requests: an administrator whose log-in is always fresh."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from flask import Flask

from tests.support import people
from tests.support.api import Api

FRESH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session that nobody has ended yet."""

    email: str
    password: str
    token: str
    refresh_token: str

    @property
    def session_id(self) -> str:
        """The session's id, as the access token names it."""
        payload = self.token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
        return str(claims["sid"])


class Administrator:
    """Is freshly logged in for every request, whatever other requests did to the session before."""

    def __init__(self, app: Flask, client: Api) -> None:
        self._app = app
        self._client = client
        self._account: tuple[str, str] | None = None
        # With another one beside it the last super_admin is not guarded against every request.
        people.make_super_admin(app)
        self._session: LoggedIn | None = None
        self._logged_in_at = 0.0
        self._is_doubtful = False
        self.log_ins = 0

    def session(self) -> LoggedIn:
        """Return a session that lives, of an account with all rights."""
        is_stale = time.monotonic() - self._logged_in_at > FRESH_SECONDS
        if self._session is None or is_stale or (self._is_doubtful and not self._is_good()):
            self._session = self._log_in()
            self._logged_in_at = time.monotonic()
        self._is_doubtful = False
        return self._session

    def doubt(self) -> None:
        """Look before the next request whether the session still lives."""
        self._is_doubtful = True

    def _is_good(self) -> bool:
        assert self._session is not None
        answer = self._client.bearing(self._session.token).get("/users/me")
        if answer.status == 200 and not answer.json["is_superuser"]:
            self._account = None
        return answer.status == 200 and self._account is not None

    def _log_in(self) -> LoggedIn:
        for _ in range(2):
            if self._account is None:
                self._account = people.make_super_admin(self._app)
            answer = self._client.try_log_in(*self._account)
            if answer.status == 200:
                self.log_ins += 1
                tokens = answer.json
                return LoggedIn(*self._account, tokens["access_token"], tokens["refresh_token"])
            # The account is gone, throttled, or has another password: another one goes on.
            self._account = None
        raise AssertionError(str(answer))
