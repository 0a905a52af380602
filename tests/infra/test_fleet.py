"""Two instances behind nginx with one PostgreSQL and one Redis are one service."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import jwt
import pytest

from gatehouse.infra import keys
from tests.servers.server import free_port
from tests.support import live, people, proxy, sockets
from tests.support.api import Api, Person, new_email
from tests.support.databases import Database, PostgreSql
from tests.support.proxied import ThroughNginx

WRONG = "a wrong Password of tests"
LIMIT = 9
SETTINGS = {
    "WORKERS": "2",
    # Each would take itself for the issuer of tokens.
    "PUBLIC_URL": "https://accounts.example.org",
    "THREADS": "12",
    "LIMITS": f"login_failures={LIMIT}/10minute",
}
# What docs/deploying.md and the page about keys promise: seen within this time by everybody.
KEYS_SECONDS = 30
pytestmark = [
    pytest.mark.full,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Both instances, and the way through nginx."""

    one: live.Live
    other: live.Live
    through: Api
    url: str

    def at_each(self, person: Person) -> list[Api]:
        """Return somebody's client at each instance, and through nginx."""
        return [
            *(instance.client.bearing(person.token) for instance in (self.one, self.other)),
            self.through.at().bearing(person.token),
        ]

    def statuses(self, person: Person, path: str = "/users/me") -> list[int]:
        """Return what each says to a token, asked often enough to meet every process."""
        return sorted({client.get(path).status for client in self.at_each(person) * 4})


@pytest.fixture(scope="module")
def fleet(
    templates: Callable[[str], Database],
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """Start it as the configuration in deploy/ has it."""
    proxy.program()
    home = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        database_url = stack.enter_context(templates(PostgreSql.name).copy(home))
        instances = []
        for number in range(2):
            folder = home / str(number)
            folder.mkdir()
            more = SETTINGS | {"REDIS_URL": redis_url, "PORT": str(free_port())}
            instances.append(live.start(folder, database_url, stack, **more))
        ports = [int(one.url.rpartition(":")[2]) for one in instances]
        port = proxy.configure(home, instances=(ports[0], ports[1]))
        stack.enter_context(proxy.running(home))
        proxy.wait_for(port)
        transport = ThroughNginx(port)
        stack.callback(transport.close)
        yield Fleet(instances[0], instances[1], Api(transport).at(), f"https://127.0.0.1:{port}")


def test_r56_limits_do_not_multiply_with_instances(fleet: Fleet) -> None:
    """Failures of one address are counted together, wherever they arrive."""
    address = "127.9.8.7"
    judged = 0
    for number in range(4 * LIMIT):
        client = (fleet.one.client, fleet.other.client, fleet.through)[number % 3].at(address)
        answer = client.try_log_in(new_email(), WRONG)
        assert answer.status in (401, 429)
        judged += answer.status == 401
    assert judged == LIMIT


def test_r20_a_log_out_is_a_log_out_everywhere(fleet: Fleet) -> None:
    person = fleet.one.client.sign_up()
    other = person.again()
    assert fleet.statuses(person) == [200]
    fleet.through.at().bearing(person.token).post("/auth/logout").expect(204)
    assert fleet.statuses(person) == [401]
    assert fleet.statuses(other) == [200]
    assert fleet.other.client.try_refresh(person.refresh_token).status == 401


def test_r24_a_deactivated_account_is_shut_everywhere(fleet: Fleet) -> None:
    admin, person = fleet.one.admin(), fleet.other.client.sign_up()
    assert fleet.statuses(person) == [200]
    admin.patch(f"/users/{person.id}", {"is_active": False}).expect(200)
    assert fleet.statuses(person) == [401]


def test_r25_a_role_is_in_force_everywhere(fleet: Fleet) -> None:
    admin, person = fleet.one.admin(), fleet.other.client.sign_up()
    assert fleet.statuses(person, "/users?q=nobody") == [403]
    admin.grant(person.id, "user", "admin").expect(200)
    assert fleet.statuses(person, "/users?q=nobody") == [200]
    admin.grant(person.id, "user").expect(200)
    assert fleet.statuses(person, "/users?q=nobody") == [403]


def test_a_refresh_token_of_one_is_spent_for_both(fleet: Fleet) -> None:
    """R16: its second use, from elsewhere, ends the session, whichever instance it meets."""
    person = fleet.one.client.sign_up()
    successor = person.refreshed()
    thief = fleet.other.client.at().using("another program")
    thief.try_refresh(person.refresh_token).expect(401)
    assert fleet.statuses(successor) == [401]


def test_what_is_said_at_one_is_heard_at_all(fleet: Fleet) -> None:
    """WebSockets at either instance and through nginx are in one room."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    speaker, listener = fleet.one.admin(), fleet.other.client.sign_up()
    guest = fleet.through.at().sign_up()
    with (
        sockets.open_as(speaker, fleet.one.url, "first") as first,
        sockets.open_as(listener, fleet.other.url, "second") as second,
        sockets.open_as(guest, fleet.url, "third", ssl=tls) as third,
    ):
        first.say("tea is ready")
        for socket in (first, second, third):
            heard = socket.hear("broadcast", timeout=20, user_id=speaker.id)
            assert heard["text"] == "Client first: tea is ready"


def test_r14_both_instances_learn_of_a_new_key(fleet: Fleet) -> None:
    """It is published by every process before it signs; what it signs at one is good at both."""
    ahead = timedelta(seconds=KEYS_SECONDS + 5)
    before = fleet.one.client.sign_up()
    kid = people.in_context(fleet.one.app, lambda: keys.rotate(activates_in=ahead))
    began = time.monotonic()
    person = before
    while jwt.get_unverified_header(str(person.token))["kid"] != kid:
        assert time.monotonic() < began + 2 * KEYS_SECONDS
        time.sleep(1)
        person = person.again()
    assert time.monotonic() >= began + ahead.total_seconds() - 1
    assert fleet.statuses(person) == [200]
    assert fleet.statuses(before) == [200]
    for instance in (fleet.one, fleet.other):
        answer = instance.client.request("GET", "/.well-known/jwks.json").expect(200)
        assert kid in {key["kid"] for key in answer.json["keys"]}
