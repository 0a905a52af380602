"""Being written."""

import click


@click.command()
def seed() -> None:
    """Being written."""
