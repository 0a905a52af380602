"""What the time of an answer tells (R44, R45)."""

import socket
from collections.abc import Callable
from contextlib import closing
from itertools import product
from time import perf_counter

import pytest

from tests.conftest import MakeApp
from tests.support.answers import Answer, InProcess
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.mailbox import Mailbox

WRONG = "a wrong Password of tests"
SAMPLES = 30


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


@pytest.mark.parametrize("path", ["/auth/password-reset", "/auth/verify-email/resend"])
def test_r45_requests_for_mail_take_as_long_and_say_the_same(client: Api, path: str) -> None:
    known = [new_email() for _ in range(SAMPLES)]
    for email in known:
        client.at().post("/users", {"email": email, "password": PASSWORD}).expect(201)
    took: dict[bool, list[float]] = {True: [], False: []}
    said = set()
    for email in known:
        for is_known, address in ((True, email), (False, new_email())):
            stranger = client.at()
            begin = perf_counter()
            answer = stranger.post(path, {"email": address})
            took[is_known].append(perf_counter() - begin)
            said.add((answer.status, answer.content))
    assert len(said) == 1
    assert 0.2 <= area_under_curve(took[True], took[False]) <= 0.8


def test_r45_while_the_mail_server_hangs(make_app: MakeApp) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as hole:
        port = str(hole.getsockname()[1])
        app = make_app(SMTP_HOST="127.0.0.1", SMTP_PORT=port, SMTP_TLS="none")
        client = Api(InProcess(app))
        person = client.sign_up()
        for path, email in product(
            ("/auth/password-reset", "/auth/verify-email/resend"), (person.email, new_email())
        ):
            stranger = client.at()
            assert seconds(lambda: stranger.post(path, {"email": email}), 202) < 1  # noqa: B023


def test_r45_only_the_owner_gets_mail(client: Api, mailbox: Mailbox) -> None:
    person, unknown = client.sign_up(), new_email()
    for email in (person.email, unknown, person.email.upper()):
        client.at().post("/auth/password-reset", {"email": email}).expect(202)
        mailbox.messages()
    assert mailbox.to(unknown) == []
    assert {message["To"] for message in mailbox.messages()} == {person.email}
    resets = [one for one in mailbox.subjects(person.email) if "password" in one]
    assert len(resets) == 2
