"""The processes of compose.yaml, started by hand behind nginx, and a story through all of them."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from websockets.exceptions import InvalidStatus

from tests.deploy import by_hand, page, secrets
from tests.deploy.by_hand import Composition
from tests.support import mailbox, pictures, scraped, smtp_sink, uploads
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.databases import named
from tests.support.proxied import ThroughNginx
from tests.support.smtp_sink import Sink
from tests.support.sockets import Socket, open_as
from tests.support.workers import READY

ADMIN = "ada@example.org"
ADMIN_PASSWORD = "seven green lanterns"
BEA = "127.0.0.9"
EVIL = "https://evil.example"
# proxy_read_timeout of deploy/nginx.
NGINX_READ_SECONDS = 30
pytestmark = [
    pytest.mark.full,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


@pytest.fixture
def sink() -> Sink:
    """The mail that was sent."""
    return Sink()


@pytest.fixture
def running(postgres_url: str, tmp_path: Path, sink: Sink) -> Iterator[Composition]:
    """Everything that compose.yaml describes, in the order of its `depends_on`."""
    by_hand.redis_program()
    with ExitStack() as stack:
        mail = stack.enter_context(smtp_sink.serving(sink))
        url = stack.enter_context(empty(postgres_url))
        one = Composition(tmp_path, stack, database_url=url, smtp_port=mail.port)
        one.start(
            "redis",
            *("--port", str(one.redis_port), "--bind", "127.0.0.1", "--dir", str(tmp_path)),
            ready=lambda: listens("127.0.0.1", one.redis_port),
        )
        for words, typed in page.first_start():
            one.run(*words, typed=typed)
        for name in ("app-1", "app-2"):
            one.start(name, ready=lambda name=name: one.is_healthy(name))
        log = tmp_path / "worker.log"
        one.start("worker", ready=lambda: READY in log.read_text())
        one.start("beat")
        one.start_nginx()
        wait(lambda: listens(one.address("nginx"), one.port))
        yield one


def test_a_story_through_all_of_it(running: Composition, sink: Sink) -> None:
    """R56: sign-up, mail by Celery, verification, log-in, list, picture, socket, counters."""
    transport = ThroughNginx(running.port, connect_to=running.address("nginx"), host=secrets.SITE)
    client = Api(transport).at(BEA)
    email = new_email()

    user = client.post("/users", {"email": email, "password": PASSWORD}).expect(201).json
    assert user["is_verified"] is False
    wait(lambda: sink.ids(email))
    (message,) = (one for one in sink.messages if one["To"] == email)
    assert f"https://{secrets.SITE}/verify-email#token=" in mailbox.text(message)
    token = link_token(mailbox.text(message))
    body = {"token": token, "password": PASSWORD}
    client.post("/auth/verify-email", body).expect(204)

    person = client.log_in(email)
    assert person.me()["is_verified"] is True
    # What the person's sessions tell is the address that nginx saw, and not nginx.
    (session,) = person.get("/auth/sessions").expect(200).json["sessions"]
    assert session["address"] == BEA

    admin = client.log_in(ADMIN, ADMIN_PASSWORD)
    listed = admin.get("/users?total=true").expect(200).json
    assert {one["email"] for one in listed["users"]} >= {email, ADMIN}
    assert person.get("/users").status == 403

    shown = uploads.put_avatar(person, pictures.PNG)
    path = shown.removeprefix(f"https://{secrets.SITE}")
    assert client.request("GET", path).expect(200).headers["Content-Type"] == "image/png"

    hear_through_nginx(running, person, admin)

    key = (running.home / "secrets" / "metrics_token").read_text().strip()
    told = scraped.read(client.bearing(key).request("GET", "/metrics").expect(200).content.decode())
    assert told.total("api_requests_total") > 0
    assert told.total("gatehouse_forwarded_headers_ignored_total") == 0
    assert client.request("GET", "/metrics").status == 401
    transport.close()


def hear_through_nginx(running: Composition, person: Person, admin: Person) -> None:
    """R109: a socket opens through nginx, outlives its time-out, hears both instances, and ends."""
    with through_nginx(running, person) as listener:
        assert listener.is_quiet(NGINX_READ_SECONDS + 5)
        for roles in (("user", "admin"), ("user",), ("user", "admin"), ("user",)):
            admin.grant(person.id, *roles).expect(200)
            assert listener.hear("notice")["event"] == "roles.changed"
        with pytest.raises(InvalidStatus) as refused, through_nginx(running, person, EVIL):
            pass
        assert refused.value.response.status_code == 403
        person.request("GET", "/ws/c1").expect(426, "upgrade_required")
        person.post("/auth/logout").expect(204)
        assert listener.rest()[1:] == (4401, "session_ended")


@contextmanager
def through_nginx(
    running: Composition, person: Person, origin: str = f"https://{secrets.SITE}"
) -> Iterator[Socket]:
    """Open a socket as a page of this origin does, by TLS."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(
            (running.address("nginx"), running.port), source_address=(BEA, 0)
        ) as sock,
        open_as(
            person, f"https://{secrets.SITE}", sock=sock, ssl=trusting, origin=origin
        ) as opened,
    ):
        yield opened


@contextmanager
def empty(server_url: str) -> Iterator[str]:
    """Give the URL of a database in which nothing is."""
    name = f"gatehouse_composed_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(named("CREATE DATABASE {}", name))
        try:
            yield f"{server_url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(named("DROP DATABASE {} WITH (FORCE)", name))


def link_token(text: str) -> str:
    """Return the token of the link in a mail."""
    line = next(line for line in text.splitlines() if "#token=" in line)
    return line.partition("#token=")[2].strip()


def listens(address: str, port: int) -> bool:
    """Tell whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def wait(happens: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < limit
        time.sleep(0.02)
