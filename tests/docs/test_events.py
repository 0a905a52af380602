"""The table of events in docs/administration.md names every event that the ledger knows."""

import re

from flask import Flask

from gatehouse import cli
from gatehouse.feature import EXTENSION
from tests.docs.pages import DOCS


def test_the_table_of_events_is_complete(app: Flask) -> None:
    cli.install(app)
    known = set(map(str, app.extensions[EXTENSION].events))
    _, _, table = (DOCS / "administration.md").read_text().partition("\n| events | |\n")
    assert set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", table)) == known
