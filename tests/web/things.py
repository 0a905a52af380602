"""A small application that shows every way to take input and to answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from flask import Flask, Response, request
from flask_jwt_extended.exceptions import NoAuthorizationError, RevokedTokenError
from psycopg.errors import DiskFull
from sqlalchemy import exc
from werkzeug.exceptions import RequestEntityTooLarge, TooManyRequests

from gatehouse.core.errors import Conflict
from gatehouse.core.permissions import Permission
from gatehouse.health import feature as health
from gatehouse.infra import cache, db, keys, logs, redis
from gatehouse.infra.db import engines
from gatehouse.settings import Settings
from gatehouse.web import access, conditional, edge, locks
from gatehouse.web.blueprint import Blueprint
from gatehouse.web.json import respond
from gatehouse.web.schemas import (
    Boolean,
    EmailField,
    Id,
    Integer,
    Items,
    Password,
    QueryBoolean,
    QueryInteger,
    Schema,
    Text,
    Timestamp,
)

SECRET = "the one secret of these tests: " + "5f2b8c1d" * 4
JSON = {"Content-Type": "application/json"}


class ThingPermission(Permission):
    """What may be done with things."""

    READ = "things:read"


class ThingTaken(Conflict):
    """A thing of this name is there already."""

    code = "thing_taken"


class ThingIn(Schema):
    """A thing as it comes."""

    name = Text(max=50, required=True)
    email = EmailField()
    number = Integer()
    is_good = Boolean()
    tags = Items(Text(max=10), max=3)
    password = Password()
    owner_id = Id()
    since = Timestamp()


class LogInLike(Schema):
    """Text that is judged, not checked."""

    password = Password(required=True, refuse_surrogates=False)


class ThingOut(Schema):
    """A thing as it goes."""

    name = Text(max=50, required=True)


class MaybeThing(Schema):
    """A thing, or nothing."""

    name = Text(max=50)


class ThingQuery(Schema):
    """Which things to list."""

    number = QueryInteger(min=0, max=100)
    q = Text(max=20)
    is_good = QueryBoolean()


class GrantForm(Schema):
    """A form as OAuth2 has them."""

    grant_type = Text(max=20, required=True)


def blueprint() -> Blueprint:
    """Return the routes, made anew for each application."""
    things = Blueprint("things", url_prefix="/api/v1", description="Things")

    @things.post("/things")
    @access.public
    @things.arguments(ThingIn)
    @things.refuses(ThingTaken)
    @things.response(201, ThingOut)
    def create(body: dict[str, Any]) -> Any:
        """Create a thing

        It is kept nowhere.
        """
        if body["name"] == "taken":
            raise ThingTaken("There is one.", headers={"X-Hint": "yes"})
        return {"name": body["name"]}, {"Location": "/api/v1/things/1"}

    @things.get("/things")
    @access.public
    @things.query(ThingQuery)
    @things.response(200)
    def list_things(query: dict[str, Any]) -> Any:
        return {name: query.pop(name) for name in list(query)}

    @things.get("/things/<uuid:user_id>")
    @access.self_or(ThingPermission.READ)
    @things.response(200, ThingOut, etag=True)
    def show(user_id: UUID) -> Response:
        return conditional.answer({"name": "x"}, version=3)

    @things.get("/versions")
    @access.public
    @things.response(200, ThingOut, etag=True)
    def version() -> Response:
        return conditional.answer({"name": "x"}, version=3)

    @things.patch("/versions")
    @access.public
    @things.response(204, etag=True)
    def change() -> None:
        conditional.check_if_match(3)

    @things.post("/auth/token")
    @access.public
    @things.form(GrantForm)
    @things.response(200)
    def token(form: dict[str, Any]) -> Any:
        return form

    @things.post("/log-in")
    @access.public
    @things.arguments(LogInLike, allow_surrogates=True)
    @things.response(200)
    def log_in(body: dict[str, Any]) -> Any:
        return {"length": len(body["password"])}

    @things.post("/optional")
    @access.public
    @things.arguments(MaybeThing, required=False)
    @things.response(200)
    def optional(body: dict[str, Any]) -> Any:
        return body

    @things.get("/mine")
    @access.user
    @things.response(200)
    def mine() -> Any:
        return {}

    @things.get("/from")
    @access.public
    @things.response(200)
    def origin() -> Response:
        return respond({"address": request.remote_addr, "scheme": request.scheme})

    @things.get("/raise/<kind>")
    @access.public
    @things.response(200)
    def fail(kind: str) -> None:
        driver = Exception("driver text with a password")
        raise {
            "bug": RuntimeError("a secret of ours"),
            "operational": exc.OperationalError("SELECT 1", {}, driver),
            "no room": exc.OperationalError("INSERT", {}, DiskFull("driver text")),
            "pool": exc.TimeoutError("pool"),
            "integrity": exc.IntegrityError("INSERT", {}, driver),
            "data": exc.DataError("INSERT", {}, driver),
            "expired": jwt.ExpiredSignatureError("driver text"),
            "odd token": jwt.InvalidTokenError("driver text"),
            "revoked": RevokedTokenError({}, {}),
            "no token": NoAuthorizationError("driver text"),
            "large": RequestEntityTooLarge(),
            "limit": TooManyRequests(retry_after=7),
        }[kind]

    return things


def settings_of(directory: Path, **environ: str) -> Settings:
    """Return settings for tests, without the process environment."""
    base = {"INSTANCE_DIR": str(directory), "SECRET_KEY": SECRET, "LOG_LEVEL": "WARNING"}
    base["ALGORITHM"] = "HS256"  # its keys are in no table
    return Settings.load({**base, **environ})


@contextmanager
def application(directory: Path, **environ: str) -> Iterator[Flask]:
    """Make the application, and close what it opened."""
    settings = settings_of(directory, **environ)
    app = Flask("things", static_folder=None)
    app.config["SETTINGS"] = settings
    app.extensions[access.AUTHENTICATORS] = []
    logs.configure(settings)
    db.init_app(app, settings)
    redis.init_app(app, settings)
    cache.init_app(app, settings)
    keys.init_app(app)
    api = edge.install(app, settings)
    api.register_blueprint(blueprint())
    for probes in health.blueprints:
        api.register_blueprint(probes)
    locks.refuse_unlocked(app)
    yield app
    engines.dispose(app)
    with app.app_context():
        db.sqlalchemy.engine.dispose()
