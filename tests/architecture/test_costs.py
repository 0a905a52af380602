"""What requests cost, so that nobody makes one dearer unnoticed."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.support.api import Api, Person, new_email, new_username
from tests.support.clocks import Clock
from tests.support.counting import Cost

Counted = Callable[[], AbstractContextManager[Cost]]
WRONG = "a wrong Password of tests"


def test_looking_at_oneself_is_one_query(client: Api, counted: Counted) -> None:
    person = client.sign_up()
    for _ in range(2):
        with counted() as cost:
            person.get("/users/me").expect(200)
        assert (cost.queries, cost.commits, cost.redis_calls) == (1, 0, 0), cost.statements


def test_a_refused_token_costs_no_query(client: Api, counted: Counted) -> None:
    client.sign_up()
    with counted() as cost:
        client.bearing("a.b.c").get("/users/me").expect(401)
    assert (cost.queries, cost.commits, cost.redis_calls) == (0, 0, 0), cost.statements


@pytest.mark.parametrize(
    "path",
    [
        "/users",
        "/users?per_page=5&sort=-email&q=p",
        "/users?role=admin&is_active=true",
        "/users?page=2&per_page=2",
        "/roles",
        "/audit-events",
    ],
)
def test_a_list_is_two_queries(client: Api, admin: Person, counted: Counted, path: str) -> None:
    for _ in range(6):
        client.sign_up()
    admin.get(path).expect(200)  # the id behind a role's name is remembered from here on
    with counted() as cost:
        admin.get(path).expect(200)
    assert cost.queries <= 2, cost.statements
    assert (cost.commits, cost.redis_calls) == (0, 0)


def test_one_account_is_two_queries(client: Api, admin: Person, counted: Counted) -> None:
    person = client.sign_up()
    with counted() as cost:
        admin.get(f"/users/{person.id}").expect(200)
    assert (cost.queries, cost.commits, cost.redis_calls) == (2, 0, 0), cost.statements


def test_a_log_in_is_six_statements_and_two_commits(client: Api, counted: Counted) -> None:
    person = client.sign_up()
    client.at().try_log_in(person.email).expect(200)
    for place in (client, client.at()):
        with counted() as cost:
            place.try_log_in(person.email).expect(200)
        assert cost.queries <= 6, "\n".join(cost.statements)
        assert cost.commits == 2


def test_a_failed_log_in_costs_the_same_for_names_that_nobody_has(
    client: Api, admin: Person, counted: Counted
) -> None:
    known, inactive = client.sign_up(), client.sign_up()
    admin.patch(f"/users/{inactive.id}", {"is_active": False}).expect(200)
    costs = {}
    for name in (known.email, inactive.email, new_email(), new_username(), known.email.upper()):
        stranger = client.at()
        with counted() as cost:
            stranger.try_log_in(name, WRONG).expect(401)
        assert cost.queries <= 6, "\n".join(cost.statements)
        costs[name] = (cost.queries, cost.commits, cost.redis_calls)
    assert len(set(costs.values())) == 1, costs
    assert next(iter(costs.values()))[1] == 2


def test_a_throttled_guess_costs_the_same_for_names_that_nobody_has(
    client: Api, counted: Counted, clock: Clock
) -> None:
    clock.stop()
    costs = set()
    for name in (client.sign_up().email, new_email()):
        for _ in range(10):
            client.at().try_log_in(name, WRONG).expect(401)
        stranger = client.at()
        with counted() as cost:
            stranger.try_log_in(name, WRONG).expect(429)
        costs.add((cost.queries, cost.commits, cost.redis_calls))
    assert len(costs) == 1


def test_a_refresh_is_one_transaction(client: Api, counted: Counted) -> None:
    person = client.sign_up()
    with counted() as cost:
        person.refreshed()
    # One statement rotates; `refreshed` looks at nothing else.
    assert cost.queries <= 2, cost.statements
    assert cost.commits == 1


@pytest.mark.parametrize("path", ["/auth/password-reset", "/auth/verify-email/resend"])
def test_a_request_for_mail_costs_the_same_for_everybody(
    client: Api, counted: Counted, path: str
) -> None:
    costs = set()
    for email in (client.sign_up().email, new_email()):
        stranger = client.at()
        with counted() as cost:
            stranger.post(path, {"email": email}).expect(202)
        costs.add((cost.queries, cost.commits, cost.redis_calls))
    assert len(costs) == 1
    assert next(iter(costs))[:2] == (1, 1)


def test_probes_cost_next_to_nothing(client: Api, counted: Counted) -> None:
    with counted() as cost:
        client.request("GET", "/health").expect(200)
    assert (cost.queries, cost.commits, cost.redis_calls) == (0, 0, 0)
    client.request("GET", "/ready").expect(200)  # reads the signing keys, for the next 30 s
    with counted() as cost:
        client.request("GET", "/ready").expect(200)
    assert cost.queries == 1
    assert cost.commits == 0
