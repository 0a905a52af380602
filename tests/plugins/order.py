"""The longest tests first: a process that came to one at the end would let the others wait."""

import pytest

LONGEST = (
    "tests/journeys/test_adding_a_resource.py::",
    "tests/fuzz/test_description.py::",
    "tests/model/test_machine.py::",
    "tests/infra/test_server.py::",
    "tests/infra/test_celery.py::",
    "tests/cli/test_start.py::",
    "tests/docs/test_pages.py::",
    "tests/security/test_timing.py::",
    "tests/security/test_processes.py::",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first, the others as they were."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
