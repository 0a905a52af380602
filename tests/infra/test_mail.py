"""Mail: to one stored address, harmless whatever stands in it, and not lost (F7, R63, R94, R95)."""

import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiosmtpd.controller import Controller
from flask import Flask

from gatehouse.core import clock
from gatehouse.infra import db, jobs, logs, mail
from gatehouse.infra.jobs import Permanent
from gatehouse.infra.mail import connection, smtp
from gatehouse.infra.mail import files as mail_files
from tests.infra.conftest import MakeApp
from tests.support import certificates, smtp_sink
from tests.support.smtp_sink import Sink, read

TOKEN = "0191d0c0-0000-7000-8000-123456789abc.3f9c2b7a61d04e88"
TEMPLATES = (
    "verify_email",
    "email_change_confirm",
    "email_change_notice",
    "password_changed",
    "password_reset",
    "account_exists",
    "login_after_failures",
    "roles_changed",
    "new_password_required",
)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def server(sink: Sink) -> Iterator[Controller]:
    with smtp_sink.serving(sink) as controller:
        yield controller


@pytest.fixture
def app(make_infra_app: MakeApp, outbox: Callable[[Flask], Flask], server: Controller) -> Flask:
    """An application whose mail goes to the real server."""
    return outbox(make_infra_app(**smtp_settings(server)))


