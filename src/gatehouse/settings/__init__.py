"""Every setting of the program: typed, explained, read once and frozen.

`Settings.load()` reads the environment and `.env`; `settings` is those of the present application.
"""

from typing import cast

from flask import current_app
from werkzeug.local import LocalProxy

from gatehouse.settings.fields import Settings
from gatehouse.settings.values import Secret, SettingsError

__all__ = ["Secret", "Settings", "SettingsError", "settings"]


def _present() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


settings = cast(Settings, LocalProxy(_present))
