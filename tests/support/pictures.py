"""Pictures of 16 by 8 pixels as a browser has drawn them, and what cameras write into theirs."""

import zlib
from base64 import b64decode

PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAICAYAAADwdn+XAAAAPklEQVR4AcyPMQ0AMAgECXI6VEKXKqiSSkEB+pABK2"
    "H7sPDJbZ/PH9t/nlkqjsDUzICBuw9lUKMBCujl2g8AAAD//8KXFzAAAAAGSURBVAMAUCQpYTzYRNUAAAAASUVORK5C"
    "YII="
)
JPEG = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/4gHYSUNDX1BST0ZJTEUAAQEAAAHIAAAAAAQwAABtbnRyUkdCIFhZWiAH4AABAA"
    "EAAAAAAABhY3NwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAA9tYAAQAAAADTLQAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlkZXNjAAAA8AAAACRyWFlaAAABFAAAABRnWFlaAAABKA"
    "AAABRiWFlaAAABPAAAABR3dHB0AAABUAAAABRyVFJDAAABZAAAAChnVFJDAAABZAAAAChiVFJDAAABZAAAAChjcHJ0"
    "AAABjAAAADxtbHVjAAAAAAAAAAEAAAAMZW5VUwAAAAgAAAAcAHMAUgBHAEJYWVogAAAAAAAAb6IAADj1AAADkFhZWi"
    "AAAAAAAABimQAAt4UAABjaWFlaIAAAAAAAACSgAAAPhAAAts9YWVogAAAAAAAA9tYAAQAAAADTLXBhcmEAAAAAAAQA"
    "AAACZmYAAPKnAAANWQAAE9AAAApbAAAAAAAAAABtbHVjAAAAAAAAAAEAAAAMZW5VUwAAACAAAAAcAEcAbwBvAGcAbA"
    "BlACAASQBuAGMALgAgADIAMAAxADb/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERX"
    "RTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2"
    "NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCAAIABADASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAEC"
    "/8QAGRAAAgMBAAAAAAAAAAAAAAAAABECAxIh/8QAFQEBAQAAAAAAAAAAAAAAAAAAAwX/xAAYEQADAQEAAAAAAAAAAA"
    "AAAAABAgMAEf/aAAwDAQACEQMRAD8Alk9riRgARVCjg0ilGqxdz0nf/9k="
)
WEBP = b64decode(
    "UklGRioCAABXRUJQVlA4WAoAAAAgAAAADwAABwAASUNDUMgBAAAAAAHIAAAAAAQwAABtbnRyUkdCIFhZWiAH4AABAA"
    "EAAAAAAABhY3NwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAA9tYAAQAAAADTLQAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlkZXNjAAAA8AAAACRyWFlaAAABFAAAABRnWFlaAAABKA"
    "AAABRiWFlaAAABPAAAABR3dHB0AAABUAAAABRyVFJDAAABZAAAAChnVFJDAAABZAAAAChiVFJDAAABZAAAAChjcHJ0"
    "AAABjAAAADxtbHVjAAAAAAAAAAEAAAAMZW5VUwAAAAgAAAAcAHMAUgBHAEJYWVogAAAAAAAAb6IAADj1AAADkFhZWi"
    "AAAAAAAABimQAAt4UAABjaWFlaIAAAAAAAACSgAAAPhAAAts9YWVogAAAAAAAA9tYAAQAAAADTLXBhcmEAAAAAAAQA"
    "AAACZmYAAPKnAAANWQAAE9AAAApbAAAAAAAAAABtbHVjAAAAAAAAAAEAAAAMZW5VUwAAACAAAAAcAEcAbwBvAGcAbA"
    "BlACAASQBuAGMALgAgADIAMAAxADZWUDggPAAAAHABAJ0BKhAACAACwEwlsAJ0AXUAAP6yOAwY58jgj4cL0QyEOfyu"
    "XmNAuv/Uo/+V39VoP/zD/1oZ0gAAAA=="
)

SAMPLES = {"image/png": PNG, "image/jpeg": JPEG, "image/webp": WEBP}
PLACE = b"GPSLatitude 48.2082"
# Which side is up (6: turned to the right), and where it was taken.
EXIF = (
    b"Exif\0\0II*\0\x08\0\0\0\x02\0"
    b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
    b"\x0e\x01\x02\0\x13\0\0\0\x26\0\0\0\0\0\0\0" + PLACE
)


def png(name: bytes, content: bytes, *, data: bytes = PNG) -> bytes:
    """Return the PNG with one more chunk behind its header."""
    return data[:33] + chunk(name, content) + data[33:]


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    told = name + content
    return len(content).to_bytes(4, "big") + told + zlib.crc32(told).to_bytes(4, "big")


def jpeg(marker: int, content: bytes, *, data: bytes = JPEG) -> bytes:
    """Return the JPEG with one more segment at its beginning."""
    return (
        data[:2]
        + bytes((0xFF, marker))
        + (len(content) + 2).to_bytes(2, "big")
        + content
        + data[2:]
    )


def webp(name: bytes, content: bytes, *, data: bytes = WEBP) -> bytes:
    """Return the WebP with one more chunk at its end."""
    told = name + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
    return b"RIFF" + (len(data) - 8 + len(told)).to_bytes(4, "little") + data[8:] + told


def with_place(media_type: str) -> bytes:
    """Return a picture that tells where it was taken."""
    return {
        "image/png": png(b"tEXt", PLACE, data=png(b"eXIf", EXIF[6:])),
        "image/jpeg": jpeg(0xFE, PLACE, data=jpeg(0xE1, EXIF)),
        "image/webp": webp(b"EXIF", EXIF, data=webp(b"XMP ", PLACE)),
    }[media_type]
