"""The settings of tests: nothing comes from the process environment or from a file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask

from gatehouse.settings import Settings

SECRET_KEY = "40612003e6ad75d8b6ad505f20cfab1742cc144c37dd13aa834dda72727be893"
DATA_KEYS = "b7CP6CbjU_6pwY2ryAKYihVmZzJUWxxetL9hu70GJVU="
THREADS = "8"
# For long runs, in which a database that is slow, or a run that was suspended, proves nothing.
UNHURRIED = {f"DB_{what}_TIMEOUT_SECONDS": "600" for what in ("POOL", "LOCK", "STATEMENT")}


def environ(directory: Path, database_url: str, **more: str) -> dict[str, str]:
    """Return the variables of a service that tests build."""
    return {
        "INSTANCE_DIR": str(directory),
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "DATA_KEYS": DATA_KEYS,
        "BCRYPT_ROUNDS": "4",
        "THREADS": THREADS,
        "WORKERS": "1",
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "json",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        **more,
    }


def settings(directory: Path, database_url: str, **more: str) -> Settings:
    """Return settings for tests."""
    return Settings.load(environ(directory, database_url, **more))


def change(app: Flask, **values: Any) -> None:
    """Give an application other settings, as if it had been started anew with them."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], **values)
