"""Pictures as strangers send them: told by their bytes, and freed of what a viewer does not need.

    picture = cleaned(data)         # raises Unreadable

Nothing is decoded. Each form is walked part by part, which takes time in proportion to its length:
what a part is not known to be for goes, and so does all that stands before or behind the picture.
Above all that is where it was taken and by which device (Exif, XMP, text), and small copies of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gatehouse.uploads.pictures import jpeg, png, webp
from gatehouse.uploads.pictures.reading import Unreadable

__all__ = ["MEDIA_TYPES", "MOST_PIXELS_A_SIDE", "Picture", "Unreadable", "cleaned", "media_type"]

MOST_PIXELS_A_SIDE = 8_192

_FORMS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], tuple[bytes, int, int]]]] = {
    "image/png": (png.begins, png.cleaned),
    "image/jpeg": (jpeg.begins, jpeg.cleaned),
    "image/webp": (webp.begins, webp.cleaned),
}
MEDIA_TYPES = tuple(_FORMS)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without what others should not know."""

    media_type: str
    data: bytes
    width: int
    height: int


def media_type(head: bytes) -> str | None:
    """Return the type of a picture by its first bytes; None for anything else."""
    return next((name for name, (begins, _) in _FORMS.items() if begins(head)), None)


def cleaned(data: bytes) -> Picture:
    """Return the picture in `data`; raises Unreadable where there is none, or too large a one."""
    name = media_type(data)
    if name is None:
        raise Unreadable("This is neither PNG, JPEG nor WebP.")
    _, clean = _FORMS[name]
    content, width, height = clean(data)
    if not (0 < width <= MOST_PIXELS_A_SIDE and 0 < height <= MOST_PIXELS_A_SIDE):
        raise Unreadable(f"A side has 1 to {MOST_PIXELS_A_SIDE} pixels.")
    return Picture(name, content, width, height)
