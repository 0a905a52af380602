"""The README is true: tests/docs carry out its tour, and what else it names is there."""

import re

from flask import Flask

from gatehouse import cli
from tests.docs.pages import blocks
from tests.servers.server import ROOT

README = (ROOT / "README.md").read_text()


def test_its_tour_begins_like_the_pages() -> None:
    """They are read after it, on the service that it has started."""
    tour = (ROOT / "docs" / "tour.md").read_text()
    starts = [
        [block.text for block in blocks(text) if "start" in block.words] for text in (README, tour)
    ]
    assert starts[0] == starts[1] != []


def test_every_target_and_command_that_it_names_is_there(app: Flask) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"run", "check", "docs"} <= named <= targets

    cli.install(app)
    for group, command in re.findall(r"^\.venv/bin/flask (\w+)(?: ([a-z]\w*))?", README, re.M):
        found = app.cli.commands[group]
        assert not command or command in found.commands  # type: ignore[attr-defined]
    shown = set(re.findall(r"cli/ +flask (.*)", README)[0].split(" | "))
    assert shown == {one.name for one in cli.COMMANDS}
