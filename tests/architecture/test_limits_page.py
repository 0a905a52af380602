"""The table of limits is that of the code: names, defaults, and the numbers of guessing."""

import re

from gatehouse.features import FEATURES
from gatehouse.guessing import repository as guessing
from tests.servers.server import ROOT

PAGE = (ROOT / "docs" / "limits.md").read_text()
ROW = re.compile(r"^\| `([a-z_]+)` \| `([^`]+)` \| (address|person|session) \|", re.MULTILINE)


def test_the_page_names_every_limit_with_its_default() -> None:
    declared = {rule.name: rule.default for feature in FEATURES for rule in feature.limits}
    assert {name: default for name, default, _ in ROW.findall(PAGE)} == declared


def test_what_routes_count_by_address_is_counted_by_address() -> None:
    """Rules that stand above a route; the services ask for those by person and by session."""
    by_address = {name for name, _, key in ROW.findall(PAGE) if key == "address"}
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    for feature in FEATURES:
        for rule in feature.limits:
            keyed = re.search(
                rf"\b{rule.name.upper()}, (bucket|place)|by_address\({rule.name.upper()}\)", source
            )
            assert (keyed is not None) == (rule.name in by_address), rule.name


def test_the_page_has_the_numbers_of_guessing() -> None:
    waits = [guessing.wait_seconds(guessing.FREE_FAILURES + n) for n in range(3)]
    minutes = int(guessing.PLACE_BURST_WINDOW.total_seconds() // 60)
    text = " ".join(PAGE.split())
    for said in (
        f"{guessing.FREE_FAILURES} wrong guesses are free",
        f"a wait of {', '.join(map(str, waits))}, … {guessing.LONGEST_WAIT_SECONDS} seconds",
        f"{guessing.JUDGED_A_DAY} judged in 24 hours",
        f"{guessing.PLACE_BURST} in {minutes} minutes",
        f"{guessing.PLACE_DAY} in 24 hours",
        f"the last {guessing.PLACES_KEPT} within {guessing.PLACES_KEPT_FOR.days} days",
    ):
        assert said in text, said
