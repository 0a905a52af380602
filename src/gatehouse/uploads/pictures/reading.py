"""Reading numbers and parts out of bytes of which nothing may be believed."""

from typing import Literal

# Far beyond what programs write; a file of nothing but parts would take long to walk.
MOST_PARTS = 10_000


class Unreadable(Exception):
    """This is no picture, or a broken one; the text says how, to whoever sent it."""


def number(data: bytes, at: int, length: int, order: Literal["big", "little"] = "big") -> int:
    """Return the number in these bytes."""
    return int.from_bytes(piece(data, at, length), order)


def piece(data: bytes, at: int, length: int) -> bytes:
    """Return exactly these bytes; raises Unreadable where the data end before."""
    found = data[at : at + length]
    if len(found) < length:
        raise Unreadable("The picture ends early.")
    return found
