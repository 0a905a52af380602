"""Secrets made at the first start: kept in the instance directory, readable by the owner only."""

import base64
import errno
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gatehouse.settings.values import Secret


def complete(found: dict[str, Any]) -> dict[str, str]:
    """Make the instance directory and missing secrets; return problems by variable name.

    Production made none of these: there `rules` refused their absence before.
    """
    directory: Path = found["instance_dir"]
    try:
        # In production nothing is kept there: it may lie on a read-only file system.
        if found["app_env"] != "production":
            _usable(directory)
        if found["database_url"].startswith("sqlite:///"):
            file = found["database_url"].removeprefix("sqlite:///").partition("?")[0]
            directory = Path(file).parent
            _usable(directory)
        directory = found["instance_dir"]
        if found["secret_key"] is None:
            found["secret_key"] = Secret(_kept(directory / "secret_key", secrets.token_hex))
        if not found["data_keys"]:
            kept = _kept(directory / "data_keys", _new_data_key)
            found["data_keys"] = tuple(Secret(key) for key in kept.split(","))
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not usable"
        name = "INSTANCE_DIR" if directory == found["instance_dir"] else "DATABASE_URL"
        return {name: f"{name}: {directory} cannot be used ({reason.lower()})"}
    return {}


def _usable(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _new_data_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in `path`, made before if it was missing.

    A link of a complete file either appears or fails: processes that start at the same moment
    agree on one secret, and none reads half of it.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as opened:
                opened.write(make() + "\n")
                opened.flush()
                os.fsync(opened.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink()
    content = path.read_text().strip()
    if not content:
        raise OSError(errno.EINVAL, f"{path.name} is empty")
    return content
