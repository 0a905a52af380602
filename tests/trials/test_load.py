"""The load of the trials sees what it is there for: what was lost, and what is not true."""

import time
from contextlib import ExitStack

from tests.support.databases import Sqlite
from tests.support.live import Servers
from trials import _load
from trials._account import Account
from trials._asked import Asked


def test_a_load_tells_what_was_lost_and_what_is_false(servers: Servers) -> None:
    with ExitStack() as stack:
        server = servers.start(Sqlite.name, stack, **_load.SETTINGS)
        admin = server.admin()
        with _load.running(server.url, clients=2, rate=50) as load:
            wait(load, "sign-up", "change", "log-in", "read", "health")
        assert load.wrong == []
        assert load.lost(admin) == []

        with _load.running(server.url, clients=1, rate=50, mix={"sign-up": 1, "read": 5}) as load:
            wait(load, "sign-up", "read")
            (person,) = load.accounts
            client = server.client.bearing(person.tokens[0])
            client.patch("/users/me", {"name": "Somebody Else"}).expect(200)
            behind_its_back = time.monotonic()
            while not load.between(behind_its_back, kind="read"):
                time.sleep(0.02)
        assert [text for text in load.wrong if "Somebody Else" in text]
        admin.delete(f"/users/{person.id}").expect(204)
        assert {text.split(" of ")[0] for text in load.lost(admin)} == {"account", "session"}


def test_a_throttle_is_wrong_until_as_many_guesses_as_are_free_have_died() -> None:
    account = Account("ada@example.com", "1", [])
    throttled = Asked("log-in", 0, 0, 429, "too_many_attempts", "429 too_many_attempts")
    died = Asked("log-in", 0, 0, 0, "RemoteDisconnected")
    for _ in range(10):
        assert account.logged_in(throttled).wrong
        assert not account.logged_in(died).wrong
    assert not account.logged_in(throttled).wrong
    assert account.throttled == 1
    assert account.logged_in(Asked("log-in", 0, 0, 429, "rate_limited", "429")).wrong


def wait(load: _load.Load, *kinds: str) -> None:
    """Wait until a good answer of each kind has come."""
    while {asked.kind for asked in list(load.answers) if asked.is_good} < set(kinds):
        time.sleep(0.02)
