"""A house of its own for every test, once on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit import house as houses


@pytest.fixture(params=houses.DATABASES)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[houses.House]:
    """The ledger and the roles, with the built-in roles and nobody in it."""
    server = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with houses.opened(tmp_path, request.param, server) as opened:
        yield opened
