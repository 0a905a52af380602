"""Retrying safely: a POST that comes again with its `Idempotency-Key` has one effect, one answer.

    @blp.post("/roles")
    @access.permission(RolePermission.WRITE)
    @blp.arguments(RoleCreate)
    @idempotent
    @in_unit
    @blp.response(201, RoleOut)
    def create_role(body): ...

The key is claimed in a unit of its own, so that nothing is held open while a password is hashed;
the answer is stored in the unit of its effect. A claim that a dead process left runs out, and one
that ran out under a slow process lets its effect roll back: there are never two.

Only what was done is stored. A refusal changed nothing, gives the key back, and is judged anew.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import Response, g, request
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from gatehouse.core import clock
from gatehouse.infra import db, idempotency, secrets
from gatehouse.infra.logs import logger
from gatehouse.infra.secrets import Purpose
from gatehouse.web import access
from gatehouse.web.json import dumps
from gatehouse.web.refusals import (
    AnswerWithheld,
    IdempotencyKeyReused,
    IdempotencyNotSupported,
    InvalidIdempotencyKey,
    RequestInProgress,
)

View = TypeVar("View", bound=Callable[..., Any])

HEADER = "Idempotency-Key"
PATTERN = r"[!-~]{1,255}"
SCHEMA = {"pattern": f"^{PATTERN}$", "examples": ["0199c2d4-5a6b-7c8d-9e0f-1a2b3c4d5e6f"]}
# Longer than a request takes. It is the wait after a process has died, not what keeps order.
CLAIMED_FOR = timedelta(seconds=15)
# Whoever finds the key of a sign-up may try passwords at it; so many, and no more.
MOST_MISMATCHES = 10
_ENVIRON = "HTTP_IDEMPOTENCY_KEY"


@dataclass(slots=True)
class _Claim:
    """A key that is ours until a moment; `subject_id` is whom its answer is about."""

    digest: str
    until: datetime
    subject_id: UUID | None = None
    is_answered: bool = False


def idempotent(view: View) -> View:
    """Take an Idempotency-Key; below the lock and what reads the body, above `in_unit`.

    What stands above is checked each time, also before a stored answer is given.
    """

    @wraps(view)
    def repeatable(body: Any, *args: Any, **kwargs: Any) -> Any:
        key = request.environ.get(_ENVIRON)
        if key is None:
            return view(body, *args, **kwargs)
        if not re.fullmatch(PATTERN, key):
            raise InvalidIdempotencyKey
        claim = _claim(key, body)
        if isinstance(claim, Response):
            return claim
        g.idempotency_claim = claim
        try:
            response = view(body, *args, **kwargs)
        except Exception:
            _release(claim)
            raise
        if not claim.is_answered:
            raise RuntimeError("an idempotent view has to build its answer in_unit")
        return response

    repeatable._is_idempotent = True  # type: ignore[attr-defined]
    return repeatable  # type: ignore[return-value]


def concerns(user_id: UUID) -> None:
    """Say whom the present answer is about: it is forgotten when they are erased."""
    claim = _present()
    if claim is not None:
        claim.subject_id = user_id


def keep(answer: Any) -> Any:
    """Store the answer of the present unit if the request has a key; returns the answer.

    Raises RequestInProgress, which rolls the unit back, if the claim ran out meanwhile and
    another request has taken it over.
    """
    claim = _present()
    if claim is None:
        return answer
    values: dict[str, Any] = {
        "status": answer.status_code,
        "headers": {k: v for k, v in answer.headers if k != "Content-Length"},
        "body": answer.get_data(as_text=True),
        "subject_id": claim.subject_id,
    }
    if not idempotency.answer(claim.digest, claim.until, values):
        raise RequestInProgress
    claim.is_answered = True
    return answer


def refuse_key() -> None:
    """Raise IdempotencyNotSupported if the request has a key."""
    if _ENVIRON in request.environ:
        raise IdempotencyNotSupported


def _claim(key: str, body: Any) -> _Claim | Response:
    """Claim a key for the present request, or return what was answered under it."""
    who = access.principal_or_none()
    route = f"{request.method} {request.url_rule}"
    # Strangers share one name for each route; what they send, passwords too, tells them apart.
    scope = f"anonymous {route}" if who is None else str(who.user_id)
    permissions = sorted(who.permissions) if who else []
    asked = (route, request.query_string.decode("latin-1"), dumps(body).decode())
    now = clock.now()
    claim = _Claim(
        digest=hashlib.sha256(f"{scope} {key}".encode()).hexdigest(), until=now + CLAIMED_FOR
    )
    values: dict[str, Any] = {
        "user_id": who and who.user_id,
        "subject_id": None,
        "fingerprint": secrets.mac(Purpose.FINGERPRINT, *asked),
        "permissions": permissions,
        "mismatches": 0,
        "claimed_until": claim.until,
        "created_at": now,
        "status": None,
        "headers": {},
        "body": "",
    }
    with db.unit():
        if idempotency.add({"digest": claim.digest, **values}):
            return claim
        row = idempotency.locked(claim.digest)
        if row is None:  # given back a moment ago
            raise RequestInProgress
        if row.created_at > now - idempotency.KEPT_FOR:
            _check_same(row, asked)
            if row.status is not None:
                if not set(row.permissions) <= set(permissions):
                    raise AnswerWithheld
                return Response(row.body, row.status, row.headers)
            if row.claimed_until > now:
                raise RequestInProgress
        idempotency.change(claim.digest, values)
        return claim


def _check_same(row: Row[Any], asked: tuple[str, ...]) -> None:
    """Raise IdempotencyKeyReused unless this is what was asked before; count what is not."""
    is_same = secrets.mac_matches(Purpose.FINGERPRINT, row.fingerprint, *asked)
    if is_same and row.mismatches < MOST_MISMATCHES:
        return
    idempotency.change(row.digest, {"mismatches": row.mismatches + (not is_same)})
    raise IdempotencyKeyReused


def _release(claim: _Claim) -> None:
    """Give a key back; where the database is away, the claim runs out by itself."""
    try:
        with db.unit():
            idempotency.release(claim.digest, claim.until)
    except SQLAlchemyError as error:
        logger.warning("idempotency_key_not_released", error=type(error).__name__)


def _present() -> _Claim | None:
    return cast("_Claim | None", g.get("idempotency_claim"))
