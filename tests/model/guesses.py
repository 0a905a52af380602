"""How often a password may be guessed, as docs/limits.md says it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.model.people import Account, Place

FREE = 10
A_DAY = timedelta(hours=24)
A_BURST = timedelta(minutes=15)
FOR_A_DAY, FOR_A_DAY_AT_HOME = 100, 50
KNOWN_FOR = timedelta(days=90)

Key = tuple[Account | str, str | None]


@dataclass(slots=True)
class Counter:
    """The wrong guesses at one account, from a known place or from everywhere else."""

    burst_began: datetime
    day_began: datetime
    last: datetime
    failures: int = 0
    today: int = 0

    def admits(self, now: datetime, *, at_home: bool) -> bool:
        """Tell whether one more guess is judged, and count it if so."""
        is_new_day = now - self.day_began >= A_DAY
        if at_home:
            is_new_burst = now - self.burst_began >= A_BURST
            has_room = is_new_burst or self.failures < FREE
            has_room &= is_new_day or self.today < FOR_A_DAY_AT_HOME
        else:
            is_new_burst = is_new_day
            pause = timedelta(seconds=min(2 ** max(0, self.failures - FREE), 900))
            has_waited = now - self.last >= pause and self.today < FOR_A_DAY
            has_room = is_new_day or self.failures < FREE or has_waited
        if has_room:
            self._count(now, is_new_burst=is_new_burst, is_new_day=is_new_day)
        return has_room

    def refund(self) -> None:
        """Take back a guess that was right."""
        self.failures -= 1
        self.today -= 1

    def _count(self, now: datetime, *, is_new_burst: bool, is_new_day: bool) -> None:
        if is_new_burst:
            self.failures, self.burst_began = 0, now
        if is_new_day:
            self.today, self.day_began = 0, now
        self.failures += 1
        self.today += 1
        self.last = now


class Counters:
    """All counters."""

    def __init__(self) -> None:
        self._counters: dict[Key, Counter] = {}

    def at(self, whom: Account | str, place: Place, now: datetime, *, at_home: bool) -> "Guess":
        """Return one guess at an account, or at a name that nobody has."""
        key: Key = (whom, place.address if at_home else None)
        counter = self._counters.setdefault(key, Counter(now, now, now))
        return Guess(counter, is_admitted=counter.admits(now, at_home=at_home))

    def clear(self, account: Account) -> None:
        """Forget the guesses at an account."""
        self._counters = {
            key: counter for key, counter in self._counters.items() if key[0] is not account
        }


@dataclass(frozen=True, slots=True)
class Guess:
    """One guess and where it was counted."""

    counter: Counter
    is_admitted: bool
