"""The command line."""

from flask import Flask


def install(app: Flask) -> None:
    """Register the commands."""
