"""Against Prometheus itself: clean metrics, right sums, alerts, and the dashboard's questions."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from tests.servers import server
from tests.servers.server import ROOT
from tests.support.databases import PostgreSql
from tests.support.live import Live, Servers
from tests.support.scraped import ON, TOKEN, scrape

pytestmark = pytest.mark.full

DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "gatehouse.json").read_text())
TIMES = 137


def program(name: str) -> str:
    """Return a program of Prometheus; without it the test is skipped, in CI it fails."""
    found = shutil.which(name)
    if found is None:
        said = f"{name} is not installed; Debian and Ubuntu: apt install prometheus"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    return str(found)


def promtool(*words: str, directory: Path, given: str = "") -> None:
    """Run promtool and show what it says if it is not content."""
    done = subprocess.run(
        [program("promtool"), *words],
        cwd=directory,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "prometheus", tmp_path, dirs_exist_ok=True)
    promtool("check", "rules", "gatehouse.rules.yml", directory=tmp_path)
    promtool("test", "rules", "gatehouse.test.yml", directory=tmp_path)


@pytest.fixture(scope="module")
def live(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Live]:
    """Two workers that are measured, and have had something to do."""
    request.getfixturevalue("postgres_url")
    with ExitStack() as stack:
        redis_url = request.getfixturevalue("redis_url")
        more = {"REDIS_URL": redis_url, "LIMITS": "ws_ticket=1/minute", **ON}
        live = servers.start(PostgreSql.name, stack, **more)
        admin = live.admin()
        for _ in range(3):
            admin.get("/users?total=true").expect(200)
            live.client.try_log_in("nobody@example.com").expect(401)
        for status in (200, 429):
            admin.post("/auth/ws-ticket", {"client_id": "c1"}).expect(status)
        yield live


def test_the_metrics_are_clean(live: Live, tmp_path: Path) -> None:
    promtool("check", "metrics", directory=tmp_path, given=scrape(live.client).text)


@pytest.fixture(scope="module")
def prometheus(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Prometheus with our example, aimed at the live server; returns its address."""
    directory = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(DEPLOY / "prometheus", directory, dirs_exist_ok=True)
    (directory / "token").write_text(TOKEN)
    example = yaml.safe_load((directory / "prometheus.yml").read_text())
    [job] = example["scrape_configs"]
    job["authorization"]["credentials_file"] = str(directory / "token")
    job["static_configs"] = [{"targets": [live.url.removeprefix("http://")]}]
    job["scrape_interval"] = job["scrape_timeout"] = "1s"
    (directory / "prometheus.yml").write_text(yaml.safe_dump(example))
    promtool("check", "config", "prometheus.yml", directory=directory)
    address = f"127.0.0.1:{server.free_port()}"
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                "--config.file=prometheus.yml",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={address}",
            ],
            cwd=directory,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait(f"http://{address}")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def wait(url: str) -> None:
    """Wait until Prometheus has scraped twice, which a rate needs."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        try:
            if ask(url, 'count_over_time(up{job="gatehouse"}[1m]) >= 3'):
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.3)
    raise AssertionError("Prometheus does not answer")


def ask(url: str, expression: str) -> list[Any]:
    """Return the result of a query; one that Prometheus does not take fails."""
    answer = urllib3.request("POST", f"{url}/api/v1/query", fields={"query": expression})
    found = answer.json()
    assert found["status"] == "success", f"{expression}\n{found.get('error')}"
    result: list[Any] = found["data"]["result"]
    return result


def test_the_sums_over_two_workers_are_right(live: Live, prometheus: str) -> None:
    for _ in range(TIMES):
        live.client.request("GET", "/problems").expect(200)
    sums = {
        'sum(api_requests_total{endpoint="/problems", status="200", method="GET"})': TIMES,
        'sum(api_request_duration_seconds_count{endpoint="/problems"})': TIMES,
        'sum(api_request_duration_seconds_bucket{endpoint="/problems", le="+Inf"})': TIMES,
        'sum(gatehouse_logins_total{outcome="succeeded"})': 1,
        'sum(gatehouse_logins_total{outcome="invalid_credentials"})': 3,
        "sum(gatehouse_workers)": 2,
        "sum(gatehouse_scrape_errors)": 0,
        'sum(up{job="gatehouse"})': 1,
    }
    limit = time.monotonic() + 20
    while (found := {one: value(prometheus, one) for one in sums}) != sums:
        assert time.monotonic() < limit, found
        time.sleep(0.3)


def value(url: str, expression: str) -> float | None:
    result = ask(url, expression)
    return float(result[0]["value"][1]) if result else None


def test_every_panel_of_the_dashboard_has_something_to_show(live: Live, prometheus: str) -> None:
    variables = {"$__rate_interval": "1m", "$job": "gatehouse", "$instance": ".*"}
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    assert len(asked) >= 15
    limit = time.monotonic() + 30
    for expression in asked:
        for name, text in variables.items():
            expression = expression.replace(name, text)
        assert "$" not in expression
        # A rate needs something that goes on.
        while not ask(prometheus, expression):
            assert time.monotonic() < limit, expression
            live.client.request("GET", "/problems").expect(200)
            time.sleep(0.3)
