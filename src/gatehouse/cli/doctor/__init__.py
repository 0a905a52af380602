"""`flask doctor`: looks at everything the service needs, and says what to do about it."""

from collections import Counter

import click
from flask.cli import with_appcontext

from gatehouse.cli import output
from gatehouse.cli.doctor import (
    connections,
    database,
    edge,
    files,
    mail,
    shared_counts,
    signing,
    work,
)
from gatehouse.cli.doctor.finding import Finding, State
from gatehouse.cli.failures import Command

_COLOURS = {State.FINE: "green", State.ODD: "yellow", State.WRONG: "red"}


def examine() -> list[Finding]:
    """Return what was found, in an order in which causes come before effects."""
    found = [*edge.findings(), *files.findings()]
    present = [*database.findings()]
    found += present
    if not any(one.state is State.WRONG and one.about == "database" for one in present):
        # Everything here reads tables of this version.
        for look in (connections.findings, signing.findings, work.findings):
            found += look()
    return [*found, *shared_counts.findings(), *mail.findings()]


@click.command("doctor", cls=Command)
@output.json_option
@with_appcontext
def command(as_json: bool) -> None:
    """Examine settings, database, keys, Redis, mail and files; exit 1 when something is wrong.

    `fine` needs nothing, `odd` deserves a look, `wrong` has to be mended.
    """
    found = examine()
    if as_json:
        output.as_json([one.document() for one in found])
    else:
        for one in found:
            state = click.style(f"{one.state:<5}", fg=_COLOURS[one.state])
            click.echo(f"{state}  {one.about:<11}  {output.cell(one.said)}")
            if one.remedy:
                click.echo(f"{'':5}  {'':11}  -> {output.cell(one.remedy)}")
        counts = Counter(one.state for one in found)
        click.echo(", ".join(f"{counts[state]} {state}" for state in State))
    if any(one.state is State.WRONG for one in found):
        click.get_current_context().exit(1)
