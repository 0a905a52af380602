"""Answers are compared with the API description: what it does not name fails a test."""

import copy
from typing import Any

import pytest

from tests.openapi.document import DOCUMENT
from tests.support.api import Api
from tests.support.databases import Sqlite
from tests.support.described import Description

pytestmark = pytest.mark.parametrize("database", [Sqlite.name], indirect=True)

SIGN_UP = "/api/v1/users"


def without(*path: str) -> Description:
    """Return the description with something left out."""
    document: Any = copy.deepcopy(DOCUMENT)
    found = document
    for name in path[:-1]:
        found = found[name]
    if isinstance(found, list):
        found.remove(path[-1])
    else:
        del found[path[-1]]
    return Description(document)


def test_what_is_not_described_is_noticed(client: Api) -> None:
    operation = ("paths", SIGN_UP, "post", "responses")
    email = {"email": "ada@example.com", "password": "seven green lanterns"}
    made = client.post("/users", email).expect(201)
    Description(DOCUMENT).check("POST", SIGN_UP, made)
    for left_out, what in (
        ((*operation, "201"), "has no 201"),
        (("components", "schemas", "User", "properties", "locale"), "locale"),
        (("components", "headers", "ETag"), "ETag"),
    ):
        with pytest.raises((AssertionError, KeyError), match=what):
            without(*left_out).check("POST", SIGN_UP, made)

    taken = client.post("/users", email).expect(409, "email_taken")
    codes = DOCUMENT["paths"][SIGN_UP]["post"]["responses"]["409"].get("$ref", "").split("/")[1:]
    where = (*codes, "x-error-codes") if codes else (*operation, "409", "x-error-codes")
    with pytest.raises(AssertionError, match="run `make openapi`"):
        without(*where, "email_taken").check("POST", SIGN_UP, taken)


@pytest.mark.settings(LIMITS="login=2/minute")
def test_r49_a_limit_that_holds_says_which_it_is(client: Api) -> None:
    for _ in range(2):
        client.try_log_in("nobody@example.com").expect(401)
    answer = client.try_log_in("nobody@example.com").expect(429, "rate_limited")
    assert answer.headers["RateLimit-Policy"] == '"login";q=2;w=60'
    assert answer.headers["RateLimit"] == f'"login";r=0;t={answer.retry_after}'
    assert 0 < answer.retry_after <= 61
