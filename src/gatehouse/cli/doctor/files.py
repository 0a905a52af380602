"""The instance directory and the files that hold secrets: who else on the machine can read them."""

import os
import stat
from dataclasses import fields
from pathlib import Path

from sqlalchemy import make_url

from gatehouse.cli.doctor.finding import Findings, fine, odd, wrong
from gatehouse.settings import Settings, settings

_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_KEPT_SECRETS = ("secret_key", "data_keys")


def findings() -> Findings:
    """Look at modes and owners."""
    count = 0
    for found in (*_directory(), *_files(), *_named_by_variables()):
        count += 1
        yield found
    if not count:
        yield fine("files", "secrets and data are closed to other users of this machine")


def _directory() -> Findings:
    directory = settings.instance_dir
    if not directory.exists():
        if not settings.is_production:
            yield wrong("files", f"{directory} is missing", "see INSTANCE_DIR")
        return
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK) and not settings.is_production:
        yield wrong("files", f"{directory} cannot be written", f"chown it to user {os.getuid()}")
    if _mode(directory) & _OTHERS_WRITE:
        yield wrong("files", f"others can write in {directory}", f"chmod 700 {directory}")


def _files() -> Findings:
    directory = settings.instance_dir
    for name in _KEPT_SECRETS:
        path = directory / name
        if path.exists() and _mode(path) & _OTHERS:
            yield wrong("files", f"others can read {path}", f"chmod 600 {path}, then renew it")
    for path in (*_database_files(), directory / "mail", Path(".env").absolute()):
        if path.exists() and _mode(path) & _OTHERS and not _is_closed(path.parent):
            mode = "700" if path.is_dir() else "600"
            yield odd("files", f"others can read {path}", f"chmod {mode} {path}")


def _named_by_variables() -> Findings:
    """Look at the files that `SECRET_KEY_FILE` and its like name."""
    names = [f"{one.name.upper()}_FILE" for one in fields(Settings) if one.metadata["file"]]
    for name in (*names, "JWT_KEYS_FILE"):
        path = Path(os.environ.get(name) or os.devnull)
        # Secrets of containers are readable by all of a machine that nobody else is on.
        if path.is_file() and _mode(path) & _OTHERS and not _is_closed(path.parent):
            yield odd("files", f"others can read {path} ({name})", f"chmod 600 {path}")


def _database_files() -> tuple[Path, ...]:
    if not settings.is_sqlite:
        return ()
    path = Path(make_url(settings.database_url).database or "")
    return path, path.with_name(path.name + "-wal")


def _is_closed(directory: Path) -> bool:
    """Tell whether a directory lets nobody but its owner through, whatever lies in it."""
    return not _mode(directory) & 0o011


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
