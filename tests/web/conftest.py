"""An application of things for the tests of the edge."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web import things

Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make applications with settings of their own; they are closed afterwards."""
    with ExitStack() as stack:
        yield lambda **environ: stack.enter_context(things.application(tmp_path, **environ))


@pytest.fixture
def client(make: Make) -> FlaskClient:
    """A client of the application with default settings."""
    return make().test_client()
