"""Every door of the service: the routes with their locks, and what their bodies look like."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from flask import Flask

from gatehouse.web.locks import Kind, Lock, lock_of
from tests.support.api import PASSWORD, Api, Person, new_email, new_username

PROTECTED = frozenset({Kind.USER, Kind.SELF_OR, Kind.PERMISSION})


@dataclass(frozen=True, slots=True)
class Door:
    """One method of one route, and its lock."""

    method: str
    rule: str
    lock: Lock

    def path(self, value: object) -> str:
        """Return the path with `value` as its id."""
        return re.sub("<[^>]+>", str(value), self.rule)

    @property
    def described(self) -> tuple[str, str]:
        """Method and path as the API description spells them."""
        return self.method, re.sub("<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", self.rule)

    @property
    def has_id(self) -> bool:
        """Whether the path names something by its id."""
        return "<" in self.rule

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


def doors(app: Flask) -> list[Door]:
    """Return every method of every route; HEAD and OPTIONS are left to the tests that mean them."""
    found = []
    for rule in app.url_map.iter_rules():
        lock = lock_of(app.view_functions[rule.endpoint])
        assert lock is not None
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found += [Door(method, rule.rule, lock) for method in methods]
    return sorted(found, key=str)


def protected(app: Flask) -> list[Door]:
    """Return the doors that open for nobody without a token."""
    return [door for door in doors(app) if door.lock.kind in PROTECTED]


@dataclass(frozen=True, slots=True)
class Body:
    """An operation that takes JSON: where it is, a body that fits, and its members' schemas."""

    method: str
    path: str
    sample: dict[str, Any]
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def document(client: Api) -> dict[str, Any]:
    """Return the API description."""
    found: dict[str, Any] = client.request("GET", "/openapi.json").expect(200).json
    return found


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give method, path and description of every operation."""
    for path, item in description["paths"].items():
        for method, operation in item.items():
            if method in ("get", "put", "post", "patch", "delete"):
                yield method.upper(), path, operation


def bodies(client: Api, *, person: Person, role_id: str | None = None) -> list[Body]:
    """Return every operation that takes JSON, aimed at `person` and at one role."""
    description = document(client)
    found = []
    for method, path, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        ids = {"user_id": person.id, "role_id": role_id or uuid4()}
        concrete = re.sub(
            "{([a-z_]+)}", lambda match, ids=ids: str(ids.get(match[1], uuid4())), path
        )
        members = _properties(description, content["application/json"]["schema"])
        found.append(Body(method, concrete, sample(members), members))
    return found


def samples(client: Api) -> dict[tuple[str, str], dict[str, Any]]:
    """Return a body that fits for every operation that takes JSON, by method and path."""
    description = document(client)
    return {
        (method, path): sample(_properties(description, content["application/json"]["schema"]))
        for method, path, operation in operations(description)
        if "application/json" in (content := operation.get("requestBody", {}).get("content", {}))
    }


def sample(members: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a body with every member, as the examples of the description have it.

    What has to be of this person, or nobody else's, is.
    """
    own = {
        "email": new_email(),
        "username": new_username(),
        "password": PASSWORD,
        "current_password": PASSWORD,
        "new_password": f"{PASSWORD} anew",
        "token": f"{uuid4()}.{'0' * 64}",
    }
    return {name: own.get(name, told["examples"][0]) for name, told in members.items()}


def _properties(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = schema["properties"]
    return found
