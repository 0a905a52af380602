"""The application of things for a server: `gunicorn tests.web.served:app`."""

import os
from contextlib import ExitStack
from pathlib import Path

from tests.web import things

_stack = ExitStack()
app = _stack.enter_context(things.application(Path(os.environ["THINGS_DIRECTORY"])))
