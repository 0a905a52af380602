"""Gatehouse: an accounts service. `create_app` is the whole program on one page."""

from flask import Flask

from gatehouse.auth import TokenManager
from gatehouse.feature import Slots
from gatehouse.features import FEATURES
from gatehouse.infra import (
    cache,
    db,
    hashing,
    idempotency,
    jobs,
    keys,
    limits,
    logs,
    mail,
    metrics,
    push,
    redis,
    sockets,
    storage,
)
from gatehouse.settings import Settings
from gatehouse.web import edge, locks


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application for `settings`, by default those of the environment.

    Opens no connection and starts no thread, so that a process may fork after it. Raises
    SettingsError with one line for each unsafe or impossible setting.
    """
    settings = settings or Settings.load()
    app = Flask("gatehouse", static_folder=None)
    app.config["SETTINGS"] = settings

    logs.configure(settings)
    metrics.init_app(app, settings)
    db.init_app(app, settings)
    redis.init_app(app, settings)
    push.init_app(app, settings)
    cache.init_app(app, settings)
    limits.init_app(app, settings)
    hashing.init_app(app, settings)
    keys.init_app(app)
    jobs.init_app(app)
    idempotency.init_app(app)
    mail.init_app(app, settings)
    storage.init_app(app, settings)
    sockets.init_app(app, settings)
    TokenManager().init_app(app)

    api = edge.install(app, settings)
    slots = Slots.of(app)
    for feature in FEATURES:
        slots.fill(feature)
        for blueprint in feature.blueprints:
            api.register_blueprint(blueprint)
        limits.declare(app, feature.limits)
        metrics.of(app).declare(feature.metrics)
        jobs.declare(app, feature.jobs, feature.periodic)
    limits.refuse_unknown(app)
    logs.install_request_log(app, settings)
    locks.refuse_unlocked(app)
    return app
