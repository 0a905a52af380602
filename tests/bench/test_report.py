"""The report says what was measured, and changes nothing of the page beside it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import report
from bench.figures import Figures
from tests.docs.pages import DOCS

SERVICES = {"gatehouse": 300.0, "fastapi": 150.0, "django": 120.0, "flask": 100.0, "bare": 400.0}


@pytest.fixture
def facts() -> dict[str, Any]:
    """Return three rounds of W1, one of them disturbed."""
    measures = [
        {"workload": "w1", "service": name, "round": number, "rate": rate * factor}
        | {"p50": 1.0, "p99": 2.0, "cpu": 3.0}
        for number, factor in enumerate((1.0, 0.1, 1.1))
        for name, rate in SERVICES.items()
    ]
    return {
        "measures": measures,
        "titles": {name: name.upper() for name in SERVICES},
        "plan": asdict(bench.plan(bench.arguments([]))) | {"minutes": 1},
        "machine": {"cores": "2"},
        "servers": ["PostgreSQL"],
        "database": {"fsync": "off"},
        "speed": {"median": 0.97, "worst": 0.9},
    }


def test_medians_and_ratios_are_shown(facts: dict[str, Any]) -> None:
    lines = report.text(facts).splitlines()

    assert "| W1 `GET /users/me` | 300 | 150 | 120 | 100 | 400 | **2.00** | 0.75 |" in lines
    assert "| W1 GATEHOUSE | 30 to 330 | 1.0 ms | 2.0 ms | 3 µs |" in lines
    assert "| speed of the cores | median 0.97 of the best moment, worst 0.90 |" in lines


def test_what_was_not_measured_has_no_table(facts: dict[str, Any]) -> None:
    text = report.text(facts)

    assert "W2" not in text
    assert "flood" not in text
    assert Figures(facts).median("w2", "gatehouse", "rate") is None


def test_only_what_stands_between_the_marks_changes(tmp_path: Path, facts: dict[str, Any]) -> None:
    page = tmp_path / "page.md"
    page.write_text((DOCS / "benchmark.md").read_text())
    before, _, _ = page.read_text().partition(report.BEGIN)

    report.write(page, report.text(facts))
    once = page.read_text()
    report.write(page, report.text(facts))

    assert page.read_text() == once
    assert once.startswith(before)
    assert once.count(report.BEGIN) == once.count(report.END) == 1
    assert "### Side by side" in once