@pytest.fixture
def file_app(make_infra_app: MakeApp, outbox: Callable[[Flask], Flask]) -> Flask:
    """An application whose mail goes to files."""
    return outbox(make_infra_app())


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the feature that makes tokens: the id is the token."""
    monkeypatch.setitem(mail._resolvers, "one_time", lambda value: value and value["id"])


def smtp_settings(server: Controller) -> dict[str, str]:
    return smtp_sink.variables(server.port)


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def queue(template: str = "password_changed", *, to: str = "a@example.org", **context: Any) -> UUID:
    with db.unit():
        return mail.queue(template, to=to, user_id=uuid4(), context=context)


def files(app: Flask) -> list[Path]:
    return sorted((app.config["SETTINGS"].instance_dir / "mail").glob("*"))


def test_a_mail_says_who_when_and_that_a_program_wrote_it(app: Flask, sink: Sink) -> None:
    with app.app_context():
        entry_id = queue("verify_email", one_time={"id": TOKEN})
        jobs.run_due()
    (message,) = sink.messages
    assert message["From"] == "Gatehouse <no-reply@example.org>"
    assert message["To"] == "a@example.org"
    assert message["Subject"] == "Confirm your e-mail address for Gatehouse"
    assert message["Message-ID"] == f"<{entry_id}@accounts.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(message["Date"].datetime - clock.now()) < timedelta(minutes=1)


@pytest.mark.parametrize("template", TEMPLATES)
def test_R102_every_template_can_be_written_and_links_to_us_alone(
    app: Flask, sink: Sink, template: str
) -> None:
    with app.test_request_context(headers={"Host": "evil.example"}):
        queue(template, one_time={"id": TOKEN})
        jobs.run_due()
    (message,) = sink.messages
    text = text_of(message)
    assert message["Subject"].count("Gatehouse") == 1
    for part in (text, text_of(message, "html")):
        links = part.count("://")
        assert links == part.count("https://accounts.example.org/")
        assert "evil" not in part
    if template in {"verify_email", "email_change_confirm", "password_reset"}:
        assert f"#token={TOKEN}\n" in text
        assert f"\n{TOKEN}\n" in text
    else:
        assert TOKEN not in text


def test_every_template_is_named_here() -> None:
    found = {name.partition(".")[0] for name in mail._templates.list_templates()}
    # What an administrator writes has tests of its own.
    assert found - {"_layout", "notification"} == set(TEMPLATES)


def test_R63_the_envelope_has_the_stored_address_byte_for_byte(app: Flask, sink: Sink) -> None:
    addresses = [
        "MiXed.Case+tag@Example.ORG",
        "m\u0131ke@example.org",  # a dotless i, which folds to another letter
        "jörg@bücher.example",
        "o'brien!#$%&*/=?^_`{|}~-@example.org",
        f"{'x' * 64}@{'y' * 60}.{'z' * 60}.example.org",
    ]
    with app.app_context():
        for address in addresses:
            queue(to=address)
        assert jobs.run_due() == len(addresses)
    assert [envelope.rcpt_tos for envelope in sink.envelopes] == [[one] for one in addresses]
    headers = [message["To"].addresses for message in sink.messages]
    assert [[one.addr_spec for one in header] for header in headers] == [[a] for a in addresses]


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org,evil@example.com",
        "a@example.org, evil@example.com",
        "a@example.org\r\nBcc: evil@example.com",
        "a@example.org\nevil@example.com",
        "a@example.org;evil@example.com",
        "evil@example.com> <a@example.org",
        "<a@example.org>",
        '"a,evil"@example.org',
        "a@evil.com@example.org",
        "(evil@example.com)a@example.org",
        "a @example.org",
        "a\x00@example.org",
        "a\u2028@example.org",
        "a\x85@example.org",
        "group:evil@example.com;",
        "a@example.org\udc80",
        "",
        "@",
        "a@",
    ],
)
def test_R95_what_is_not_one_address_gets_no_mail(app: Flask, sink: Sink, address: str) -> None:
    with app.app_context(), pytest.raises(Permanent):
        mail.send(address, "Subject", "Text", html=None, message_id="<1@example.org>")
    assert not sink.envelopes


def test_R95_a_line_end_in_a_subject_or_a_member_makes_no_header(app: Flask, sink: Sink) -> None:
    hostile = "x\r\nBcc: evil@example.com\r\n\r\nbody\u2028\x1b[31m"
    with app.app_context():
        with pytest.raises(ValueError, match="Header"):
            mail.send("a@example.org", hostile, "t", html=None, message_id="<1@example.org>")
        queue("email_change_notice", new_address=hostile)
        queue("roles_changed", roles=[hostile])
        jobs.run_due()
    for envelope, message in zip(sink.envelopes, sink.messages, strict=True):
        assert envelope.rcpt_tos == ["a@example.org"]
        assert message["Bcc"] is None
        assert "\nBcc" not in text_of(message)
        assert "\x1b" not in text_of(message)
        assert "\u2028" not in text_of(message)


def test_R94_what_a_person_chose_is_inert_in_both_parts(app: Flask, sink: Sink) -> None:
    hostile = "<script>alert(1)</script>{{7*7}}{% raw %}=cmd()"
    with app.app_context():
        queue("email_change_notice", new_address=hostile)
        jobs.run_due()
    (message,) = sink.messages
    assert hostile in text_of(message)
    assert "49" not in text_of(message)
    html = text_of(message, "html")
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in html


@pytest.mark.parametrize("template", ["verify_email", "password_reset", "email_change_confirm"])
def test_what_programs_need_stands_in_the_text_alone(app: Flask, sink: Sink, template: str) -> None:
    with app.app_context():
        queue(template, one_time={"id": TOKEN})
        jobs.run_due()
    (message,) = sink.messages
    plain, html = text_of(message), text_of(message, "html")
    assert "/api/v1/auth/" in plain
    assert "/api/v1/" not in html
    assert html.count("#token=") == 2, "the link, and its words"
    assert "\n\n\n" not in plain


def test_without_a_mail_server_a_mail_is_a_file_of_ours_that_the_log_names(
    file_app: Flask, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output, file_app.app_context():
        logs.configure(file_app.config["SETTINGS"], descriptor=output.fileno())
        entry_id = queue("verify_email", one_time={"id": TOKEN})
        jobs.run_due()
        logs.configure(file_app.config["SETTINGS"])
    (path,) = files(file_app)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    message = read(path.read_bytes())
    assert f"http://127.0.0.1:8000/verify-email#token={TOKEN}" in text_of(message)
    assert f"#token={TOKEN}\n" in path.read_text(), "a person can copy the link from the file"
    told = log.read_text()
    assert str(path) in told
    assert str(entry_id) in told
    assert TOKEN not in told


def test_the_outbox_holds_no_token_and_a_dead_one_drops_the_mail(
    file_app: Flask,
) -> None:
    with file_app.app_context():
        queue("verify_email", one_time=None)
        assert jobs.run_due() == 1
        assert jobs.counts()["done"] == 1
    assert not files(file_app)


def test_a_person_who_is_forgotten_has_no_mail_left(file_app: Flask) -> None:
    person = uuid4()
    with file_app.app_context():
        with db.unit():
            mail.queue("password_changed", to="a@example.org", user_id=person, context={})
        queue()
        jobs.run_due()
        with db.unit():
            mail.queue("password_changed", to="a@example.org", user_id=person, context={})
        assert len(files(file_app)) == 2
        with db.unit():
            mail.forget(person)
        assert jobs.counts() == {"waiting": 0, "leased": 0, "done": 1, "parked": 0}
        assert len(files(file_app)) == 1


def test_C8_a_mail_that_is_being_written_while_its_person_is_forgotten_goes_too(
    file_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, real = uuid4(), mail_files.keep

    def keep(message: EmailMessage) -> None:
        with db.unit():
            mail.forget(person)
        real(message)

    monkeypatch.setattr(mail_files, "keep", keep)
    with file_app.app_context():
        with db.unit():
            mail.queue("password_changed", to="a@example.org", user_id=person, context={})
        assert jobs.run_due() == 1
    assert files(file_app) == []


@pytest.mark.parametrize("code", [550, 451])
def test_what_a_mail_server_answers_is_told_without_addresses(
    app: Flask, sink: Sink, code: int
) -> None:
    sink.answers["RCPT"] = f"{code} 5.1.1 <Some.Body@example.org>: some.body@example.org unknown"
    with app.app_context():
        queue(to="Some.Body@example.org")
        jobs.run_due()
        (row,) = jobs.listed(kind=mail.KIND)
    kind = "Permanent" if code == 550 else "TryLater"
    assert row["last_error"] == f"{kind}: {code} 5.1.1 <address> <address> unknown"


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_F7_a_refusal_for_good_is_parked_and_a_passing_one_tried_again(
    app: Flask, sink: Sink, step: str
) -> None:
    with app.app_context():
        sink.answers[step] = "550 5.1.1 no such user"
        queue()
        jobs.run_due()
        (parked,) = jobs.parked()
        assert parked["last_error"] == "Permanent: 550 5.1.1 no such user"

        sink.answers[step] = "451 4.7.1 try again later"
        entry_id = queue()
        for minutes in range(0, 60, 5):
            with clock.shifted(timedelta(minutes=minutes)):
                jobs.run_due()
        assert jobs.counts()["waiting"] == 1
        sink.answers.clear()
        with clock.shifted(timedelta(hours=3)):
            jobs.run_due()
    (message,) = sink.messages
    assert message["Message-ID"] == f"<{entry_id}@accounts.example.org>"


def test_F7_a_server_that_refuses_connections_or_hangs_loses_no_mail(
    make_infra_app: MakeApp, outbox: Callable[[Flask], Flask], server: Controller, sink: Sink
) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with silent:
        for port in (1, silent.getsockname()[1]):
            app = outbox(make_infra_app(**smtp_settings(server) | {"SMTP_PORT": str(port)}))
            with app.app_context():
                queue()
                begun = time.monotonic()
                jobs.run_due()
                assert time.monotonic() - begun < 5
    app = make_infra_app(**smtp_settings(server))
    with app.app_context():
        assert jobs.counts()["waiting"] == 2
        with clock.shifted(timedelta(hours=1)):
            assert jobs.run_due() == 2
    assert len(sink.envelopes) == 2


def watches() -> int:
    return sum(one.name == "mail-watch" for one in threading.enumerate())


def expect_no_watch() -> None:
    limit = time.monotonic() + 2
    while watches() and time.monotonic() < limit:
        time.sleep(0.02)
    assert watches() == 0


def test_mails_that_follow_each_other_share_a_connection_and_then_it_ends(
    app: Flask, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", 0.5)
    with app.app_context():
        for _ in range(3):
            queue()
        jobs.run_due()
        assert len(sink.peers) == 3
        assert len(set(sink.peers)) == 1
        assert watches() == 1
        expect_no_watch()
        monkeypatch.setattr(connection, "MOST_MAILS", 2)
        for _ in range(3):
            queue()
        jobs.run_due()
    assert sink.peers[3] == sink.peers[4] != sink.peers[5]
    assert len(set(sink.peers)) == 3


def test_F7_a_server_that_was_restarted_between_two_mails_gets_both(
    make_infra_app: MakeApp,
    outbox: Callable[[Flask], Flask],
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", 60.0)
    with smtp_sink.serving(sink) as server:
        app = outbox(make_infra_app(**smtp_settings(server)))
        with app.app_context():
            queue()
            jobs.run_due()
    monkeypatch.setattr(connection, "REST_SECONDS", 0.1)
    with smtp_sink.serving(sink, port=server.port), app.app_context():
        queue()
        jobs.run_due()
        assert jobs.counts()["waiting"] == 0
    assert len(set(sink.peers)) == 2


def test_F7_a_server_that_falls_silent_between_two_mails_gets_both(
    make_infra_app: MakeApp,
    outbox: Callable[[Flask], Flask],
    server: Controller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "PROBE_SECONDS", 0.3)
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[bytes] = []

    def talk(conversation: socket.socket) -> None:
        with conversation, conversation.makefile("rb") as lines:
            conversation.sendall(b"220 here\r\n")
            while not (line := lines.readline()).upper().startswith(b"DATA"):
                conversation.sendall(b"250 ok\r\n")
            conversation.sendall(b"354 go on\r\n")
            while lines.readline() != b".\r\n":
                pass
            taken.append(line)
            conversation.sendall(b"250 ok\r\n")
            lines.read()  # it says no more

    def serve() -> None:
        for _ in range(2):
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    change = {"SMTP_PORT": str(listener.getsockname()[1]), "SMTP_TIMEOUT_SECONDS": "10"}
    app = outbox(make_infra_app(**smtp_settings(server) | change))
    with listener, app.app_context():
        began = time.monotonic()
        for _ in range(2):
            queue()
            jobs.run_due()
        assert jobs.counts()["done"] == 2
        assert time.monotonic() - began < 5, "long before an answer is given up"
    assert len(taken) == 2


def test_F7_a_server_that_takes_one_mail_of_a_connection_gets_both(
    make_infra_app: MakeApp, outbox: Callable[[Flask], Flask], sink: Sink
) -> None:
    """Some count the mails of a connection, and refuse the next sender for good."""
    sink.mails_of_a_connection = 1
    with smtp_sink.serving(sink) as server:
        app = outbox(make_infra_app(**smtp_settings(server)))
        with app.app_context():
            for _ in range(3):
                queue()
            jobs.run_due()
            assert jobs.counts()["done"] == 3
    assert len(set(sink.peers)) == 3


def test_F7_a_server_that_drips_its_answer_is_cut_off(
    make_infra_app: MakeApp,
    outbox: Callable[[Flask], Flask],
    server: Controller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each byte comes in time, and the last one never."""
    monkeypatch.setattr(smtp, "LONGEST_SECONDS", 1.0)
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            while not is_over.wait(0.05):
                connection.sendall(b"220-still thinking\r\n")

    thread = threading.Thread(target=drip)
    thread.start()
    port = str(listener.getsockname()[1])
    app = outbox(make_infra_app(**smtp_settings(server) | {"SMTP_PORT": port}))
    try:
        with app.app_context():
            queue()
            begun = time.monotonic()
            jobs.run_due()
            assert time.monotonic() - begun < 5
            assert jobs.counts()["waiting"] == 1
    finally:
        is_over.set()
        thread.join()
        listener.close()
    expect_no_watch()


