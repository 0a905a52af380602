"""What the time of an answer tells (R44, R45)."""

import socket
from collections.abc import Callable
from contextlib import ExitStack, closing
from itertools import product
from time import perf_counter

import pytest

from tests.support import stored
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.databases import Database, PostgreSql
from tests.support.live import Servers
from tests.support.mailbox import Mailbox

WRONG = "a wrong Password of tests"
SAMPLES = 30
# What half of the answers take at most: far less than the mail server is waited for.
TYPICAL_SECONDS = 1.0
MAIL_REQUESTS = ("/auth/password-reset", "/auth/verify-email/resend")


def seconds(action: Callable[[], Answer], status: int) -> float:
    """Return how long an action takes."""
    begin = perf_counter()
    answer = action()
    taken = perf_counter() - begin
    answer.expect(status)
    return taken


def area_under_curve(some: list[float], others: list[float]) -> float:
    """Return how often one of the first took longer than one of the second: 0.5 tells nothing."""
    wins = [(a > b) + (a == b) / 2 for a, b in product(some, others)]
    return sum(wins) / len(wins)


@pytest.mark.settings(BCRYPT_ROUNDS="7")
def test_r44_unknown_wrong_and_inactive_take_as_long(client: Api, admin: Person) -> None:
    def account(**members: object) -> str:
        body = {"email": new_email(), "password": PASSWORD, **members}
        return str(admin.post("/users", body).expect(201).json["email"])

    known = [account() for _ in range(SAMPLES)]
    inactive = [account(is_active=False) for _ in range(SAMPLES)]
    unknown = [new_email() for _ in range(SAMPLES)]
    client.at().try_log_in(new_email(), WRONG)
    took: dict[str, list[float]] = {"known": [], "inactive": [], "unknown": []}
    # One after the other, so that a slow moment of the machine meets all of them.
    for names in zip(known, inactive, unknown, strict=True):
        for kind, name in zip(took, names, strict=True):
            stranger = client.at()
            took[kind].append(seconds(lambda: stranger.try_log_in(name, WRONG), 401))  # noqa: B023
    assert 0.2 <= area_under_curve(took["known"], took["unknown"]) <= 0.8
    assert 0.2 <= area_under_curve(took["inactive"], took["unknown"]) <= 0.8


@pytest.mark.parametrize("path", MAIL_REQUESTS)
def test_r45_requests_for_mail_take_as_long_and_say_the_same(client: Api, path: str) -> None:
    took = compared(client, path)
    assert 0.2 <= area_under_curve(took[True], took[False]) <= 0.8


def test_r45_f7_also_while_the_mail_server_hangs(
    database: Database, servers: Servers, request: pytest.FixtureRequest
) -> None:
    """The threads that send mail hang indeed, and no request notices, for known or unknown."""
    shared = {}
    if database.name == PostgreSql.name:
        shared["REDIS_URL"] = request.getfixturevalue("redis_url")
    with ExitStack() as stack:
        hole = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        mail = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(hole.getsockname()[1])}
        live = servers.start(database.name, stack, SMTP_TLS="none", **mail, **shared)
        live.client.sign_up()
        hole.settimeout(10)
        stack.enter_context(closing(hole.accept()[0]))
        for path in MAIL_REQUESTS:
            took = compared(live.client, path)
            assert 0.2 <= area_under_curve(took[True], took[False]) <= 0.8
            assert sorted(took[True] + took[False])[SAMPLES] < TYPICAL_SECONDS
        outbox = stored.tables(live.app)["outbox"]
        states = {row["state"] for row in outbox if row["kind"] == "mail"}
        assert "leased" in states
        assert "done" not in states


def compared(client: Api, path: str) -> dict[bool, list[float]]:
    """Ask for mail to known and unknown addresses in turn; return the seconds of each.

    Fails unless all answers are the same.
    """
    known = [new_email() for _ in range(SAMPLES)]
    for email in known:
        client.at().post("/users", {"email": email, "password": PASSWORD}).expect(201)
    took: dict[bool, list[float]] = {True: [], False: []}
    said = set()
    for email in known:
        for is_known, address in ((True, email), (False, new_email())):
            stranger = client.at()
            begin = perf_counter()
            answer = stranger.post(path, {"email": address}).expect(202)
            took[is_known].append(perf_counter() - begin)
            said.add(answer.content)
    assert len(said) == 1
    return took


def test_r45_only_the_owner_gets_mail(client: Api, mailbox: Mailbox) -> None:
    person, unknown = client.sign_up(), new_email()
    for email in (person.email, unknown, person.email.upper()):
        client.at().post("/auth/password-reset", {"email": email}).expect(202)
        mailbox.messages()
    assert mailbox.to(unknown) == []
    assert {message["To"] for message in mailbox.messages()} == {person.email}
    resets = [one for one in mailbox.subjects(person.email) if "password" in one]
    assert len(resets) == 2
