"""The page on metrics names every family as the code declares it, and every alert."""

import re
from pathlib import Path

import yaml

from gatehouse import create_app
from gatehouse.infra import metrics
from gatehouse.settings import Settings
from tests.servers.server import ROOT

PAGE = (ROOT / "docs" / "metrics.md").read_text()
FAMILY = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ?(.*) \| (.+) \|$", re.M)
ALERT = re.compile(r"^\| `(Gatehouse\w+)` \|", re.M)
# Grammar of Prometheus's best practices: a counter is a total, a time is in seconds.
NAME = re.compile(r"(gatehouse|api)(_[a-z]+)+")


def families(directory: Path) -> tuple[metrics.Family, ...]:
    """Return what an application counts."""
    variables = {"INSTANCE_DIR": str(directory), "METRICS_TOKEN": "what-only-these-tests-know"}
    return metrics.of(create_app(Settings.load(variables))).families


def row(family: metrics.Family) -> tuple[str, str, str, str]:
    """Return how the page shows a family."""
    labels = " ".join(f"`{label}`" for label in family.labels)
    return family.name, type(family).__name__.lower(), labels, family.text


def test_the_page_shows_every_family(tmp_path: Path) -> None:
    expected = sorted(row(family) for family in families(tmp_path))
    shown = sorted((name, kind, labels, text) for name, kind, labels, text in FAMILY.findall(PAGE))
    assert shown == expected, "\n".join("| `{}` | {} | {} | {} |".format(*one) for one in expected)


def test_names_follow_the_grammar(tmp_path: Path) -> None:
    for family in families(tmp_path):
        assert NAME.fullmatch(family.name), family.name
        assert family.name.endswith("_total") == isinstance(family, metrics.Counter), family.name
        assert len(family.text) <= 70, f"{family.name}: every process keeps it many times"
        assert family.text.endswith("."), family.name


def test_the_page_names_every_alert() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/gatehouse.rules.yml").read_text())
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert ALERT.findall(PAGE) == alerts
