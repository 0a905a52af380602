"""JPEG: segments that begin with a marker, and scans between them (ITU T.81, annex B)."""

import re

from gatehouse.uploads.pictures import exif
from gatehouse.uploads.pictures.reading import MOST_PARTS, Unreadable, number, piece

_END, _SCAN = 0xD9, 0xDA
# What has no place between segments: no marker at all, restarts, another beginning.
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
# Frames but for DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF})
# In a scan FF is data before 00, and a restart before D0 to D7; before FF it is filling.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FILLING = re.compile(rb"\xff+")


def begins(head: bytes) -> bool:
    """Tell whether JPEG begins like this."""
    return head.startswith(b"\xff\xd8\xff")


def cleaned(data: bytes) -> tuple[bytes, int, int]:
    """Return the picture without comments, Exif and what follows its end; width and height.

    Which side is up stays: of Exif that alone is written anew.
    """
    width = height = 0
    is_framed = False
    at, kept, found = 2, [b"\xff\xd8"], exif.First()
    for _ in range(MOST_PARTS):
        marker, at = _marker(data, at)
        if marker == _END:
            break
        body = piece(data, at, number(data, at, 2))[2:]
        at += len(body) + 2
        if marker in _FRAMES:
            if is_framed:
                raise Unreadable("The picture tells its size twice.")
            is_framed = True
            height, width = number(body, 1, 2), number(body, 3, 2)
        if (told := _kept(marker, body, found)) is not None:
            kept.append(bytes((0xFF, marker)) + (len(told) + 2).to_bytes(2, "big") + told)
        if marker == _SCAN:
            after = _MARKER.search(data, at)
            if after is None:
                raise Unreadable("The picture ends early.")
            kept.append(data[at : after.start()])
            at = after.start()
    else:
        raise Unreadable("The picture has too many parts.")
    return b"".join([*kept, b"\xff\xd9"]), width, height


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the marker here, and where what it marks begins."""
    found = _FILLING.match(data, at)
    marker = data[found.end()] if found is not None and found.end() < len(data) else 0
    if found is None or marker in _ALONE:
        raise Unreadable("The picture is broken between two of its parts.")
    return marker, found.end() + 1


def _kept(marker: int, body: bytes, found: exif.First) -> bytes | None:
    """Return what stays of a segment; None for what nobody needs who looks at the picture."""
    if marker in _FRAMES or marker in _TABLES or marker == _SCAN:
        return body
    if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) == 14:
        return body
    if (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")) or (
        marker == 0xEE and body.startswith(b"Adobe")
    ):
        return body
    if marker == 0xE1 and body.startswith(exif.MARK):
        turned = found.upright(body)
        return None if turned is None else exif.MARK + turned
    return None
