"""How a setting is declared: its parser, its default and its one line of explanation."""

from dataclasses import Field, field
from pathlib import Path
from typing import Any

from gatehouse.settings.values import Parser


def setting(
    parse: Parser, default: Any, text: str, *, shown: str | None = None, file: bool = False
) -> Any:
    """Declare a setting: how it is read, its default and its one line of explanation.

    `shown` describes a default that depends on other settings; `file` also allows `NAME_FILE`.
    """
    told = {"parse": parse, "default": default, "text": text, "shown": shown, "file": file}
    return field(metadata=told, repr=not file)


def shown_default(one: Field[Any]) -> str:
    """Return the default of a setting as `.env` writes it, or empty text for none."""
    if one.metadata["shown"] is not None:
        return str(one.metadata["shown"])
    default = one.metadata["default"]
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if isinstance(default, str | int | Path) else ""
