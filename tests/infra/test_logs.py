"""Logs: one line an event, no secret in it, and never the end of a request (R93, R112, F11)."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from flask import Flask
from sqlalchemy.exc import StatementError

from gatehouse.infra import logs
from gatehouse.infra.logs import lines as log_lines
from gatehouse.settings import Settings
from tests.infra.conftest import MakeApp

Lines = Callable[[], list[str]]
MakeSettings = Callable[..., Settings]
HOSTILE = 'a\r\nb\x1b[31mc\u2028d\u2029e\x85f\x00g"h\\i\x7fj\u202ek\ud800l\U000e0001m'
SECRETS = {
    "json web token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "one-time token": "0191d0c0-0000-7000-8000-123456789abc.3f9c2b7a61d04e88a7c5d1e2f3a4b5c6",
    "API key": "gh_0191d0c000007000_c2VjcmV0c2VjcmV0",
    "hash": "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
    "plain bcrypt": "$2b$12$n79VH.0Q2TMWmt3Oqt9ukuKq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
    "basic credentials": "Basic dXNlcjpwYXNzd29yZA==",
    "bearer": "Bearer abcdefghijklmnop",
    "link": "https://example.org/verify-email?token=abcdefghijklmnop",
    "parameters": str(StatementError("gone", "SELECT :a", {"a": "ordinary.words"}, OSError())),
    "URL": "postgresql://gatehouse:hunter22@db/gatehouse",
}


@pytest.fixture(params=["console", "json"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lines(form: str, tmp_path: Path, settings: MakeSettings) -> Iterator[Lines]:
    """What was logged since the test began, line by line."""
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    logs.configure(settings(LOG_FORMAT=form), descriptor=descriptor)
    yield lambda: path.read_bytes().decode().splitlines()
    logs.configure(settings())
    os.close(descriptor)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[MakeSettings]:
    """Makes settings; afterwards logs go where they went before."""

    def make(**variables: str) -> Settings:
        return Settings.load({"INSTANCE_DIR": str(tmp_path / "instance"), **variables})

    yield make
    logs.unbind_request()
    logs.configure(make())


def test_R93_whatever_is_in_it_an_event_is_one_line_of_printable_text(
    lines: Lines, form: str
) -> None:
    logs.bind_request(HOSTILE)
    logs.logger.info("something_happened", name=HOSTILE, nested={HOSTILE: [HOSTILE]})
    logging.getLogger("library").warning("text %s", HOSTILE)
    written = lines()
    assert len(written) == 2
    assert all(line.isprintable() for line in written)
    if form == "json":
        assert json.loads(written[0])["name"] == HOSTILE
        assert [json.loads(line)["request_id"] for line in written] == [HOSTILE] * 2


@pytest.mark.parametrize("kind", SECRETS)
def test_R112_what_looks_like_a_secret_is_taken_out_everywhere(lines: Lines, kind: str) -> None:
    secret = SECRETS[kind]
    logs.logger.info("event", text=f"before {secret} after", nested=[{"text": secret}])
    logs.logger.info(f"event {secret}")
    logging.getLogger("library").error("line with %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        logs.logger.exception("failed")
    hidden = secret.rpartition(".")[2].rpartition(" ")[2].rpartition("=abc")[2]
    hidden = {"URL": "hunter22", "parameters": "ordinary"}.get(kind, hidden)
    written = lines()
    assert len(written) == 4
    assert not [line for line in written if hidden in line]
    assert "before" in written[0]


def test_R112_members_named_like_a_secret_are_never_shown(lines: Lines) -> None:
    names = [
        "password", "new_password", "currentPassword", "token", "refresh_token", "secret_key",
        "Authorization", "Set-Cookie", "cookies", "api_key", "data_keys", "password_hash", "otp",
        "mfa_ticket", "SMTP_PASSWORD", "credentials", "private_key",
    ]  # fmt: skip
    logs.logger.info("event", body=dict.fromkeys(names, "visible"))
    logs.logger.info("event", **dict.fromkeys(names, "visible"))
    assert "visible" not in "".join(lines())
    assert not any(map(log_lines.is_secret_name, ["token_id", "user_id", "email", "kind", "key"]))


def test_settings_that_hold_a_secret_do_not_show_it(lines: Lines, settings: MakeSettings) -> None:
    held = settings(SECRET_KEY="s" * 40)
    logs.logger.info("event", settings=held, one=held.secret_key)
    assert "ssss" not in "".join(lines())


def test_a_trace_is_part_of_its_line(lines: Lines, form: str) -> None:
    try:
        raise RuntimeError("the reason")
    except RuntimeError:
        logs.logger.exception("failed")
        logging.getLogger("library").exception("failed too")
    written = lines()
    assert len(written) == 2
    assert all("RuntimeError: the reason" in line for line in written)
    assert all("test_logs.py" in line for line in written)
    if form == "json":
        assert [json.loads(line)["level"] for line in written] == ["error", "error"]


def test_odd_values_are_no_reason_to_fall(lines: Lines) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd\nthing"

    logs.logger.info("event", big=2**80, raw=b"\xff\x00", odd=Odd(), many={1, 2}, nan=float("nan"))
    logs.logger.info("event", long="x" * 100_000)
    logging.getLogger("library").warning("%d", "no number")
    written = lines()
    assert "2 bytes" in written[0]
    assert len(written[1]) < 5_000


def test_an_event_has_its_time_in_utc_its_level_and_its_name(lines: Lines, form: str) -> None:
    logs.logger.warning("something_happened", number=1)
    (line,) = lines()
    if form == "json":
        event = json.loads(line)
        assert event["timestamp"].endswith("Z")
        assert (event["level"], event["event"], event["number"]) == (
            "warning", "something_happened", 1,
        )  # fmt: skip
    else:
        assert "Z warning  something_happened number=1" in line
        assert "\x1b" not in line


def test_lines_below_the_level_are_not_written(tmp_path: Path, settings: MakeSettings) -> None:
    fresh = structlog.get_logger()
    path = tmp_path / "log"
    with path.open("wb") as file:
        logs.configure(settings(LOG_LEVEL="ERROR"), descriptor=file.fileno())
        fresh.info("no")
        logging.getLogger("library").warning("no")
        fresh.error("yes")
    assert path.read_text().count("\n") == 1


def test_F11_a_full_disk_or_a_closed_pipe_stops_nothing(settings: MakeSettings) -> None:
    before = logs.sink.lost
    full = os.open("/dev/full", os.O_WRONLY)
    reading, writing = os.pipe()
    os.close(reading)
    for descriptor in (full, writing):
        logs.configure(settings(), descriptor=descriptor)
        logs.logger.info("event")
        logging.getLogger("library").warning("event")
        os.close(descriptor)
        logs.logger.info("after it was closed")
    assert logs.sink.lost == before + 6


def test_one_line_tells_each_request_by_its_rule(
    lines: Lines, form: str, make_infra_app: MakeApp
) -> None:
    app = request_app(make_infra_app())
    client = app.test_client()
    client.get("/things/what-a-stranger-chose")
    client.get("/nowhere/what-a-stranger-chose")
    client.get("/broken")
    written = lines()
    assert "what-a-stranger-chose" not in "".join(written)
    if form == "json":
        finished = [json.loads(line) for line in written if "request_finished" in line]
        assert [(one["route"], one["status"]) for one in finished] == [
            ("/things/<name>", 200), (None, 404), ("/broken", 500),
        ]  # fmt: skip
        assert all(one["method"] == "GET" and one["ms"] >= 0 for one in finished)
        assert [one["request_id"] for one in finished] == ["request-1"] * 3
    logs.logger.info("afterwards")
    assert "request-1" not in lines()[-1]


def request_app(app: Flask) -> Flask:
    logs.install_request_log(app, app.config["SETTINGS"])
    app.before_request(lambda: logs.bind_request("request-1"))
    app.add_url_rule("/things/<name>", view_func=lambda name: name, endpoint="things")
    app.add_url_rule("/broken", view_func=lambda: 1 / 0, endpoint="broken")  # type: ignore[return-value]
    return app
