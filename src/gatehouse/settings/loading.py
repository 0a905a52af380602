"""From variables to checked values: read, parse, complete, check, and only then make secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import Field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from environs import Env

from gatehouse.settings import made, rules
from gatehouse.settings.values import SettingsError

_LARGEST_FILE = 65_536


class _Reader(Env):
    """An environs reader of the variables it is given: tests need no process environment."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__()
        self._variables = variables

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._variables.get(env_key) or self._environ.get(env_key) or default


def load(
    table: Iterable[Field[Any]], environ: Mapping[str, str], env_file: Path | None
) -> dict[str, Any]:
    """Return a value for every setting of the table, or raise `SettingsError`."""
    reader = _Reader(environ)
    problems: dict[str, str] = {}
    if env_file is not None:
        try:
            reader.read_env(env_file, recurse=False)
        except (OSError, ValueError) as error:
            raise SettingsError([f"{env_file}: cannot be read ({_reason(error)})"]) from None

    found: dict[str, Any] = {}
    given: set[str] = set()
    for one in table:
        name = one.name.upper()
        found[one.name] = one.metadata["default"]
        raw: str | None = None
        try:
            raw = _raw(reader, name, file=one.metadata["file"])
            if raw is not None:
                given.add(one.name)
                found[one.name] = one.metadata["parse"](raw)
        except ValueError as error:
            told = "" if one.metadata["file"] or raw is None else f" (it is {_short(raw)})"
            problems[name] = f"{name}: {error}{told}"

    _complete(found)
    flags = {name: str(reader.str(name, "")) for name in ("DEBUG", "FLASK_DEBUG")}
    for name, line in rules.problems(found, given=given, flags=flags):
        problems.setdefault(name, f"{name}: {line}")
    if not problems:
        problems.update(made.complete(found))
    if problems:
        raise SettingsError(list(problems.values()))
    return found


def _raw(reader: _Reader, name: str, *, file: bool) -> str | None:
    """Return the text of a variable, from `NAME` or the file that `NAME_FILE` names."""
    raw: str | None = reader.str(name, None)
    path: str | None = reader.str(f"{name}_FILE", None) if file else None
    if path is None:
        return raw
    if raw is not None:
        raise ValueError(f"is set twice, as {name} and as {name}_FILE")
    try:
        with Path(path).open("rb") as opened:
            content = opened.read(_LARGEST_FILE).decode().strip("\r\n")
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}_FILE cannot be read ({_reason(error)})") from None
    if not content.strip():
        raise ValueError(f"{name}_FILE names an empty file")
    return content


def _complete(found: dict[str, Any]) -> None:
    """Fill in the defaults that depend on other settings."""
    production = found["app_env"] == "production"
    if found["database_url"] is None:
        found["database_url"] = f"sqlite:///{found['instance_dir'].absolute() / 'gatehouse.db'}"
    sqlite = found["database_url"].startswith("sqlite:")
    computed = {
        "workers": 1 if sqlite else 2,
        "threads": 128 if sqlite else 30,
        "public_url": f"http://{_reachable(found['host'])}:{found['port']}",
        "log_format": "json" if production else "console",
        "docs": not production,
        "ws_broadcast": not production,
        "shutdown_delay_seconds": 5 if production else 0,
    }
    for name, value in computed.items():
        if found[name] is None:
            found[name] = value
    found["issuer"] = found["issuer"] or found["public_url"]
    found["broker_url"] = found["broker_url"] or found["redis_url"]
    found["instance_dir"] = found["instance_dir"].absolute()


def _reachable(host: str) -> str:
    """Return how a URL spells the host that the server listens on."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:  # "every address" is no address to call
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return "not UTF-8 text"


def _short(raw: str) -> str:
    return repr(raw if len(raw) <= 40 else raw[:40] + "…")
