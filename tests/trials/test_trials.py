"""The trials work: each runs in small, so that the long ones are worth their time."""

import os
import subprocess
import sys

import pytest

from tests.servers.server import ROOT

QUICK = {
    "cold_start": ["--starts", "1", "--rate", "30", "--ready", "15"],
    "database_hung": ["--seconds", "5", "--rate", "30"],
    "database_killed": ["--kills", "1", "--away", "3", "--rate", "30"],
    "disk_full": ["--rounds", "1", "--seconds", "8"],
    "fuzz": ["--requests", "6000", "--examples", "2", "--variations", "1000"],
    "herd": ["--log-ins", "200", "--seconds", "5", "--slack", "10"],
    "kill_workers": ["--kills", "5"],
    "mail": ["--kills", "3", "--mails", "50"],
    "mail_server": ["--mails", "20"],
    "memory": ["--requests", "800"],
    "memory_and_files": ["--seconds", "5", "--kills", "2"],
    "mutants": ["--only", "core/", "--tests", "core"],
    "oversized": ["--clients", "20", "--rounds", "2"],
    "pool_exhausted": ["--seconds", "30"],
    "redis_down": ["--seconds", "5", "--slack", "10"],
    "redis_flushed": ["--seconds", "10"],
    "replacement": ["--replacements", "2", "--hups", "1", "--requests", "600", "--rate", "60"],
    "seed": ["--users", "20000"],
    "slow_clients": ["--clients", "200", "--seconds", "5", "--p99", "3", "--only", "nginx"],
    "sockets": ["--sockets", "40", "--seconds", "5"],
    "storage_down": ["--uploads", "5"],
    "timing": ["--samples", "60"],
}


@pytest.mark.full
@pytest.mark.parametrize("name", QUICK)
def test_a_trial_passes_in_small(name: str, postgres_url: str, redis_url: str) -> None:
    """Prove one trial: a table of figures, a verdict, and an exit code.

    F1, F2, F3, F4, F5, F6, F7, F8, F9, F10, F11, F12, F15, F16, F17, F18, F20, F21, R44, R97.
    """
    servers = {"TEST_DATABASE_URL": postgres_url, "TEST_REDIS_URL": redis_url}
    done = subprocess.run(
        [sys.executable, "trials", name, *QUICK[name]],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "src", **servers},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("PASS\n")
