"""Believable people in any number: the same seed and number give the same people, ids included."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from gatehouse.cli.seed import names

BATCH = 10_000
# Fixed, not "until today": the same people come out tomorrow.
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 730

_FIRST_MILLISECOND = int(FIRST_DAY.timestamp() * 1000)
_MICROSECONDS_A_DAY = 86_400_000_000


class Person(NamedTuple):
    """What differs from person to person; addresses and usernames are folded as they stand."""

    id: str  # 32 hexadecimal digits
    email: str
    username: str | None
    name: str | None
    locale: str | None
    is_active: bool
    is_verified: bool
    created_at: datetime


def batches(count: int, *, seed: int) -> Iterator[list[Person]]:
    """Give `count` people in batches of BATCH, ids and times of creation increasing."""
    rng = random.Random(seed)  # noqa: S311 - reproducible on purpose
    interval = DAYS * _MICROSECONDS_A_DAY / count
    given = [(name, names.ascii_form(name)) for name in names.FIRST_NAMES]
    family = [(name.replace("-", " "), names.ascii_form(name)) for name in names.LAST_NAMES]
    domains = [domain.format(seed or "") for domain in names.DOMAINS]
    suffix = f"-{seed}" if seed else ""
    for start in range(0, count, BATCH):
        # A vector of each kind of chance takes half the time of asking person by person. They are
        # drawn to the end, so that a seed has the same first names however many people there are.
        drawn = zip(
            range(start, start + BATCH),
            rng.choices(given, k=BATCH),
            rng.choices(family, k=BATCH),
            rng.choices(domains, k=BATCH),
            rng.choices(names.LOCALES, names.LOCALE_WEIGHTS, k=BATCH),
            [rng.random() for _ in range(BATCH)],
            [rng.random() for _ in range(BATCH)],
            [rng.getrandbits(74) for _ in range(BATCH)],
            strict=True,
        )
        drawn_here = islice(drawn, count - start)
        batch: list[Person] = []
        for number, (first, first_key), (last, last_key), domain, locale, a, b, bits in drawn_here:
            since = int((number + b) * interval)
            batch.append(
                Person(
                    id=_id(_FIRST_MILLISECOND + since // 1000, bits),
                    email=f"{first_key}.{last_key}{number + 1}@{domain}",
                    username=_username(first_key, last_key, a, f"{number + 1}{suffix}"),
                    name=f"{first} {last}" if b < 0.93 else None,
                    locale=locale if b > 0.2 else None,
                    is_active=a > 0.02,
                    is_verified=b < 0.9,
                    created_at=FIRST_DAY + timedelta(microseconds=since),
                )
            )
        yield batch


def _id(milliseconds: int, bits: int) -> str:
    """Return a UUIDv7 (RFC 9562, section 5.7) of this moment, with 74 bits by chance."""
    high, low = bits >> 62, bits & 0x3FFF_FFFF_FFFF_FFFF
    return f"{milliseconds << 80 | 0x7 << 76 | high << 64 | 0x2 << 62 | low:032x}"


def _username(first: str, last: str, chance: float, number: str) -> str | None:
    """Return a name that the number alone makes unique; three of ten people have none."""
    if chance < 0.25:
        return first + number
    if chance < 0.5:
        return first[0] + last + number
    return f"{first}.{last}{number}" if chance < 0.7 else None
