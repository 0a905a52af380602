"""Cursors: where a list goes on, signed and bound to its filters and its order.

A cursor is opaque to clients: base64url of the sort keys of the last row, a dot, and an HMAC
over it and the fingerprint of the list. Nobody can read a filter into it or point it elsewhere.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from gatehouse.infra import secrets
from gatehouse.web.refusals import InvalidCursor

MAX_LENGTH = 2_048


def fingerprint(name: str, filters: Mapping[str, Any]) -> str:
    """Return a text that is the same for the same list: its name, its filters, its order."""
    told = {key: str(value) for key, value in filters.items() if value is not None}
    return f"{name} {orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()}"


def write(keys: Sequence[Any], list_fingerprint: str) -> str:
    """Return the cursor that goes on after the row with these sort keys."""
    packed = urlsafe_b64encode(orjson.dumps([_tagged(key) for key in keys])).rstrip(b"=").decode()
    return f"{packed}.{secrets.mac(secrets.Purpose.CURSOR, list_fingerprint, packed)}"


def read(cursor: str, list_fingerprint: str) -> tuple[Any, ...]:
    """Return the sort keys in a cursor; raises InvalidCursor if it is of another list."""
    packed, _, signature = cursor.partition(".")
    if not secrets.mac_matches(secrets.Purpose.CURSOR, signature, list_fingerprint, packed):
        raise InvalidCursor
    try:
        padded = packed + "=" * (-len(packed) % 4)
        return tuple(
            _untagged(kind, text) for kind, text in orjson.loads(urlsafe_b64decode(padded))
        )
    except (binascii.Error, ValueError, TypeError):  # signed by us, but by another version
        raise InvalidCursor from None


def _tagged(key: Any) -> tuple[str, Any]:
    if isinstance(key, datetime):
        return "d", key.isoformat()
    if isinstance(key, UUID):
        return "u", str(key)
    if key is None or isinstance(key, str | int):
        return "j", key
    raise TypeError(f"no cursor over {type(key).__name__}")


def _untagged(kind: str, value: Any) -> Any:
    if kind == "d":
        return datetime.fromisoformat(value)
    return UUID(value) if kind == "u" else value
