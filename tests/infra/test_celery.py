"""JOBS=celery: workers do what the rows say, whatever becomes of the messages (F7, F10, C14)."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from kombu.exceptions import OperationalError
from sqlalchemy import RowMapping, select

from gatehouse.infra import db, jobs, mail
from gatehouse.infra.jobs import OutboxEntry, State, distributed, messages, runner
from gatehouse.infra.mail import connection, smtp
from gatehouse.settings import Settings, SettingsError
from tests.servers import redis
from tests.servers.server import ROOT, free_port
from tests.support import certificates, smtp_sink, workers
from tests.support.databases import Database, PostgreSql, application
from tests.support.environment import environ
from tests.support.smtp_sink import Sink

# How long a busy machine may take. Without a beat nothing but the message itself starts work.
AT_ONCE, BY_SWEEP = 10.0, 60.0


@dataclass(frozen=True)
class House:
    """A service whose work is done by Celery, and what its workers are started with."""

    app: Flask
    variables: dict[str, str]
    directory: Path
    sink: Sink

    def mail(self, *, breaks: bool = False) -> tuple[str, str]:
        """Queue a mail to somebody new; return the address and its Message-ID."""
        address = f"{uuid4().hex}@example.org"
        with self.app.app_context(), suppress(ZeroDivisionError), db.unit():
            entry_id = mail.queue("password_changed", to=address, context={})
            if breaks:
                raise ZeroDivisionError
        return address, f"<{entry_id}@accounts.example.org>"

    def row(self, message_id: str) -> RowMapping:
        """Return the row of a mail."""
        entry_id = UUID(message_id.strip("<>").partition("@")[0])
        with self.app.app_context():
            statement = select(OutboxEntry.__table__).where(OutboxEntry.id == entry_id)
            found = db.reader.row(statement)
        assert found is not None
        return found._mapping

    def got(self, address: str) -> Callable[[], bool]:
        return lambda: bool(self.sink.ids(address))

    def run(self, role: str, *words: str, **variables: str) -> Any:
        """Start a worker or a beat."""
        return workers.celery(
            role, *words, directory=self.directory, environ=self.variables | variables
        )


def eventually(condition: Callable[[], bool], *, within: float) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def house(
    templates: Callable[[str], Database],
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """Return a service that tells its workers of new work."""
    directory, sink = tmp_path_factory.mktemp("celery"), Sink()
    with ExitStack() as stack:
        url = stack.enter_context(templates(PostgreSql.name).copy(directory))
        server = stack.enter_context(smtp_sink.serving(sink))
        more = {"JOBS": "celery", "REDIS_URL": redis_url, **smtp_sink.variables(server.port)}
        # How long a busy machine takes is not what these tests are about.
        variables = environ(directory, url, **more | {"SMTP_TIMEOUT_SECONDS": "10"})
        app = stack.enter_context(application(Settings.load(variables)))
        jobs.start_thread(app)
        stack.callback(jobs.stop_thread, app)
        yield House(app, variables, directory, sink)


@pytest.fixture(scope="module")
def worker(house: House) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker of four processes, and no beat."""
    with house.run("worker", "--concurrency", "4") as process:
        yield process


@pytest.mark.usefixtures("worker")
def test_work_begins_with_the_commit_and_never_without(house: House) -> None:
    address, message_id = house.mail()
    stranger, _ = house.mail(breaks=True)
    assert eventually(house.got(address), within=AT_ONCE)
    assert house.sink.ids(address) == [message_id]
    assert eventually(lambda: house.row(message_id)["state"] == State.DONE, within=AT_ONCE)
    assert house.row(message_id)["attempts"] == 1
    assert not house.sink.ids(stranger)


@pytest.mark.usefixtures("worker")
def test_c14_a_row_that_is_told_ten_times_is_done_once(house: House) -> None:
    with house.app.app_context(), db.unit():
        ids = [
            mail.queue("password_changed", to=f"{number}.c14@example.org", context={})
            for number in range(20)
        ]
    celery = distributed.make(house.app.config["SETTINGS"])
    for entry_id in ids * 10:
        distributed.publish(celery, entry_id)
    assert eventually(lambda: distributed.queued(celery) == 0, within=30)
    found = Counter(house.sink.ids())
    assert {found[f"<{entry_id}@accounts.example.org>"] for entry_id in ids} == {1}


