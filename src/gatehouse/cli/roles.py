"""`flask roles`: which roles there are; the API makes and changes them."""

import click

from gatehouse import roles as book
from gatehouse.cli import output
from gatehouse.cli.failures import Group


@click.group("roles", cls=Group)
def group() -> None:
    """Roles and what they hold; see `flask users grant`."""


@group.command(name="list")
@output.json_option
def list_(as_json: bool) -> None:
    """List roles with all their permissions."""
    everything = book.everything()
    if as_json:
        output.as_json(everything)
        return
    output.table(
        ("name", "built in", "permissions", "description"),
        [
            (role["name"], role["is_built_in"], role["permissions"], role["description"])
            for role in everything
        ],
    )
