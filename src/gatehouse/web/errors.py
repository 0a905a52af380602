"""Every error becomes a problem document, whoever raised it.

The handlers see features' refusals, Werkzeug's exceptions, those of the token and limit
libraries, the database's, and whatever nobody expected. None of them shows a trace or driver
text. Hooks after the request do not pass through here, so the house has none that can raise.
"""

from collections.abc import Iterator

import jwt
import structlog
from flask import Flask, Response, request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from sqlalchemy import exc
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gatehouse.core.errors import Conflict, Refusal, Unauthenticated, Unavailable, Unprocessable
from gatehouse.infra import db
from gatehouse.web import problem
from gatehouse.web.denials import InvalidToken
from gatehouse.web.refusals import BodyTooLarge

logger = structlog.get_logger(__name__)


class DatabaseUnavailable(Unavailable):
    """The database does not answer, or not in time."""

    code = "database_unavailable"
    remedy = "Wait for `Retry-After`; then repeat what is safe to repeat."


class DatabaseFull(Refusal):
    """The disk of the database is full: nothing can be changed, and everything can be read."""

    status = 507
    code = "database_full"
    title = "There is no room to write"
    remedy = "Try again later; an operator has to make room."


def register(app: Flask) -> None:
    """Install the handlers. Last of all extensions: the token library brings handlers too."""
    app.register_error_handler(Refusal, problem.from_refusal)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)
    # InternalError is, above all, a primary that has just become a read-only replica.
    for outage in (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError):
        app.register_error_handler(outage, _outage)
    app.register_error_handler(exc.IntegrityError, _collision)
    app.register_error_handler(exc.DataError, _unstorable)
    for token_error in (*_family(JWTExtendedException), *_family(jwt.PyJWTError)):
        app.register_error_handler(token_error, _token)


def _http(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return problem.from_refusal(BodyTooLarge())
    return problem.from_http_exception(error)


def _outage(error: exc.SQLAlchemyError) -> Response:
    refusal = DatabaseFull() if db.is_full(error) else DatabaseUnavailable()
    logger.error(refusal.code, error=_origin(error), route=_route())
    return problem.from_refusal(refusal)


def _collision(error: exc.IntegrityError) -> Response:
    """Answer a write that a constraint refused and that no service expected."""
    logger.warning("unexpected_collision", error=_origin(error), route=_route())
    return problem.from_refusal(Conflict())


def _unstorable(error: exc.DataError) -> Response:
    """Answer a value that the database cannot hold and that no schema caught."""
    logger.warning("unstorable_value", error=_origin(error), route=_route())
    return problem.from_refusal(Unprocessable())


def _token(error: Exception) -> Response:
    if isinstance(error, NoAuthorizationError):
        return problem.from_refusal(Unauthenticated())
    return problem.from_refusal(InvalidToken())


def _unexpected(error: Exception) -> Response:
    logger.error("internal_error", exc_info=error, method=request.method, route=_route())
    return problem.from_status(500)


def _route() -> str | None:
    return request.url_rule.rule if request.url_rule else None


def _origin(error: exc.SQLAlchemyError) -> str:
    """Name the driver's class: its text may hold values."""
    return type(getattr(error, "orig", None) or error).__name__


def _family(base: type[Exception]) -> Iterator[type[Exception]]:
    yield base
    for child in base.__subclasses__():
        yield from _family(child)
