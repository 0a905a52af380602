"""compose.yaml as Compose reads it: merged, with the variables of an `.env` in their places."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.servers.server import ROOT

FILE = ROOT / "compose.yaml"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<text>[^}]*))?\})")


class MissingVariableError(Exception):
    """A variable without which Compose refuses to start; the text says what to do."""


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the document; anchors and merges are YAML's, variables are Compose's."""
    document: dict[str, Any] = _filled(yaml.safe_load(FILE.read_text()), variables)
    return document


def dotenv(text: str) -> dict[str, str]:
    """Return the variables of an `.env`."""
    found = re.findall(r'^(\w+)="?(.*?)"?$', text, re.MULTILINE)
    return dict(found)


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, variables) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _one(found, variables), value)
    return value


def _one(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name = found["name"]
    if name is None:
        return "$"
    given = variables.get(name, "")
    if not given and found["how"] == "?":
        raise MissingVariableError(f"{name}: {found['text']}")
    return given or (found["text"] or "")