def test_f7_without_a_broker_no_request_waits_and_the_sweep_finds_the_row(
    house: House, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(socket.socket())
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        addresses = []
        for port in (free_port(), silent.getsockname()[1]):
            for scheme in ("redis", "amqp"):
                changed = {"BROKER_URL": f"{scheme}://127.0.0.1:{port}/"}
                settings = Settings.load(house.variables | changed)
                app = stack.enter_context(application(settings))
                jobs.start_thread(app)
                stack.callback(jobs.stop_thread, app)
                longest = 0.0
                lost = House(app, house.variables, tmp_path, house.sink)
                for _ in range(5):
                    begun = time.monotonic()
                    addresses.append(lost.mail()[0])
                    longest = max(longest, time.monotonic() - begun)
                assert longest < 0.5, "no more than the commit itself"
        assert not any(map(house.sink.ids, addresses))
        with house.run("beat"), house.run("beat"):
            assert eventually(lambda: all(map(house.sink.ids, addresses)), within=BY_SWEEP)
    assert all(len(house.sink.ids(one)) == 1 for one in addresses), "two beats do no harm"
    told = (house.directory / "worker.log").read_text()
    assert "job_lease_lost" not in told
    for line in told.splitlines():
        json.loads(line)
    assert "periodic:outbox.purge" in kinds(house), "beat starts the housekeeping too"


def test_a_broker_that_is_away_is_told_once_and_its_return_too(
    house: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(messages.logger, "warning", lambda event, **_: said.append(event))
    monkeypatch.setattr(messages.logger, "info", lambda event, **_: said.append(event))
    monkeypatch.setattr(messages, "PAUSE_SECONDS", 0.0)
    is_away = True

    def publish(*_: Any, **__: Any) -> None:
        if is_away:
            raise ConnectionError

    monkeypatch.setattr(distributed, "publish", publish)
    thread = messages.JobMessages(house.app)
    for number in range(messages.MOST_WAITING + 10):
        thread.wake(UUID(int=number))
    thread.start()
    assert eventually(lambda: said == ["job_broker_away"], within=5)
    assert eventually(thread._ids.empty, within=5)
    is_away = False
    thread.wake(uuid4())
    thread.wake(uuid4())
    thread.stop(timeout=5)
    assert said == ["job_broker_away", "job_broker_back"]


def test_a_sweep_fills_the_queue_up_to_its_bound_only(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody takes from this queue.
    monkeypatch.setattr(distributed, "QUEUE", f"sweep-{uuid4().hex}")
    monkeypatch.setattr(distributed, "MOST_MESSAGES", 20)
    celery = distributed.make(house.app.config["SETTINGS"])
    present = [(uuid4(), False) for _ in range(50)]
    monkeypatch.setattr(runner, "due", lambda limit: present[:limit])
    with house.app.app_context():
        for _ in range(3):
            distributed._sweep(celery)
            assert distributed.queued(celery) == 20


@pytest.mark.usefixtures("worker")
def test_a_message_that_is_not_json_is_not_read(house: House, tmp_path: Path) -> None:
    touched = tmp_path / "touched"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (touched,)

    celery = distributed.make(house.app.config["SETTINGS"])
    celery.conf.accept_content = ["json", "pickle"]
    celery.send_task(distributed.PERFORM, args=[Evil()], serializer="pickle")
    celery.send_task(distributed.PERFORM, args=["no id"])
    celery.send_task(distributed.PERFORM, args=[str(uuid4())])
    celery.send_task("os.system", args=["true"])
    address, _ = house.mail()
    assert eventually(house.got(address), within=AT_ONCE)
    assert not touched.exists()


def test_a_worker_that_is_told_to_stop_finishes_its_mail(
    house: House, redis_url: str, tmp_path: Path
) -> None:
    slow = Sink()
    slow.data_seconds = 1.5
    with smtp_sink.serving(slow) as server, ExitStack() as stack:
        # Messages of its own, which no other worker of these tests takes.
        variables = house.variables | {
            "BROKER_URL": redis.for_process(redis_url, 4),
            "SMTP_PORT": str(server.port),
        }
        app = stack.enter_context(application(Settings.load(variables)))
        jobs.start_thread(app)
        alone = House(app, variables, tmp_path, slow)
        with alone.run("worker", "--concurrency", "1") as process:
            address, message_id = alone.mail()
            assert eventually(lambda: alone.row(message_id)["state"] == "leased", within=AT_ONCE)
            process.terminate()
            assert process.wait(timeout=20) == 0
        assert slow.ids(address) == [message_id]
        assert alone.row(message_id)["state"] == State.DONE


def test_the_limits_of_a_task_end_before_its_lease(house: House) -> None:
    conf = distributed.make(house.app.config["SETTINGS"]).conf
    soft, hard = conf.task_soft_time_limit, conf.task_time_limit
    assert 40 < soft < hard < runner.LEASE.total_seconds()
    limits = distributed._time_limits(runner.PERIODIC_LEASE)
    assert limits["time_limit"] < runner.PERIODIC_LEASE.total_seconds()
    assert runner.PERIODIC_LEASE.total_seconds() < distributed.VISIBILITY_SECONDS
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.accept_content == ["json"]
    assert conf.result_backend is None


def test_the_embedded_server_loads_no_celery(tmp_path: Path) -> None:
    """It costs neither time at the start nor memory where nobody wants it."""
    program = (
        "import sys, gatehouse, gatehouse.cli\n"
        "gatehouse.create_app()\n"
        "print(sorted({'celery', 'kombu', 'amqp', 'billiard'} & set(sys.modules)))"
    )
    variables = environ(tmp_path, f"sqlite:///{tmp_path}/x.db")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "src"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"DATABASE_URL": "sqlite:///x.db"}, "JOBS: celery needs PostgreSQL"),
        ({"REDIS_URL": ""}, "BROKER_URL: is required with JOBS=celery"),
        ({"BROKER_URL": "kafka://here"}, "BROKER_URL: must be a URL like amqp://"),
        ({"REDIS_URL": "redis://h/0?password=kafka"}, "BROKER_URL: has a ?query"),
        ({"BROKER_URL": "amqp://h//?ssl_certfile=x&password=kafka"}, "BROKER_URL: has a ?query"),
        ({"BROKER_URL": "unix:///h?db=1&password=kafka"}, "BROKER_URL: has a ?query"),
    ],
)
def test_r115_what_celery_cannot_work_with_stops_the_start(
    changed: dict[str, str], line: str, tmp_path: Path
) -> None:
    present = {"JOBS": "celery", "REDIS_URL": "redis://127.0.0.1/0"}
    variables = environ(tmp_path, "postgresql://127.0.0.1/none", **present)
    with pytest.raises(SettingsError) as refused:
        Settings.load(variables | changed)
    assert any(problem.startswith(line) for problem in refused.value.problems)
    assert "kafka" not in str(refused.value), "an address may hold a password"


