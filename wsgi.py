"""The application with its commands: what `flask` loads. The server needs no commands."""

import gc
import sys
from pathlib import Path

# Nothing that is imported becomes rubbish: looking for it took a fifth of every command's start.
gc.disable()

# A clone serves without being installed.
sys.path.insert(0, str(Path(__file__).resolve().with_name("src")))

from gatehouse import cli, create_app
from gatehouse.settings import SettingsError

try:
    app = create_app()
    cli.install(app)
except SettingsError as error:
    # A line for each bad variable says more than a stack trace.
    sys.exit("\n".join(error.problems))
gc.freeze()
gc.enable()
