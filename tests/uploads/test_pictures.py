"""Pictures: told by their bytes, freed of what tells about people, and never believed."""

import time
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatehouse.uploads import pictures
from gatehouse.uploads.pictures import Unreadable, cleaned, exif
from gatehouse.uploads.pictures.reading import MOST_PARTS, piece
from tests.support.pictures import (
    EXIF,
    JPEG,
    PLACE,
    PNG,
    SAMPLES,
    WEBP,
    chunk,
    jpeg,
    png,
    webp,
    with_place,
)

TYPES = pytest.mark.parametrize("media_type", SAMPLES)
LARGE = 5 * 2**20


@TYPES
def test_a_plain_picture_stays_what_it_is(media_type: str) -> None:
    found = cleaned(SAMPLES[media_type])
    assert (found.media_type, found.width, found.height) == (media_type, 16, 8)
    assert found.data == SAMPLES[media_type]
    assert cleaned(found.data) == found


@TYPES
def test_where_it_was_taken_goes(media_type: str) -> None:
    told = with_place(media_type)
    assert PLACE in told
    found = cleaned(told)
    assert PLACE not in found.data
    assert (found.width, found.height) == (16, 8)
    assert cleaned(found.data).data == found.data
    # Which side is up stays, and nothing else of what was added.
    assert b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06" in found.data
    assert len(found.data) - len(SAMPLES[media_type]) <= 64


def test_crooked_exif_goes() -> None:
    for crooked in (
        b"Exif\0\0",
        EXIF[:20],
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        EXIF[:14] + b"\xff" * 9,
    ):
        assert cleaned(jpeg(0xE1, crooked)).data == JPEG


@TYPES
def test_what_stands_behind_the_end_goes(media_type: str) -> None:
    for more in (b"<script>alert(1)</script>", b"PK\x03\x04", SAMPLES["image/png"]):
        assert cleaned(SAMPLES[media_type] + more).data == SAMPLES[media_type]


def test_webp_no_longer_announces_what_went() -> None:
    plain = cleaned(webp(b"XMP ", PLACE, data=WEBP[:20] + b"\x2c" + WEBP[21:])).data
    assert plain == WEBP
    turned = cleaned(webp(b"EXIF", EXIF)).data
    assert turned[12:16] == b"VP8X"
    assert turned[20] & 0x0C == 0x08


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + b"\0" * 40,
        b"<!doctype html><script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"RIFF\x04\0\0\0WEBP",
        PNG[:8] + chunk(b"IDAT", b"") + PNG[8:],
        PNG[:33] + chunk(b"IEND", b""),
        PNG.replace(b"\0\0\0\x10\0\0\0\x08", b"\0\0\0\x10\0\0\0\x09"),
        JPEG[:-2],
        JPEG[:2] + b"\xff\x01" + JPEG[2:],
        JPEG[:2] + b"text" + JPEG[2:],
        WEBP[:-1],
        webp(b"VP8X", b""),
    ],
)
def test_r108_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable) as told:
        cleaned(data)
    assert str(told.value).endswith(".")


@TYPES
def test_a_truncated_picture_is_refused(media_type: str) -> None:
    data = SAMPLES[media_type]
    for length in range(len(data)):
        with pytest.raises(Unreadable):
            cleaned(data[:length])


def test_a_picture_too_large_to_draw_is_refused() -> None:
    side = pictures.MOST_PIXELS_A_SIDE + 1
    head = side.to_bytes(4, "big") + PNG[20:29]
    with pytest.raises(Unreadable, match="pixels"):
        cleaned(PNG[:8] + chunk(b"IHDR", head) + PNG[33:])


FRAME = b"\x08%s\x01\x01\x11\0"


@pytest.mark.parametrize(
    "data",
    [
        jpeg(0xC0, FRAME % b"\xff\xff\xff\xff"),
        jpeg(0xC2, FRAME % b"\0\x01\0\x01"),
        jpeg(0xC0, FRAME % b"\0\0\0\0"),
        webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"),
        webp(b"VP8X", b"\0\0\0\0" + b"\xff\xff\x00" * 2),
        webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f"),
        webp(b"ANMF", b"\0" * 6 + b"\xff\xff\x00" * 2 + b"\0" * 4),
    ],
)
def test_a_picture_that_tells_two_sizes_is_no_smaller_than_the_larger(data: bytes) -> None:
    with pytest.raises(Unreadable):
        cleaned(data)


@TYPES
def test_exif_takes_no_time(media_type: str) -> None:
    """One entry among very many is not looked for, and of several parts the first is read."""
    entries = b"MM\0*\0\0\0\x08\xff\xff" + b"\x01\x0f" * 6 * 0xFFFF
    data = {
        "image/png": lambda: PNG[:33] + chunk(b"eXIf", entries) * 6 + PNG[33:],
        "image/webp": lambda: webp(b"EXIF", EXIF, data=webp(b"EXIF", entries)),
        "image/jpeg": lambda: jpeg(0xE1, b"Exif\0\0" + entries[:60_000], data=jpeg(0xE1, EXIF)),
    }[media_type]()
    found: list[bytes] = []
    with mock.patch.object(
        exif, "piece", side_effect=lambda *given: found.append(b"") or piece(*given)
    ):
        assert cleaned(data).data == SAMPLES[media_type]
    assert len(found) < 600


@pytest.mark.parametrize(
    "data",
    [
        PNG[:33] + chunk(b"tEXt", b"") * (LARGE // 12),
        b"\xff\xd8" + b"\xff\xfe\0\x02" * (LARGE // 4),
        b"\xff\xd8" + b"\xff" * LARGE,
        JPEG[:-2] + b"\xff\0" * (LARGE // 2),
        webp(b"JUNK", b"", data=b"RIFF\x04\0\0\0WEBP") + b"JUNK\0\0\0\0" * (LARGE // 8),
    ],
)
def test_no_picture_takes_long(data: bytes) -> None:
    data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:] if data[:1] == b"R" else data
    began = time.thread_time()
    with pytest.raises(Unreadable):
        cleaned(data)
    assert time.thread_time() - began < 1
    assert len(data) // 12 > MOST_PARTS


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    data=st.sampled_from([*SAMPLES.values(), *(with_place(name) for name in SAMPLES)]),
    at=st.integers(min_value=0, max_value=2_000),
    noise=st.binary(min_size=1, max_size=8),
    is_inserted=st.booleans(),
)
def test_noise_is_refused_or_cleaned(data: bytes, at: int, noise: bytes, is_inserted: bool) -> None:
    at %= len(data)
    broken = data[:at] + noise + data[at if is_inserted else at + len(noise) :]
    try:
        found = cleaned(broken)
    except Unreadable:
        return
    assert cleaned(found.data).data == found.data
    assert pictures.media_type(found.data) == found.media_type


def test_types_are_told_by_their_first_bytes() -> None:
    assert {pictures.media_type(data[:16]) for data in SAMPLES.values()} == set(SAMPLES)
    assert png(b"tEXt", b"") != PNG
    for head in (b"", b"%PDF-", b"<svg", b"RIFF\0\0\0\0WAVE", b"BM"):
        assert pictures.media_type(head) is None
