"""What processes count together: nothing is lost, nothing is left behind, and there is room."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from urllib3.exceptions import HTTPError

from gatehouse.infra.metrics import files
from gatehouse.settings import Settings, SettingsError
from tests.servers.server import ROOT
from tests.support.databases import PostgreSql
from tests.support.live import Live, Servers
from tests.support.scraped import ON, scrape, wait_for


def test_processes_count_together_and_a_dead_one_loses_nothing(
    servers: Servers, redis_url: str, tmp_path: Path, postgres_url: str
) -> None:
    with ExitStack() as stack:
        shared = {"REDIS_URL": redis_url, "METRICS_DIR": str(tmp_path), **ON}
        live = servers.start(PostgreSql.name, stack, **shared)
        ask(live, 200)
        assert counted(live) == 200
        assert wait_for(lambda: total(live, "gatehouse_workers"), 2)
        [directory] = tmp_path.iterdir()
        files = sorted(path.name for path in directory.iterdir())
        assert wait_for(lambda: total(live, "gatehouse_db_connections_max"), 2 * (40 + 20))
        for _ in range(3):
            os.kill(worker_of(live), signal.SIGKILL)
            ask(live, 50)
        assert counted(live) == 350
        assert wait_for(lambda: total(live, "gatehouse_workers"), 2)
        assert sorted(path.name for path in directory.iterdir()) == files, "no file is left over"
    assert list(tmp_path.iterdir()) == []


def ask(live: Live, times: int) -> None:
    """Send this many requests that are answered; a worker that dies loses its connections."""
    client, done = live.client, 0
    deadline = time.monotonic() + 30
    while done < times and time.monotonic() < deadline:
        with suppress(HTTPError):
            done += client.request("GET", "/problems/not_found").status == 200


def counted(live: Live) -> float:
    return total(live, "api_requests_total", endpoint="/problems/<code>", status="200")


def total(live: Live, name: str, **labels: str) -> float:
    return scrape(live.client).total(name, **labels)


def test_a_directory_without_room_or_rights_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.load({"INSTANCE_DIR": str(tmp_path), "METRICS_DIR": str(tmp_path / "file")})
    with pytest.raises(SettingsError, match="METRICS_DIR"):
        files.share(settings)
    assert files.directory() is None


def test_what_killed_servers_left_behind_is_removed_and_what_lives_stays(tmp_path: Path) -> None:
    program = """
import os, sys, time
from gatehouse.infra.metrics import files
from gatehouse.settings import Settings
files.share(Settings.load())
print(files.directory(), flush=True)
sys.stdin.readline()
"""
    environ = {"PYTHONPATH": str(ROOT / "src")}
    environ |= {"INSTANCE_DIR": str(tmp_path), "METRICS_DIR": str(tmp_path / "counts")}
    with ExitStack() as stack:

        def start() -> tuple[subprocess.Popen[str], Path]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program],
                    env=environ,
                    cwd=tmp_path,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            return process, Path(process.stdout.readline().strip())

        first, left = start()
        _, living = start()
        assert left.is_dir()
        first.kill()
        first.wait()
        _, third = start()
        assert set((tmp_path / "counts").iterdir()) == {living, third}


def worker_of(live: Live) -> int:
    children = Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children").read_text()
    return int(children.split()[0])
