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


def explained(one: Field[Any]) -> str:
    """Return the explanation of a setting, with the words that it takes, or how it is a list."""
    text, told = str(one.metadata["text"]), getattr(one.metadata["parse"], "told", None)
    return text if told is None else f"{text.removesuffix('.')} ({told})."


def shown_default(one: Field[Any]) -> str:
    """Return the default of a setting as `.env` writes it, or empty text for none."""
    if one.metadata["shown"] is not None:
        return str(one.metadata["shown"])
    default = one.metadata["default"]
    if isinstance(default, bool):
        return str(default).lower()
    return str(default) if isinstance(default, str | int | Path) else ""
