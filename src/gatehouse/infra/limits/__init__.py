"""Limits: how often an address, an account or a session may do something (RULES of the service).

A feature declares its limits by name, and an operator overrides them by that name in `LIMITS`:

    SIGN_UP = Rule("sign_up", "60/minute;300/hour")

    @blp.post("/users")
    @limits.by_address(SIGN_UP)
    ...

or by the person who asks: `@access.limited(EXPORT)` below the lock. Where only the service knows
the key, it counts by `limits.hit(RESEND, key)` and the route says `@limits.described(RESEND)`; not
inside a unit, since Redis may be slow. Parts of a key that are personal data
(names, addresses of mail) come in as their HMAC. Limits never raise anything but `RateLimited`,
and a lost Redis makes them narrower, not wider.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, current_app, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse_many

from gatehouse.core import network
from gatehouse.core.errors import TooManyRequests
from gatehouse.infra import metrics, redis
from gatehouse.infra.limits.storage import LimitStorage
from gatehouse.settings import Settings, SettingsError

View = TypeVar("View", bound=Callable[..., Any])
EXTENSION = "gatehouse.limits"

HITS = metrics.Counter("gatehouse_limits_hit_total", "Requests refused by a limit.", ("limit",))

# The moment at which room appears belongs to the hit before; the next may come just after.
_A_MOMENT_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Rule:
    """A named limit; several windows are separated by semicolons and hold together."""

    name: str
    default: str


class RateLimited(TooManyRequests):
    """One of the named limits is used up."""

    def __init__(self, retry_after_seconds: float, rule: Rule, window: RateLimitItem) -> None:
        super().__init__(retry_after_seconds)
        metrics.count(HITS, rule.name)
        # As draft-ietf-httpapi-ratelimit-headers spells them.
        self.headers |= {
            "RateLimit-Policy": f'"{rule.name}";q={window.amount};w={window.get_expiry()}',
            "RateLimit": f'"{rule.name}";r=0;t={self.headers["Retry-After"]}',
        }


class _Limits:
    """The limiter of one application and its rules as it reads them."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        client = app.extensions[redis.EXTENSION]
        self.limiter = Limiter(
            lambda: network.bucket(request.remote_addr),
            strategy="sliding-window-counter",
            storage_uri="gatehouse://",
            storage_options=cast(
                "dict[str, str | int]",
                {
                    "workers": settings.workers,
                    "connection_pool": client.connection_pool if client else None,
                },
            ),
            headers_enabled=False,
        )
        # The extension adds its hooks to every request only for a limiter that it meets for the
        # first time. Here each route says itself what is limited, and the others pay nothing.
        app.extensions.setdefault("limiter", set()).add(self.limiter)
        self.limiter.init_app(app)
        self.overrides = settings.limits
        self.known: dict[str, tuple[RateLimitItem, ...]] = {}

    @property
    def storage(self) -> LimitStorage:
        return cast(LimitStorage, self.limiter.storage)

    def windows(self, rule: Rule) -> tuple[RateLimitItem, ...]:
        """Return the windows of a rule, shortest first, as the settings have it."""
        known = self.known.get(rule.name)
        if known is None:
            found = parse_many(self.overrides.get(rule.name, rule.default))
            # The shortest refuses first, so that what it refuses is not held against the longer.
            known = tuple(sorted(found, key=lambda window: window.get_expiry()))
            self.known[rule.name] = known
        return known


def init_app(app: Flask, settings: Settings) -> None:
    """Install the limiter; needs `redis.init_app` before, connects to nothing."""
    metrics.of(app).declare((HITS,))
    app.extensions[EXTENSION] = _Limits(app, settings)


def declare(app: Flask, rules: Iterable[Rule]) -> None:
    """Make rules known to `app`, and read them once."""
    limits: _Limits = app.extensions[EXTENSION]
    for rule in rules:
        limits.windows(rule)


def refuse_unknown(app: Flask) -> None:
    """Raise SettingsError if LIMITS names a rule that nobody has declared."""
    limits: _Limits = app.extensions[EXTENSION]
    if unknown := sorted(set(limits.overrides) - set(limits.known)):
        names = ", ".join(sorted(limits.known))
        raise SettingsError([f"LIMITS: there is no limit {', '.join(unknown)}; there are: {names}"])


def hit(rule: Rule, *key: str) -> None:
    """Count one use under `key`; raises RateLimited when it is one too many."""
    limits = _present()
    for window in limits.windows(rule):
        if not limits.limiter.limiter.hit(window, rule.name, *key):
            raise RateLimited(_wait(limits, window, rule, key), rule, window)


def test(rule: Rule, *key: str) -> None:
    """Raise RateLimited when the next use under `key` would be one too many; counts nothing."""
    limits = _present()
    for window in limits.windows(rule):
        wait = _wait(limits, window, rule, key)
        if wait > _A_MOMENT_SECONDS:
            raise RateLimited(wait, rule, window)


def count(rule: Rule, *key: str) -> None:
    """Count one use under `key`, whatever it amounts to."""
    limits = _present()
    for window in limits.windows(rule):
        limits.limiter.limiter.hit(window, rule.name, *key)


def by(rule: Rule, key: Callable[[], str]) -> Callable[[View], View]:
    """Limit a route by what `key` returns at each request."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: Any, **kwargs: Any) -> Any:
            hit(rule, key())
            return view(*args, **kwargs)

        return described(rule)(cast(View, limited))

    return decorate


def by_address(rule: Rule) -> Callable[[View], View]:
    """Limit a route by the address of the client, before anything else looks at the request."""
    return by(rule, lambda: network.bucket(request.remote_addr))


def described(rule: Rule) -> Callable[[View], View]:
    """Tell in the API description of a limit that something below the route counts."""

    def decorate(view: View) -> View:
        view._limits = (*getattr(view, "_limits", ()), rule)  # type: ignore[attr-defined]
        return view

    return decorate


def _present() -> _Limits:
    return cast(_Limits, current_app.extensions[EXTENSION])


def _wait(limits: _Limits, window: RateLimitItem, rule: Rule, key: tuple[str, ...]) -> float:
    """Return the seconds until `window` has room for one more under `key`."""
    return _A_MOMENT_SECONDS + limits.storage.seconds_until_room(
        window.key_for(rule.name, *key), limit=window.amount, expiry=window.get_expiry()
    )
