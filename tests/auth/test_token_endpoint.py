"""The token endpoint, as RFC 6749 (sections 4.3, 5 and 6) has it."""

from collections.abc import Callable

import pytest

from tests.support import forge
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person


@pytest.fixture
def person(client: Api) -> Person:
    """Return somebody who has signed up."""
    return client.sign_up()


@pytest.fixture
def ask(client: Api) -> Callable[..., Answer]:
    """Return a function that sends a form."""
    return lambda **form: client.post("/auth/token", form=form)


def test_each_grant_gives_both_tokens(ask: Callable[..., Answer], person: Person) -> None:
    first = ask(grant_type="password", username=person.email, password=PASSWORD).expect(200)
    token = first.json["refresh_token"]
    second = ask(grant_type="refresh_token", refresh_token=token).expect(200)
    for answer in (first, second):
        assert answer.json.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
        assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 900)
        assert answer.headers["Cache-Control"] == "no-store"
    said = [forge.parts(answer.json["access_token"])[1] for answer in (first, second)]
    # One session, and still the log-in of its beginning.
    assert said[0]["sid"] == said[1]["sid"]
    assert said[0]["auth_time"] == said[1]["auth_time"]
    assert said[0]["amr"] == said[1]["amr"] == ["pwd"]


@pytest.mark.parametrize(
    ("form", "missing"),
    [
        ({}, "grant_type"),
        ({"grant_type": ""}, "grant_type"),
        ({"grant_type": "password", "password": "x"}, "username"),
        ({"grant_type": "password", "username": "", "password": "x"}, "username"),
        ({"grant_type": "password", "username": "x"}, "password"),
        ({"grant_type": "refresh_token"}, "refresh_token"),
    ],
)
def test_what_is_missing_is_named(
    ask: Callable[..., Answer], form: dict[str, str], missing: str
) -> None:
    answer = ask(**form).expect(400)
    assert answer.json["error"] == "invalid_request"
    assert f"The parameter {missing} is missing." in str(answer)


@pytest.mark.parametrize("grant", ["client_credentials", "PASSWORD", "refresh-token", "code"])
def test_other_grants_there_are_none(ask: Callable[..., Answer], grant: str) -> None:
    answer = ask(grant_type=grant, username="x", password="x", refresh_token="x").expect(400)
    assert answer.json["error"] == "unsupported_grant_type"


def test_wrong_credentials_and_spent_tokens_are_one_error(
    ask: Callable[..., Answer], person: Person
) -> None:
    wrong = ask(grant_type="password", username=person.email, password="a wrong one")
    odd = ask(grant_type="refresh_token", refresh_token="no token")
    for answer in (wrong, odd):
        assert answer.expect(400, "invalid_grant").json["error"] == "invalid_grant"
    assert wrong.json["error_description"] != odd.json["error_description"]


@pytest.mark.settings(LIMITS="login=2/minute")
def test_a_grant_counts_like_a_log_in_from_its_address(client: Api) -> None:
    """R49: the two doors share their limit, and another address has its own."""
    person = client.sign_up()
    client.try_grant(person.email).expect(200)
    client.try_grant(person.email).expect(429, "rate_limited")
    client.try_log_in(person.email).expect(429, "rate_limited")
    # A refresh is no log-in.
    person.refreshed()
    client.at().try_grant(person.email).expect(200)


def test_r12_a_dead_refresh_token_is_challenged(client: Api, person: Person) -> None:
    """RFC 6750, section 3: the answer names the scheme and the error."""
    person.post("/auth/logout").expect(204)
    for token in (person.refresh_token, "nonsense"):
        answer = client.try_refresh(token).expect(401, "invalid_refresh_token")
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
