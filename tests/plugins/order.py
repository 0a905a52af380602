"""In which order tests run, and in how many processes."""

import os

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
    """Put the longest first: a process that came to one at the end would let the others wait."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Take half as many processes again as there are cores: tests of servers mostly wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) * 3 // 2
