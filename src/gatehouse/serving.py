"""The application as gunicorn loads it: without commands, and what prevents it told in lines."""

import sys

from flask import Flask

from gatehouse import create_app
from gatehouse.settings import SettingsError


def app() -> Flask:
    """Return the application; settings that only the features can judge may still end it here."""
    try:
        return create_app()
    except SettingsError as error:
        # A line for each bad variable says more than a stack trace.
        sys.exit("\n".join(error.problems))
