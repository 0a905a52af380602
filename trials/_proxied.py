"""Two instances behind nginx with the configuration of deploy/, on PostgreSQL and Redis."""

import shutil
import sys
import warnings
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from pathlib import Path
from secrets import token_bytes, token_hex
from tempfile import TemporaryDirectory

from urllib3.exceptions import InsecureRequestWarning

from tests.servers.server import free_port
from tests.support import proxy, started
from tests.support.api import Api, Person
from tests.support.live import PATIENT
from tests.support.started import ADMIN, Started
from trials import _shared
from trials._load import SETTINGS

# As docs/deploying.md says for many slow clients; Debian's nginx.conf has 768.
CONNECTIONS = 8192
SHAPE = {
    # How long an overloaded database takes is not theirs to say.
    **PATIENT,
    "WORKERS": "2",
    # The hash queue takes half of them, and every client of a load signs up at its start.
    "THREADS": "24",
    "JOBS": "off",
    # Each would take itself for the issuer of tokens.
    "PUBLIC_URL": "https://accounts.example.org",
}


class Proxied:
    """nginx at `url`, and behind it instances that can be stopped and started in their places."""

    def __init__(self, stack: ExitStack, *, instances: int = 2, **variables: str) -> None:
        if shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None:
            sys.exit("nginx is not installed; Debian and Ubuntu: apt install nginx-light")
        warnings.simplefilter("ignore", InsecureRequestWarning)
        self.home = Path(stack.enter_context(TemporaryDirectory()))
        self._variables = {**ADMIN, **SETTINGS, **SHAPE, "REDIS_URL": _shared.redis(stack)}
        self._variables |= {"DATABASE_URL": _shared.postgresql(stack), **variables}
        self._variables["SECRET_KEY"] = token_hex(32)
        self._variables["DATA_KEYS"] = urlsafe_b64encode(token_bytes(32)).decode()
        self.instances: list[Started] = []
        stack.callback(self._stop)
        for number in range(instances):
            self.instances.append(self._start(number, free_port()))
            started.wait(self.instances[-1])
        ports = [one.port for one in self.instances]
        port = proxy.configure(self.home, instances=(ports[0], ports[-1]), connections=CONNECTIONS)
        stack.enter_context(proxy.running(self.home))
        self.url = f"https://127.0.0.1:{port}"
        proxy.wait_for(port)

    def admin(self) -> Person:
        """Return the administrator, logged in at the first instance."""
        client: Api = self.instances[0].client
        return client.log_in(ADMIN["ADMIN_EMAIL"], ADMIN["ADMIN_PASSWORD"])

    def replace(self, number: int) -> None:
        """Stop an instance as an operator does, start its successor and wait until it is ready."""
        before = self.instances[number]
        started.stop(before)
        if before.exit_code() != 0:
            raise AssertionError(before.printed[-3000:])
        self.instances[number] = self._start(number, before.port)
        started.wait(self.instances[number])

    def workers(self) -> list[int]:
        """Return the processes that serve."""
        return [pid for one in self.instances for pid in _shared.children(one.process.pid)]

    def _start(self, number: int, port: int) -> Started:
        home = self.home / str(number)
        return started.start(home, **self._variables, PORT=str(port))

    def _stop(self) -> None:
        for one in self.instances:
            started.stop(one)
