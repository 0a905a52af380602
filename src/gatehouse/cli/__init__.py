"""The command line: what operators do, by the rules and into the ledger of the API.

    flask users | roles | sessions | keys | jobs | seed | doctor

Exit codes: 0 done, 1 refused or failed, 2 misused, 130 interrupted.
"""

from flask import Flask
from flask_migrate import Migrate

from gatehouse.cli import doctor, jobs, keys, roles, seed, sessions, users
from gatehouse.cli.vocabulary import CommandEvent
from gatehouse.feature import EXTENSION, Slots
from gatehouse.infra import db

COMMANDS = (
    *(users.group, roles.group, sessions.group, keys.group, jobs.group),
    *(seed.command, doctor.command),
)


def install(app: Flask) -> None:
    """Register the commands, `flask db …` among them, and the events that only they cause."""
    Migrate(
        app,
        db.sqlalchemy,
        compare_type=True,
        render_as_batch=app.config["SETTINGS"].is_sqlite,
        directory=str(db.MIGRATIONS),
    )
    slots: Slots = app.extensions[EXTENSION]
    slots.events.update(CommandEvent)
    for command in COMMANDS:
        app.cli.add_command(command)
