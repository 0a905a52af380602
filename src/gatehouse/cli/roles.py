"""`flask roles`: which roles there are; the API makes and changes them."""

import click

from gatehouse import roles as book
from gatehouse.cli import output
from gatehouse.cli.failures import Group


@click.group("roles", cls=Group)
def group() -> None:
    """Roles, and the permissions that they hold.

    `flask users grant` gives them to people.
    """


@group.command(name="list", examples=("flask roles list", "flask roles list --json"))
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
        prose=("permissions", "description"),
    )
