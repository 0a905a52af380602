"""By the byte, against the server that ships: framing, sizes, logs, paths (R82-R103)."""

import gzip
import json
import threading
import time
from typing import Any

import pytest

from tests.support.api import PASSWORD, new_email
from tests.support.databases import Sqlite
from tests.support.live import Live, Servers
from tests.support.wire import Exchange, connect, exchange, memory, new_lines, request

JSON, CLOSE = ("Content-Type", "application/json"), ("Connection", "close")
LOGIN = "/api/v1/auth/login"
BLOCK = b" " * 1_000_000


@pytest.fixture(scope="module")
def server(servers: Servers) -> Live:
    """Return the server on SQLite, where the database has no part in the answer."""
    return servers.get(Sqlite.name)


def problem(answer: Exchange, *statuses: int) -> dict[str, Any]:
    """Return the problem document of the one answer that came back."""
    assert answer.answers == 1, answer.received[:2_000]
    assert answer.status in statuses, answer.received[:2_000]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers
    document: dict[str, Any] = answer.json
    assert document["status"] == answer.status
    assert document["type"] == f"/problems/{document['code']}"
    assert document["instance"] == answer.headers["X-Request-ID"]
    assert {"title", "detail"} <= set(document)
    return document


def post(*fields: tuple[str, str]) -> bytes:
    """Return the head of a POST."""
    return request("POST", LOGIN, [JSON, *fields])


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "//evil.example/",
        "///evil.example/..",
        "//evil.example/%2e%2e",
        "/\\evil.example",
        "//users/me",
        "/api/v1//users/me",
        "/api//v1/users/me",
        "/api/v1//evil.example",
        "/%2f%2fevil.example",
        "/%09/evil.example",
        "/https:evil.example",
    ],
)
def test_r103_a_path_that_looks_like_a_host_is_a_path(server: Live, target: str) -> None:
    """It is nothing that we have: 404, and leads nowhere."""
    answer = exchange(server, request("GET", target))
    problem(answer, 404)
    assert not {"Location", "Refresh"} & set(answer.headers.keys())


@pytest.mark.parametrize(
    ("path", "status"),
    [("health", 200), ("openapi.json", 200), ("problems", 200), ("api/v1/users/me", 401)],
)
def test_r103_r82_more_slashes_before_a_path_change_nothing(
    server: Live, path: str, status: int
) -> None:
    """It is not taken for a host: the same answer as without them, and no redirect to it."""
    for slashes in ("/", "//", "///"):
        answer = exchange(server, request("GET", f"{slashes}{path}"))
        assert (answer.status, answer.answers) == (status, 1)
        assert not {"Location", "Refresh"} & set(answer.headers.keys())


def test_r85_a_large_body_is_refused_before_it_is_sent(live: Live) -> None:
    for length in (65_537, 2_000_000, 20_000_000, 2**31, 2**63, 10**40):
        start = time.monotonic()
        answer = exchange(live, post(("Content-Length", str(length))))
        assert time.monotonic() - start < 1
        problem(answer, 413)
    fields = (("Content-Length", "20000000"), ("Expect", "100-continue"))
    answer = exchange(live, post(*fields), patience=1)
    assert answer.received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").startswith(
        b"HTTP/1.1 413"
    )


