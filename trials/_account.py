"""Who a client of a load is, and what is right to tell it."""

from dataclasses import dataclass, field, replace

from trials._asked import Asked

# At one account from a place where it has logged in, in a quarter of an hour (docs/limits.md).
FREE_GUESSES = 10


@dataclass(slots=True)
class Account:
    """What was acknowledged about it, and what was asked for without an answer."""

    email: str
    id: str
    tokens: list[str]
    name: str | None = None
    maybe: set[str] = field(default_factory=set)
    unjudged: int = 0  # log-ins over which the connection broke
    throttled: int = 0  # log-ins refused because of these

    def logged_in(self, asked: Asked) -> Asked:
        """Note how a log-in went; return it judged.

        A guess is counted before it is judged, and given back by who judges it: a process that
        dies in between leaves it counted. Where as many as are free have died, a throttle is right.
        """
        if asked.is_good:
            self.tokens.append(asked.json["access_token"])
        self.unjudged += not asked.status
        if asked.code != "too_many_attempts" or self.unjudged < FREE_GUESSES:
            return asked
        self.throttled += 1
        return replace(asked, wrong="")
