"""schemathesis asks its configuration about an operation at each request; once is enough."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from schemathesis.config import ProjectConfig

# Both merge the same dozens of options of every matching section into a new object.
QUESTIONS = ("phases_for", "checks_config_for")


@contextmanager
def configuration() -> Iterator[None]:
    """Let schemathesis remember the answers, which nothing changes during a run (4.32)."""
    with ExitStack() as stack:
        for name in QUESTIONS:
            remembered = _remembered(getattr(ProjectConfig, name))
            stack.enter_context(mock.patch.object(ProjectConfig, name, remembered))
        yield


def _remembered(ask: Any) -> Any:
    known: dict[object, Any] = {}

    def answer(config: ProjectConfig, *, operation: Any = None, **more: Any) -> Any:
        key = id(config), operation and operation.label, tuple(more.items())
        if key not in known:
            known[key] = ask(config, operation=operation, **more)
        return known[key]

    return answer
