"""The benchmark works: it runs in its smallest form, so that the long run is worth its time."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from bench import __main__ as bench
from tests.servers.server import ROOT

SMALL = "--only w1,w2,w3,w5,w6,weight,embedded --rounds 1 --seconds 1 --many 12000 --patience 0"


def test_without_wrk_it_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench"],
        cwd=ROOT,
        env={"PATH": "/nowhere", "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "wrk is not installed; Debian and Ubuntu: apt install wrk\n"


@pytest.mark.full
def test_the_quick_form_gives_the_table(postgres_url: str, redis_url: str) -> None:
    if not shutil.which("wrk"):
        said = "wrk is not installed; Debian and Ubuntu: apt install wrk"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    page = (ROOT / "docs" / "benchmark.md").read_text()

    done = subprocess.run(
        ["make", "bench-quick", f"VENV={sys.prefix}", f"ARGS={SMALL}"],
        cwd=ROOT,
        # Peers are installed as on the developer's machine, with its certificates and proxies.
        env={**os.environ, "TEST_DATABASE_URL": postgres_url, "TEST_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for heading in (
        "Side by side",
        "Reading while others log in",
        "Deep pages",
        "Memory and start",
    ):
        assert f"### {heading}" in done.stdout
    facts = json.loads((bench.MADE / "results.json").read_text())
    rates = {one["service"]: one["rate"] for one in facts["measures"] if one["workload"] == "w1"}
    assert set(rates) == {"gatehouse", "fastapi", "django", "flask", "bare"}
    assert all(rate > 0 for rate in rates.values())
    assert not any(one.get("failed") or one.get("wrong") for one in facts["measures"])
    assert (ROOT / "docs" / "benchmark.md").read_text() == page
