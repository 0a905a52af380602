"""Exif: all that a camera tells of a picture, of which one field is for whoever looks at it."""

from typing import Literal

from gatehouse.uploads.pictures.reading import Unreadable, number, piece

MARK = b"Exif\0\0"
_ORIENTATION = 0x0112
_LEAST, _MOST = 2, 8  # 1 is the usual way up
# Far beyond what cameras write; tags are in order, and this one is among the first.
_MOST_ENTRIES = 512


class First:
    """The first Exif of a picture, which should be the only one; what comes after it is nothing."""

    def __init__(self) -> None:
        self._is_read = False

    def upright(self, content: bytes) -> bytes | None:
        """Return what `upright` does of the first content, and None of every other."""
        if self._is_read:
            return None
        self._is_read = True
        return upright(content)


def upright(content: bytes) -> bytes | None:
    """Return Exif that says which side is up and nothing else; None where that is as usual."""
    tiff = content.removeprefix(MARK)
    order: Literal["big", "little"] = "big" if tiff.startswith(b"MM") else "little"
    try:
        first = number(tiff, 4, 4, order)
        for index in range(min(number(tiff, first, 2, order), _MOST_ENTRIES)):
            entry = piece(tiff, first + 2 + 12 * index, 12)
            if number(entry, 0, 2, order) == _ORIENTATION:
                turned = number(entry, 8, 2, order)
                return _saying(turned) if _LEAST <= turned <= _MOST else None
    except Unreadable:  # crooked Exif is no reason to refuse the picture
        return None
    return None


def _saying(turned: int) -> bytes:
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + turned.to_bytes(2, "big") + b"\0\0"
    return b"MM\0*\x00\x00\x00\x08\x00\x01" + entry + b"\0\0\0\0"
