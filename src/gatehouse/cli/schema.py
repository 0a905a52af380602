"""`flask db`, which is Flask-Migrate's, with the question that its `downgrade` does not ask."""

from typing import Any

import click
from flask_migrate.cli import db as group

from gatehouse.cli import consent

QUESTION = "Take back a migration? What only the newer schema can hold is lost."


def ask_before_downgrade() -> None:
    """Let `flask db downgrade` ask as every command does that ends something."""
    command = group.commands["downgrade"]
    if any(one.name == "is_sure" for one in command.params):
        return
    inner = command.callback
    assert inner is not None  # click makes no command without one

    def downgrade(*, is_sure: bool, sql: bool, **rest: Any) -> Any:
        # With --sql it only prints what it would do.
        consent.ask(QUESTION, is_sure=is_sure or sql)
        return inner(sql=sql, **rest)

    command.callback = downgrade
    command.params.append(click.Option(["--yes", "is_sure"], is_flag=True, help=consent.YES_HELP))
