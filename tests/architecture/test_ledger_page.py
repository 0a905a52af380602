"""The table of the ledger names every event that can happen."""

import re

from gatehouse.core.events import Event
from tests.architecture.test_vocabulary import subclasses
from tests.servers.server import ROOT

PAGE = (ROOT / "docs" / "administration.md").read_text()


def test_the_page_names_every_event() -> None:
    rows = re.findall(r"^\| (`[a-z_.`, ]+`) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", row)}
    assert named == {str(member) for one in subclasses(Event) for member in one}