def test_the_broker_is_redis_unless_another_is_named(tmp_path: Path) -> None:
    variables = environ(tmp_path, "postgresql://127.0.0.1/none", REDIS_URL="redis://127.0.0.1/3")
    assert Settings.load(variables).broker_url == "redis://127.0.0.1/3"
    for taken in ("unix:///run/redis.sock?db=1", "amqp://h//?heartbeat=5"):
        present = {"JOBS": "celery", "BROKER_URL": taken}
        settings = Settings.load(variables | present)
        with distributed.make(settings).connection_for_write() as connection:
            assert connection.as_uri()
    amqp = "amqps://u:p@127.0.0.1:5671//"
    settings = Settings.load(variables | {"BROKER_URL": amqp})
    assert settings.broker_url == amqp
    assert amqp not in repr(settings)
    assert distributed.make(settings).conf.broker_use_ssl


@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
@pytest.mark.parametrize("is_vouched_for", [True, False])
def test_a_broker_proves_its_name(
    scheme: str, is_vouched_for: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither ids nor the password go to somebody who only listens at its address."""
    certificate, context = certificates.make(tmp_path, host="127.0.0.2")
    if is_vouched_for:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError), listener.accept()[0] as connection:
                context.wrap_socket(connection, server_side=True).recv(1)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        url = f"{scheme}://name:password@127.0.0.1:{listener.getsockname()[1]}/"
        present = {"JOBS": "celery", "BROKER_URL": url}
        variables = environ(tmp_path, "postgresql://127.0.0.1/none", **present)
        celery = distributed.make(Settings.load(variables))
        with (
            celery.connection_for_write() as connection,
            pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            connection.ensure_connection(max_retries=0, timeout=5)
        thread.join(timeout=5)


def test_a_worker_is_refused_where_jobs_are_embedded(house: House, tmp_path: Path) -> None:
    alone = House(house.app, house.variables, tmp_path, house.sink)
    with (
        pytest.raises(AssertionError, match="JOBS: must be celery"),
        alone.run("worker", JOBS="embedded"),
    ):
        pass


def test_the_page_names_these_commands_and_numbers() -> None:
    page = (ROOT / "docs" / "background-work.md").read_text()
    for role in ("worker", "beat"):
        assert f"\n.venv/bin/celery --quiet -A gatehouse.worker {role}" in page
    limits = distributed._time_limits(runner.LEASE)
    for said in (
        f"One task may take {limits['soft_time_limit']:.0f} seconds",
        f"after {limits['time_limit']:.0f} its process is killed",
        f"every {distributed.SWEEP_SECONDS:.0f} seconds",
        f"{distributed.MOST_MESSAGES} wait in the queue",
        f"longer than {smtp.LONGEST_SECONDS:.0f} seconds",
        f"kept for {connection.REST_SECONDS:.0f} seconds, and takes up to {connection.MOST_MAILS}",
        f"for {runner.LEASE.total_seconds():.0f} seconds at most",
    ):
        assert said in " ".join(page.split()), said


def kinds(house: House) -> set[str]:
    with house.app.app_context():
        return {row.kind for row in db.reader.rows(select(OutboxEntry.kind))}
