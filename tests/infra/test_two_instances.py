"""Two instances behind nginx, replaced one after the other while people work."""

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from tests.servers.server import free_port
from tests.support import live, proxy
from tests.support.api import PASSWORD, new_email
from tests.support.databases import Database, PostgreSql

REPLACEMENTS = 10
POSTERS = READERS = 4
PAUSE_SECONDS = 0.02
HEADERS = {"Host": "accounts.example.org", "Content-Type": "application/json"}


class Load:
    """People who sign up, each on a new connection, and programs that read on one they keep."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.emails: set[str] = set()
        self.seen: Counter[str] = Counter()
        self._is_open = True
        self._threads = [
            *(threading.Thread(target=self._repeat, args=(self._post,)) for _ in range(POSTERS)),
            *(threading.Thread(target=self._repeat, args=(self._get,)) for _ in range(READERS)),
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Let everybody finish."""
        self._is_open = False
        for thread in self._threads:
            thread.join(timeout=30)

    def _repeat(self, act: Callable[[urllib3.PoolManager], str]) -> None:
        kept = pool()
        while self._is_open:
            try:
                self.seen[act(kept)] += 1
            except urllib3.exceptions.HTTPError as error:
                self.seen[repr(error)] += 1
            time.sleep(PAUSE_SECONDS)

    def _post(self, _: urllib3.PoolManager) -> str:
        email = new_email()
        body = json.dumps({"email": email, "password": PASSWORD})
        with pool() as anew:
            answer = anew.request("POST", f"{self.url}/api/v1/users", body=body, headers=HEADERS)
        if answer.status == 201:
            self.emails.add(email)
        return f"POST {answer.status}"

    def _get(self, kept: urllib3.PoolManager) -> str:
        answer = kept.request("GET", f"{self.url}/.well-known/jwks.json", headers=HEADERS)
        return f"GET {answer.status}"


def pool() -> urllib3.PoolManager:
    """Return connections to nginx, which repeat nothing by themselves."""
    return urllib3.PoolManager(cert_reqs="CERT_NONE", assert_hostname=False, retries=False)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_replacing_instances_loses_nothing(
    templates: Callable[[str], Database], redis_url: str, tmp_path: Path
) -> None:
    """R116, F12: with the configuration of deploy/, stopped and started in place, unannounced."""
    proxy.program()
    ports = (free_port(), free_port())
    with ExitStack() as stack:
        database_url = stack.enter_context(templates(PostgreSql.name).copy(tmp_path))

        def start(port: int) -> live.Live:
            home = tmp_path / str(port)
            home.mkdir(exist_ok=True)
            more = {"REDIS_URL": redis_url, "WORKERS": "2", "THREADS": "8"}
            more |= {"LIMITS": "sign_up=100000/minute", "SHUTDOWN_DELAY_SECONDS": "0"}
            return live.start(home, database_url, stack, PORT=str(port), **more)

        instances = {port: start(port) for port in ports}
        port = proxy.configure(tmp_path, instances=ports)
        stack.enter_context(proxy.running(tmp_path))
        proxy.wait_for(port)
        load = Load(f"https://127.0.0.1:{port}")
        for number in range(REPLACEMENTS):
            time.sleep(0.5)
            one = ports[number % 2]
            instances[one].process.send_signal(signal.SIGTERM)
            assert instances[one].process.wait(timeout=30) == 0
            instances[one] = start(one)
        load.join()
        print(REPLACEMENTS, "replacements:", dict(load.seen))

        assert set(load.seen) == {"POST 201", "GET 200"}, load.seen
        assert load.seen["POST 201"] == len(load.emails) > REPLACEMENTS


@pytest.mark.full
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_nginx_alone_answers_as_the_service_does(tmp_path: Path) -> None:
    """What it refuses itself, and what it says while no instance answers."""
    proxy.program()
    port = proxy.configure(tmp_path, instances=(free_port(), free_port()))
    with proxy.running(tmp_path), pool() as client:
        url = f"https://127.0.0.1:{port}"
        proxy.wait_for(port)
        too_large = client.request("POST", f"{url}/api/v1/users", body=b"x" * 66_000)
        away = client.request("POST", f"{url}/api/v1/users", body=b"{}", headers=HEADERS)
        upload = client.request("PUT", f"{url}/uploads/avatars/a", body=b"x" * 5_242_880)
    for answer, status, code in (
        (too_large, 413, "body_too_large"),
        (away, 503, "unavailable"),
        (upload, 503, "unavailable"),
    ):
        said = answer.json()
        assert (answer.status, said["status"], said["code"]) == (status, status, code)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Request-ID"] == said["instance"]
    assert "Retry-After" in away.headers
