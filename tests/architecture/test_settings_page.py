"""The page of settings is that of the code."""

from gatehouse.settings import example
from tests.servers.server import ROOT


def test_the_page_is_the_table_of_the_code() -> None:
    """`python -m gatehouse.settings.example --markdown > docs/settings.md` brings it up to date."""
    assert (ROOT / "docs" / "settings.md").read_text() == example.markdown()
