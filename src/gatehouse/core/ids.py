"""Identifiers: UUIDv7, so that they sort by the time they were made (RFC 9562, section 5.7).

An id is a name and never a secret.
"""

import re
from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def new_id() -> UUID:
    """Return a new UUIDv7 as a standard `uuid.UUID`."""
    return uuid7()


def new_id_text() -> str:
    """Return a new UUIDv7 as text, where nobody wants the object."""
    return str(uuid_utils.uuid7())


def parse_id(text: object) -> UUID | None:
    """Return the UUID that `text` spells canonically (lower case, four dashes), else None."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None


def request_id_of(given: str | None) -> str:
    """Return the id that the client or a proxy chose, if it is harmless, else a new one."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else new_id_text()
