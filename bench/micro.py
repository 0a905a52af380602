"""Where the time of a request goes, without server or network: `python -m bench.micro`.

Processor time of this process in microseconds, the best of many blocks, so that what else the
machine does counts little. The database's own time is not in it.
"""

import argparse
import base64
import gc
import io
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, request

from bench import flame, inside
from bench.workloads import address
from gatehouse.auth import access_tokens, authenticator, repository
from gatehouse.infra import logs
from gatehouse.settings import Settings
from tests.support.databases import application, build
from trials import _shared

HOST, PASSWORD = "accounts.example.org", "three quiet rivers"
LOG_IN = "/api/v1/auth/login"
ME, LIST, HEALTH = "/api/v1/users/me", "/api/v1/users?per_page=100", "/health"
BLOCKS = 30


@contextmanager
def service(kind: str, people: int) -> Iterator[tuple[Flask, dict[str, list[tuple[str, str]]]]]:
    """Give the service in production mode with people in it, and addresses and tokens of some."""
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        given = {
            "APP_ENV": "production",
            "INSTANCE_DIR": home,
            "SECRET_KEY": secrets.token_hex(32),
            "DATA_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "METRICS_TOKEN": secrets.token_hex(32),
            "PUBLIC_URL": f"https://{HOST}",
            "TRUSTED_HOSTS": HOST,
            "CORS_ORIGINS": f"https://{HOST}",
            "MAIL_FROM": f"Bench <bench@{HOST}>",
            "SMTP_HOST": "127.0.0.1",
            "ACCESS_TOKEN_EXPIRE_MINUTES": "60",
        }
        if kind == "postgresql":
            given |= {"DATABASE_URL": _shared.postgresql(stack), "REDIS_URL": _shared.redis(stack)}
        # Production makes no keys of its own.
        build(Settings.load(given | {"APP_ENV": "development"}))
        settings = Settings.load(given)
        app = stack.enter_context(application(settings))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, nowhere)
        logs.configure(settings, descriptor=nowhere)
        words = ["seed", "--users", str(people), "--password", PASSWORD, "--force"]
        seeded = app.test_cli_runner().invoke(args=words)
        if seeded.exit_code:
            raise RuntimeError(seeded.output)
        with app.app_context():
            found = inside.tokens(people // 10)
        yield app, found


def asking(app: Flask, url: str, tokens: list[str]) -> Callable[[], bytes]:
    """Return a function that sends the request with the next token, and returns the body."""
    common, turns = environment("GET", url), cycle(tokens)
    return lambda: answered(app, {**common, "HTTP_AUTHORIZATION": f"Bearer {next(turns)}"})


def logging_in(app: Flask, emails: Sequence[str]) -> Callable[[], bytes]:
    """Return a function that logs the next person in, from an address where nobody was before."""
    common, turns = environment("POST", LOG_IN), enumerate(cycle(emails))

    def send() -> bytes:
        number, email = next(turns)
        body = orjson.dumps({"username": email, "password": PASSWORD})
        given = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
        place = {"REMOTE_ADDR": address(number), "wsgi.input": io.BytesIO(body)}
        return answered(app, {**common, **given, **place})

    return send


def environment(method: str, url: str) -> dict[str, Any]:
    """Return what a server tells of a request."""
    path, _, query = url.partition("?")
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": HOST,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": HOST,
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
    }


def answered(app: Flask, request: dict[str, Any]) -> bytes:
    """Return the body of an answer; raise RuntimeError if it is none of success."""

    def start(status: str, _headers: Any, _exc_info: Any = None) -> None:
        if not status.startswith("200"):
            raise RuntimeError(status)

    body = app.wsgi_app(request, start)
    found = b"".join(body)
    body.close()  # type: ignore[attr-defined]
    return found


def best(function: Callable[[], Any], *, times: int = 20) -> float:
    """Return the microseconds of processor time that a call takes."""
    for _ in range(times):
        function()
    blocks = []
    for _ in range(BLOCKS):
        began = time.thread_time()
        for _ in range(times):
            function()
        blocks.append((time.thread_time() - began) / times * 1e6)
    return min(blocks)


def pieces(app: Flask, token: str) -> Iterator[tuple[str, float]]:
    """Give the parts of the access check."""
    with app.test_request_context(ME, headers={"Authorization": f"Bearer {token}"}):
        claims = access_tokens.verify(token)
        yield "  of it: the check of access", best(lambda: authenticator.authenticate(request))
        yield "    of it: the token, remembered", best(lambda: access_tokens.verify(token))
        yield "    of it: the query, and who it is", best(lambda: repository.principal_of(claims))


def main() -> None:
    """Print the table; draw flame graphs where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", nargs="?", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--flame", type=Path, help="a directory for me.svg and list.svg")
    given = parser.parse_args()
    with service(given.kind, given.people) as (app, found):
        tokens = {who: [token for _, token in pairs] for who, pairs in found.items()}
        me = asking(app, ME, tokens["people"])
        page = asking(app, LIST, tokens["readers"])
        for _ in range(2 * len(tokens["people"])):
            me()  # every token has been verified once
        gc.collect()
        gc.freeze()
        rows = [("GET /users/me", best(me)), *pieces(app, tokens["people"][0])]
        rows += [("GET /health: no token, no query", best(asking(app, HEALTH, tokens["people"])))]
        rows += [("GET /users?per_page=100", best(page, times=4))]
        log_in = logging_in(app, [email for email, _ in found["people"]])
        rows += [("POST /auth/login, without its hash", best(log_in, times=1))]
        print(f"{given.kind}: microseconds of processor time, the best of {BLOCKS} blocks")
        for name, value in rows:
            print(f"  {name:40} {value:6.0f}")
        for name, send, count in (("me", me, 4_000), ("list", page, 800)):
            if given.flame:
                with flame.watching() as stacks:
                    for _ in range(count):
                        send()
                flame.draw(stacks, "gatehouse.web.hosts.Edge.__call__", given.flame / f"{name}.svg")


if __name__ == "__main__":
    main()
