"""`flask openapi`: the description of the API, as /openapi.json serves it."""

from pathlib import Path

import click
from flask.cli import with_appcontext

from gatehouse.cli.failures import Command
from gatehouse.web import openapi


@click.command(
    "openapi",
    cls=Command,
    examples=("flask openapi > openapi.json", "flask openapi --output docs/openapi.json"),
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file, and only if it differs.",
)
@with_appcontext
def command(output: Path | None) -> None:
    """Print the API description (OpenAPI 3.1).

    It is the same on every installation.
    """
    text = openapi.text()
    if output is None:
        click.echo(text, nl=False)
    elif not output.exists() or output.read_text(encoding="utf-8") != text:
        output.write_text(text, encoding="utf-8")
        click.echo(f"written: {output}")
    else:
        click.echo(f"unchanged: {output}")