def test_F7_a_server_that_dies_after_half_a_message_loses_no_mail(
    make_infra_app: MakeApp, outbox: Callable[[Flask], Flask], server: Controller, sink: Sink
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def die() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 here\r\n")
            for line in lines:
                if line.upper().startswith(b"DATA"):
                    connection.sendall(b"354 go on\r\n")
                    lines.readline()
                    return
                connection.sendall(b"250 ok\r\n")

    thread = threading.Thread(target=die)
    thread.start()
    port = str(listener.getsockname()[1])
    app = outbox(make_infra_app(**smtp_settings(server) | {"SMTP_PORT": port}))
    with app.app_context():
        entry_id = queue()
        jobs.run_due()
        thread.join()
        listener.close()
        assert jobs.counts()["waiting"] == 1
    app = make_infra_app(**smtp_settings(server))
    with app.app_context(), clock.shifted(timedelta(hours=1)):
        jobs.run_due()
    assert sink.ids() == [f"<{entry_id}@accounts.example.org>"]


def test_a_refused_log_in_or_a_server_without_tls_is_for_the_operator_to_mend(
    make_infra_app: MakeApp, outbox: Callable[[Flask], Flask], server: Controller, sink: Sink
) -> None:
    for change in (
        {"SMTP_USER": "gatehouse", "SMTP_PASSWORD": "wrong"},
        {"SMTP_TLS": "starttls"},
        {"SMTP_TLS": "tls"},
    ):
        app = outbox(make_infra_app(**smtp_settings(server) | change))
        with app.app_context():
            queue()
            jobs.run_due()
    app = make_infra_app(**smtp_settings(server), SMTP_USER="gatehouse", SMTP_PASSWORD="right")
    with app.app_context(), clock.shifted(timedelta(hours=1)):
        assert jobs.counts()["waiting"] == 3
        assert jobs.run_due() == 3
        assert jobs.counts()["done"] == 3
    assert len(sink.envelopes) == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_mail_travels_by_starttls_to_a_server_that_proves_its_name(
    host: str,
    make_infra_app: MakeApp,
    outbox: Callable[[Flask], Flask],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a log-in; neither it nor a mail is told to whoever cannot prove their name."""
    certificate, context = certificates.make(tmp_path, host=host)
    sink = Sink()
    with smtp_sink.serving(sink, tls_context=context, require_starttls=True) as tls_server:
        change = {
            "SMTP_TLS": "starttls",
            "SMTP_USER": "gatehouse",
            "SMTP_PASSWORD": smtp_sink.PASSWORD,
        }
        app = outbox(make_infra_app(**smtp_settings(tls_server) | change))
        with app.app_context():
            queue()
            jobs.run_due()
            (waiting,) = jobs.listed(state=jobs.State.WAITING)
            assert "CERTIFICATE_VERIFY_FAILED" in waiting["last_error"], "nobody vouches for it"
            assert not sink.envelopes
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            with clock.shifted(timedelta(hours=1)):
                jobs.run_due()
            is_named = host == "127.0.0.1"
            assert jobs.counts()["done"] == is_named
    assert len(sink.envelopes) == is_named