def heavy() -> dict[str, list[bytes]]:
    """Return requests that weigh 2 to 20 MB, or would once they are unpacked."""
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'
    parts = part * 20_000 + b"--x--\r\n"
    packed = gzip.compress(b" " * 60_000_000, 6)
    multipart = ("Content-Type", "multipart/form-data; boundary=x")
    form = ("Content-Type", "application/x-www-form-urlencoded")
    chunks = [b"%x\r\n" % len(BLOCK) + BLOCK + b"\r\n"] * 20
    small = part * 1_000 + b"--x--\r\n"
    return {
        "2 MB": [post(("Content-Length", "2000000")), *[BLOCK] * 2],
        "20 MB": [post(("Content-Length", "20000000")), *[BLOCK] * 20],
        "chunks": [post(("Transfer-Encoding", "chunked")), *chunks, b"0\r\n\r\n"],
        "20,000 parts": [request("POST", LOGIN, [multipart], parts)],
        "1,000 parts": [request("POST", LOGIN, [multipart], small)],
        "1,000 parts as a form": [request("POST", "/api/v1/auth/token", [multipart], small)],
        "a form": [request("POST", "/api/v1/auth/token", [form], b"a=b&" * 500_000)],
        "gzip": [request("POST", LOGIN, [JSON, ("Content-Encoding", "gzip")], packed)],
        "deflate": [request("POST", LOGIN, [JSON, ("Content-Encoding", "deflate")], packed)],
        "br": [request("POST", LOGIN, [JSON, ("Content-Encoding", "br, gzip")], b"x" * 1_000)],
    }


