"""The load of the trials sees what it is there for: what was lost, and what is not true."""

import time
from contextlib import ExitStack

from tests.support.databases import Sqlite
from tests.support.live import Servers
from trials import _load


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


def wait(load: _load.Load, *kinds: str) -> None:
    """Wait until a good answer of each kind has come."""
    while {asked.kind for asked in list(load.answers) if asked.is_good} < set(kinds):
        time.sleep(0.02)
