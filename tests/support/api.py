"""A client of the API as an honest program would write it, and the people who use it."""

import json as codec
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from tests.support import described
from tests.support.answers import JSON, Answer, Transport

PREFIX = "/api/v1"
PASSWORD = "a Password of tests"
HOME = "198.51.100.1"
BROWSER = "tests/1.0"

# Everybody's name differs from every other one, also on a server that many tests share.
_run = uuid4().hex[:8]
_numbers = count(1)


def new_email() -> str:
    """Return an address that nobody has."""
    return f"person{next(_numbers)}.{_run}@example.com"


def new_username() -> str:
    """Return a username that nobody has."""
    return f"person-{next(_numbers)}-{_run}"


def new_address() -> str:
    """Return an IPv4 address from which nothing has come yet in this process."""
    number = next(_numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass(frozen=True, slots=True)
class Api:
    """Requests from one address with one user agent; `at` and `using` give another one.

    `get`, `post` and the like take paths below /api/v1, `request` takes any path as it is.
    A 500 is never an expected answer, nor is one that the API description does not name: it
    fails the test where it happens.
    """

    transport: Transport
    address: str = HOME
    agent: str = BROWSER
    token: str | None = None

    def at(self, address: str | None = None) -> "Api":
        """Return the same client at another address, by default a new one."""
        return replace(self, address=address or new_address())

    def using(self, agent: str) -> "Api":
        """Return the same client with another user agent."""
        return replace(self, agent=agent)

    def bearing(self, token: str | None) -> "Api":
        """Return the same client with another access token."""
        return replace(self, token=token)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request with a JSON document, a form, or a body as it is."""
        fields = {"User-Agent": self.agent}
        if self.token is not None:
            fields["Authorization"] = f"Bearer {self.token}"
        if json is not None:
            fields["Content-Type"], body = JSON, codec.dumps(json).encode()
        elif form is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        fields.update(headers or {})
        answer = self.transport.send(method, path, fields, body, self.address)
        assert answer.status != 500, str(answer)
        described.description(self.transport).check(method, path, answer)
        return answer

    def get(self, path: str, **kwargs: Any) -> Answer:
        """Send GET."""
        return self.request("GET", PREFIX + path, **kwargs)

    def post(self, path: str, json: Any = None, **kwargs: Any) -> Answer:
        """Send POST."""
        return self.request("POST", PREFIX + path, json=json, **kwargs)

    def patch(self, path: str, json: Any = None, **kwargs: Any) -> Answer:
        """Send PATCH."""
        return self.request("PATCH", PREFIX + path, json=json, **kwargs)

    def put(self, path: str, json: Any = None, **kwargs: Any) -> Answer:
        """Send PUT."""
        return self.request("PUT", PREFIX + path, json=json, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Answer:
        """Send DELETE."""
        return self.request("DELETE", PREFIX + path, **kwargs)

    def try_log_in(self, name: str, password: str = PASSWORD) -> Answer:
        """Log in and return whatever the answer is."""
        return self.post("/auth/login", {"username": name, "password": password})

    def try_grant(self, name: str, password: str = PASSWORD, **members: str) -> Answer:
        """Ask the token endpoint for tokens by password."""
        form = {"grant_type": "password", "username": name, "password": password, **members}
        return self.post("/auth/token", form=form)

    def try_refresh(self, refresh_token: str) -> Answer:
        """Spend a refresh token and return whatever the answer is."""
        return self.post("/auth/refresh", {"refresh_token": refresh_token})

    def sign_up(
        self, email: str | None = None, password: str = PASSWORD, **members: Any
    ) -> "Person":
        """Make an account, log in, and return the person."""
        body = {"email": email or new_email(), "password": password, **members}
        user = self.post("/users", body).expect(201).json
        return self.log_in(user["email"], password)

    def log_in(self, name: str, password: str = PASSWORD) -> "Person":
        """Log in and return the person with living tokens."""
        tokens = self.try_log_in(name, password).expect(200).json
        api = self.bearing(tokens["access_token"])
        user = api.get("/users/me").expect(200).json
        return Person(
            self.transport,
            self.address,
            self.agent,
            tokens["access_token"],
            id=user["id"],
            email=user["email"],
            password=password,
            refresh_token=tokens["refresh_token"],
        )


@dataclass(frozen=True, slots=True)
class Person(Api):
    """Somebody who has logged in: the client with their tokens, and who they are."""

    id: str = ""
    email: str = ""
    password: str = PASSWORD
    refresh_token: str = ""

    @property
    def stranger(self) -> Api:
        """The same client without a token."""
        return Api(self.transport, self.address, self.agent)

    def me(self) -> dict[str, Any]:
        """Return one's own account as the service shows it."""
        return self.get("/users/me").expect(200).json

    def is_in(self) -> bool:
        """Tell whether the access token opens one's own account."""
        return self.get("/users/me").status == 200

    def again(self) -> "Person":
        """Log in once more, in a session of its own."""
        return self.stranger.log_in(self.email, self.password)

    def refreshed(self) -> "Person":
        """Spend the refresh token and return the person with the new tokens."""
        tokens = self.stranger.try_refresh(self.refresh_token).expect(200).json
        return replace(self, token=tokens["access_token"], refresh_token=tokens["refresh_token"])

    def grant(self, user_id: str, *roles: str) -> Answer:
        """Give somebody exactly these roles."""
        return self.put(f"/users/{user_id}/roles", {"roles": list(roles)})
