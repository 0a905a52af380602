"""The command line: what operators do, by the rules and into the ledger of the API.

    flask users | roles | sessions | audit | keys | jobs | seed | doctor | openapi

Exit codes: 0 done, 1 refused or failed, 2 misused, 130 interrupted.
"""

from flask import Flask
from flask.cli import cli as flask_command
from flask_migrate import Migrate

from gatehouse.cli import (
    doctor,
    erasure,
    jobs,
    keys,
    ledger,
    openapi,
    roles,
    schema,
    seed,
    sessions,
)
from gatehouse.cli.vocabulary import CommandEvent
from gatehouse.feature import EXTENSION, Slots
from gatehouse.infra import db

EPILOG = """The commands of Gatehouse; each says more with --help, and none needs the options above.
`flask doctor` tells what is wrong with an installation, and what to do."""

COMMANDS = (
    *(erasure.group, roles.group, sessions.group, ledger.group, keys.group, jobs.group),
    *(seed.command, doctor.command, openapi.command),
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
    schema.ask_before_downgrade()
    slots: Slots = app.extensions[EXTENSION]
    slots.events.update(CommandEvent)
    for command in COMMANDS:
        app.cli.add_command(command)
    # The server is `make run`, and the limits stand in docs/limits.md.
    for name in ("run", "limiter"):
        # `limiter` comes by an entry point, which only the program `flask` reads.
        if foreign := flask_command.commands.get(name):
            foreign.hidden = True
    # The group that `flask` is has no other place for a word of ours.
    flask_command.epilog = EPILOG
