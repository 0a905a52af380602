"""PNG: chunks with a check sum each (W3C PNG, third edition)."""

import zlib

from gatehouse.uploads.pictures import exif
from gatehouse.uploads.pictures.reading import MOST_PARTS, Unreadable, number, piece

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What it takes to draw the picture, and in which colours; of animations too.
_KEPT = frozenset(
    {
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"),
        *(b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"bKGD", b"pHYs"),
    }
)


def begins(head: bytes) -> bool:
    """Tell whether PNG begins like this."""
    return head.startswith(_SIGNATURE)


def cleaned(data: bytes) -> tuple[bytes, int, int]:
    """Return the picture without text, dates, Exif and what follows its end; width and height.

    Which side is up stays: of Exif that alone is written anew.
    """
    at = len(_SIGNATURE)
    kept = [_SIGNATURE]
    has_content, found = False, exif.First()
    for _ in range(MOST_PARTS):
        length, name = number(data, at, 4), piece(data, at + 4, 4)
        chunk = piece(data, at, length + 12)
        if zlib.crc32(chunk[4:-4]) != number(chunk, length + 8, 4):
            raise Unreadable("A check sum of the picture is wrong.")
        if (at == len(_SIGNATURE)) != (name == b"IHDR" and length == 13):
            raise Unreadable("The picture does not begin with its header.")
        has_content = has_content or name == b"IDAT"
        if name in _KEPT:
            kept.append(chunk)
        elif name == b"eXIf" and (turned := found.upright(chunk[8:-4])) is not None:
            kept.append(_chunk(name, turned))
        at += len(chunk)
        if name == b"IEND":
            break
    else:
        raise Unreadable("The picture has too many parts.")
    if not has_content:
        raise Unreadable("The picture is empty.")
    return b"".join(kept), number(data, 16, 4), number(data, 20, 4)


def _chunk(name: bytes, content: bytes) -> bytes:
    told = name + content
    return len(content).to_bytes(4, "big") + told + zlib.crc32(told).to_bytes(4, "big")