def test_r85_the_memory_of_the_workers_stays(live: Live) -> None:
    requests = heavy()

    def volley() -> list[Exchange]:
        answers: list[Exchange] = []

        def one(sent: list[bytes]) -> None:
            answers.append(exchange(live, *sent))

        threads = [threading.Thread(target=one, args=(sent,)) for sent in requests.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    volley()  # the first one makes threads and buffers that stay
    before = memory(live)
    for _ in range(4):
        for answer in volley():
            # A connection may break while we are still sending; an answer is never a success.
            if answer.received:
                problem(answer, 400, 413, 415)
    after = memory(live)
    assert after.keys() == before.keys()
    assert all(after[pid] - before[pid] < 16_000_000 for pid in after), (before, after)
    live.client.request("GET", "/health").expect(200)


def test_r85_a_false_length(server: Live) -> None:
    whole = json.dumps({"username": new_email(), "password": "x"}).encode()
    fields = ("Content-Length", str(len(whole) + 10))
    short = exchange(server, post(fields) + whole, end=True)
    assert short.received == b"" or problem(short, 400)["code"] == "broken_body"
    # Bytes beyond the length are no part of the body: they are the next request, or garbage.
    fields = ("Content-Length", str(len(whole) - 1))
    cut = exchange(server, post(fields) + whole)
    assert cut.status == 400
    assert cut.received.count(b'"access_token"') == 0
    chunked = ("Transfer-Encoding", "chunked")
    huge = exchange(server, post(chunked) + b"f" * 40 + b"\r\n" + whole, end=True)
    assert huge.received == b"" or problem(huge, 400, 413)
    zero = exchange(server, post(("Content-Length", "0")) + whole, end=True)
    assert zero.status == 400
    for length in ("-1", "+5", "0x10", "1e3", "5 5", "5,5", "five", "\u0665", "1_0", " "):
        answer = exchange(server, post(("Content-Length", length)) + whole)
        problem(answer, 400)
        assert answer.is_closed


HOSTILE = {
    "CR LF": "x\r\ny: z\r\n\r\n{}",
    "a forged line": 'x\n{"level":"info","event":"forged"}\n',
    "escapes": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "separators": "a\u2028b\u2029c\u0085d",
    "NUL and BEL": "a\u0007b",
    "bidi": "\u202egnp.exe",
    "quotes": '","event":"forged","x":"\\',
    "percent": "%s%n%(levelname)s {0}",
    "surrogates": "\U0001f600 and \\ud800",
}


def test_r93_whatever_is_sent_one_request_is_one_line(live: Live) -> None:
    client = live.client
    # What was asked before is in the log by then: one worker has one line after the other.
    client.request("GET", "/health", headers={"X-Request-ID": "the-start-of-r93"})
    new_lines(live, 0, marker="the-start-of-r93")
    offset = live.log.stat().st_size
    count = 0
    for value in HOSTILE.values():
        for body in (
            {"username": value, "password": value},
            {"email": f"{value}@example.com", "password": PASSWORD, "name": value},
            {value: value},
        ):
            path = "/auth/login" if "username" in body else "/users"
            assert client.at().post(path, body).status in (401, 422)
            count += 1
        latin = value.encode("utf-8").decode("latin-1")
        safe = "".join(c for c in latin if c not in "\r\n")
        for field in ("User-Agent", "X-Request-ID", "Referer", "Authorization", "X-Forwarded-For"):
            fields = [CLOSE, (field, safe)]
            answer = exchange(live, request("GET", "/api/v1/users/me", fields))
            assert answer.answers == 1
            # Control characters the server refuses by itself, with a line of its own.
            assert answer.status in (400, 401)
            assert answer.headers["X-Request-ID"] != safe.strip()
            count += answer.status == 401
        coded = "".join(f"%{byte:02x}" for byte in value.encode())
        for path in (f"/api/v1/users/{coded}", f"/api/v1/users/me?x={coded}", f"/{coded}"):
            assert client.request("GET", path).status in (401, 404, 422)
            count += 1
    marker = client.request("GET", "/health", headers={"X-Request-ID": "the-end-of-r93"})
    assert marker.headers["X-Request-ID"] == "the-end-of-r93"
    lines = new_lines(live, offset, marker="the-end-of-r93")
    events = [json.loads(line) for line in lines]
    assert all({"timestamp", "level", "event"} <= set(event) for event in events)
    # Others' tests do not run on this server at the same time, but its own jobs do.
    finished = [event for event in events if event["event"] == "request_finished"]
    assert len(finished) == count + 1
    assert {event["event"] for event in events} <= {"request_finished", "mail_kept"} | {
        event["event"] for event in events if event["event"].startswith("request_refused")
    }
    text = "\n".join(lines)
    assert "forged" not in text
    assert all(c.isprintable() or c == "\n" for c in text)


def test_r93_r113_no_header_is_forged(server: Live) -> None:
    for value in ("x\r\nSet-Cookie: a=b", "x\nSet-Cookie: a=b", "x\rSet-Cookie: a=b", "x\x00y"):
        for name in ("X-Request-ID", "Origin", "Accept", "If-None-Match", "Cookie"):
            answer = exchange(server, request("GET", "/api/v1/users/me", [(name, value)]))
            assert answer.answers == 1
            assert answer.status in (400, 401, 406)
            assert "Set-Cookie" not in answer.headers
    for path in ("/api/v1/users/%0d%0aSet-Cookie:%20a=b", "/%0d%0aSet-Cookie:a=b", "/?a=%0d%0aX:y"):
        answer = exchange(server, request("GET", path))
        # The page at the root asks nothing of its query.
        assert answer.status == 200 if path.startswith("/?") else answer.status in (401, 404)
        assert "Set-Cookie" not in answer.headers
        assert b"Set-Cookie" not in answer.received


SMUGGLED = request("GET", "/health")
BODY = b'{"a":1}'
LENGTH, CHUNKED = ("Content-Length", "7"), ("Transfer-Encoding", "chunked")
CHUNKS = b"7\r\n" + BODY + b"\r\n0\r\n\r\n"
CROOKED: dict[str, bytes] = {
    "CL and TE": post(LENGTH, CHUNKED) + CHUNKS,
    "TE and CL": post(CHUNKED, LENGTH) + CHUNKS,
    "CL 0 and TE": post(("Content-Length", "0"), CHUNKED) + CHUNKS,
    "two lengths": post(LENGTH, ("Content-Length", "8")) + BODY,
    "the same length twice": post(LENGTH, LENGTH) + BODY,
    "a list of lengths": post(("Content-Length", "7, 7")) + BODY,
    "a signed length": post(("Content-Length", "+7")) + BODY,
    "a negative length": post(("Content-Length", "-7")) + BODY,
    "a hexadecimal length": post(("Content-Length", "0x7")) + BODY,
    "a length with a blank": post(("Content-Length", "7 0")) + BODY,
    "an unknown coding": post(("Transfer-Encoding", "xchunked")) + CHUNKS,
    "a quoted coding": post(("Transfer-Encoding", '"chunked"')) + CHUNKS,
    "a coding with VT": post(("Transfer-Encoding", "\x0bchunked")) + CHUNKS,
    "a coding with NUL": post(("Transfer-Encoding", "chunked\x00")) + CHUNKS,
    "chunked, then identity": post(("Transfer-Encoding", "chunked, identity")) + CHUNKS,
    "identity": post(("Transfer-Encoding", "identity")) + CHUNKS,
    "chunked twice": post(CHUNKED, CHUNKED) + CHUNKS,
    "chunked twice in a list": post(("Transfer-Encoding", "chunked, chunked")) + CHUNKS,
    "a semicolon": post(("Transfer-Encoding", "chunked;x=y")) + CHUNKS,
    "a blank before the colon": post(("Transfer-Encoding ", "chunked")) + CHUNKS,
    "a folded field": post(("Transfer-Encoding", "\r\n chunked")) + CHUNKS,
    "a bare LF in a field": post(("X", "y\nTransfer-Encoding: chunked"), LENGTH) + BODY,
    "a bare CR in a field": post(("X", "y\rTransfer-Encoding: chunked"), LENGTH) + BODY,
    "a chunk size with a sign": post(CHUNKED) + b"+7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk size with 0x": post(CHUNKED) + b"0x7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk size with an underscore": post(CHUNKED) + b"0_7\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk size with LF alone": post(CHUNKED) + b"7\n" + BODY + b"\n0\n\n",
    "a chunk that is too long": post(CHUNKED) + b"5\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a bare LF as the end of the head": post(LENGTH).replace(b"\r\n\r\n", b"\n\n") + BODY,
}


@pytest.mark.parametrize("crooked", CROOKED.values(), ids=CROOKED.keys())
def test_r96_crooked_framing_gets_one_answer_and_the_end(server: Live, crooked: bytes) -> None:
    answer = exchange(server, crooked + SMUGGLED, SMUGGLED)
    assert answer.answers == 1, answer.received
    assert b'"healthy"' not in answer.received
    problem(answer, 400)
    assert answer.is_closed


def test_r96_honest_framing_shares_a_connection(server: Live) -> None:
    chunked = post(CHUNKED) + CHUNKS
    with connect(server) as connection:
        for sent, status in ((chunked, b"422"), (SMUGGLED, b"200"), (post(LENGTH) + BODY, b"422")):
            connection.sendall(sent)
            received = b""
            while b"}" not in received:
                received += connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 " + status)


def test_r105_what_the_server_refuses_looks_like_all_others(server: Live) -> None:
    long = "a" * 9_000
    cases: dict[str, tuple[bytes, int]] = {
        "a long field": (request("GET", "/health", [("X-Long", long)]), 431),
        "a long token": (request("GET", "/health", [("Authorization", f"Bearer {long}")]), 431),
        "many fields": (request("GET", "/health", [("X", "y")] * 100), 431),
        "a long line": (request("GET", f"/{long}"), 414),
        "a long query": (request("GET", f"/health?{long}"), 414),
        "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        "an old version": (b"GET /health HTTP/0.9\r\n\r\n", 400),
        "a new version": (b"GET /health HTTP/3.0\r\nHost: x\r\n\r\n", 400),
        "a crooked line": (b"GET\t/health\tHTTP/1.1\r\nHost: x\r\n\r\n", 400),
        "no target": (b"GET HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        "a lower-case method": (b"get /health HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        "a blank in a name": (b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        "no name": (b"GET /health HTTP/1.1\r\n: x\r\n\r\n", 400),
        "an expectation": (request("GET", "/health", [("Expect", "the impossible")]), 417),
    }
    for name, (sent, status) in cases.items():
        answer = exchange(server, sent)
        document = problem(answer, status)
        assert answer.is_closed, name
        assert "x-long" not in str(document).lower(), name
    for method in ("TRACE", "TRACK", "CONNECT", "PROPFIND", "FOO", "DEBUG"):
        answer = exchange(server, request(method, "/health", [("Cookie", "secret=1")]))
        assert problem(answer, 400, 404, 405)["status"] != 404 or method == "CONNECT"
        assert b"secret=1" not in answer.received


ABSENT = [
    "/.git", "/.git/config", "/.git/HEAD", "/.env", "/.env.example", "/.DS_Store", "/.htaccess",
    "/console", "/debug", "/debug/pprof/", "/_debug_toolbar/", "/admin", "/static/",
    "/static/../wsgi.py", "/wsgi.py", "/gunicorn.conf.py", "/instance", "/instance/secret_key",
    "/instance/gatehouse.db", "/instance/mail/", "/migrations/env.py", "/server-status", "/x.php",
    "/actuator/env", "/swagger.json", "/graphql", "/backup.zip", "/robots.txt", "/favicon.ico",
    "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/../../etc/passwd", "//etc/passwd",
    "/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/users",
]  # fmt: skip


def test_r106_nothing_else_is_there(server: Live) -> None:
    for path in ABSENT:
        for method in ("GET", "POST", "HEAD"):
            answer = exchange(server, request(method, path, [CLOSE]))
            assert answer.status == 404, (method, path, answer.received)
            if method != "HEAD":
                assert problem(answer, 404)["code"] == "not_found"
    # A page is a page, whatever it is asked beside.
    plain, asked = (
        exchange(server, request("GET", path, [CLOSE]))
        for path in ("/", "/?__debugger__=yes&cmd=x")
    )
    assert (asked.status, asked.content) == (plain.status, plain.content)
    # This one is there for whoever holds METRICS_TOKEN, which nobody has set here.
    for headers in ([], [("Authorization", "Bearer x")]):
        answer = exchange(server, request("GET", "/metrics", [*headers, CLOSE]))
        assert problem(answer, 404)["code"] == "not_found"
        assert exchange(server, request("HEAD", "/metrics", [*headers, CLOSE])).status == 404


def test_r82_raw_paths(live: Live) -> None:
    """What a client library would tidy up goes to the server as it is."""
    person = live.client.sign_up()
    admin = live.admin()
    paths = [
        "//api/v1/users",
        "/api/v1//users",
        "/api/v1/users/",
        "/api/v1/users//",
        "/api/v1/./users",
        "/api/v1/users/.",
        "/api/v1/x/../users",
        "/health/../api/v1/users",
        "/health/..;/api/v1/users",
        "/api/v1/users;x=y",
        "/api/v1/users%2f",
        "/api/v1/%75sers",
        "/api/v1/%2575sers",
        "/api/v1%2fusers",
        "/API/V1/USERS",
        "/api/v1/users\\",
        "/api/v1/users%00",
        "/api/v1/users%20",
        "/api/v1/users.json",
        "/api/v1/users#x",
        "http://127.0.0.1/api/v1/users",
        "http://evil.example/api/v1/users",
        "https://evil.example//api/v1/users",
        "/\x09/evil.example",
        "*",
        "api/v1/users",
    ]
    served = 0
    for path in paths:
        for token, plain in ((None, 401), (person.token, 403), (admin.token, 200)):
            fields = [] if token is None else [("Authorization", f"Bearer {token}")]
            answer = exchange(live, request("GET", path, [CLOSE, *fields]))
            assert answer.status in (plain, 400, 404), (path, answer.received[:500])
            assert "Location" not in answer.headers
            served += answer.status == 200
    assert 2 <= served < len(paths)
