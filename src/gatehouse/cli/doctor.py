"""Being written."""

import click


@click.command()
def doctor() -> None:
    """Being written."""
