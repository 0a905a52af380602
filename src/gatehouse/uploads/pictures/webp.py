"""WebP: chunks of a RIFF file (RFC 9649)."""

from collections.abc import Iterator

from gatehouse.uploads.pictures import exif
from gatehouse.uploads.pictures.reading import MOST_PARTS, Unreadable, number, piece

_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
# Flags of VP8X, which announces what follows.
_HAS_EXIF, _HAS_XMP = 0x08, 0x04


def begins(head: bytes) -> bool:
    """Tell whether WebP begins like this."""
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def cleaned(data: bytes) -> tuple[bytes, int, int]:
    """Return the picture without Exif, XMP and what follows its end; width and height.

    Which side is up stays: of Exif that alone is written anew.
    """
    end = 8 + number(data, 4, 4, "little")
    data = piece(data, 0, end)
    kept: list[tuple[bytes, bytes]] = []
    sizes: list[tuple[int, int]] = []
    at, found = 12, exif.First()
    for _ in range(MOST_PARTS):
        if at >= end:
            break
        name, length = piece(data, at, 4), number(data, at + 4, 4, "little")
        body = piece(data, at + 8, length)
        sizes += _sizes(name, body)
        if name in _KEPT:
            kept.append((name, body))
        elif name == b"EXIF" and (turned := found.upright(body)) is not None:
            kept.append((name, turned))
        at += 8 + length + length % 2
    else:
        raise Unreadable("The picture has too many parts.")
    if not sizes:
        raise Unreadable("The picture is empty.")
    has_exif = any(name == b"EXIF" for name, _ in kept)
    content = b"WEBP" + b"".join(_chunk(name, body, has_exif=has_exif) for name, body in kept)
    return b"RIFF" + len(content).to_bytes(4, "little") + content, *map(
        max, zip(*sizes, strict=True)
    )


def _chunk(name: bytes, body: bytes, *, has_exif: bool) -> bytes:
    if name == b"VP8X":
        flags = piece(body, 0, 1)[0] & ~(_HAS_EXIF | _HAS_XMP) | (_HAS_EXIF if has_exif else 0)
        body = bytes((flags,)) + body[1:]
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def _sizes(name: bytes, body: bytes) -> Iterator[tuple[int, int]]:
    """Tell width and height where a chunk does; that of the picture is the largest of all."""
    if name == b"VP8X":
        yield number(body, 4, 3, "little") + 1, number(body, 7, 3, "little") + 1
    elif name == b"ANMF":
        yield number(body, 6, 3, "little") + 1, number(body, 9, 3, "little") + 1
    elif name == b"VP8L" and piece(body, 0, 1) == b"\x2f":
        bits = number(body, 1, 4, "little")
        yield (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif name == b"VP8 " and piece(body, 3, 3) == b"\x9d\x01\x2a":
        yield number(body, 6, 2, "little") & 0x3FFF, number(body, 8, 2, "little") & 0x3FFF
