"""`flask doctor`: looks at everything the service needs, and says what to do about it."""

import sys
import textwrap

import click
from flask.cli import with_appcontext

from gatehouse.cli import output
from gatehouse.cli.doctor import (
    connections,
    database,
    edge,
    files,
    mail,
    pooler,
    replica,
    room,
    shared_counts,
    signing,
    sqlite_file,
    uploads,
    work,
)
from gatehouse.cli.doctor.examination import Look, bounded, by_severity, summary
from gatehouse.cli.doctor.finding import Finding, State
from gatehouse.cli.failures import Command

_COLOURS = {State.FINE: "green", State.ODD: "yellow", State.WRONG: "red"}
_ABOUT_WIDTH = 11
_HANGING = " " * (5 + 2 + _ABOUT_WIDTH + 2)

_FIRST: dict[str, Look] = {
    "settings": edge.findings,
    "files": files.findings,
    "room": room.findings,
}
# These read tables of this version.
_IN_TABLES: dict[str, Look] = {
    "connections": connections.findings,
    "pooler": pooler.findings,
    "keys": signing.findings,
    "tables": work.findings,
    "replica": replica.findings,
}
_OTHERS: dict[str, Look] = {
    "file": sqlite_file.findings,
    "redis": shared_counts.findings,
    "mail": mail.findings,
    "uploads": uploads.findings,
}


def examine() -> list[Finding]:
    """Return what was found, the worst first."""
    found = [one for about, look in _FIRST.items() for one in bounded(about, look)]
    present = bounded("database", database.findings)
    is_usable = not any(one.about == "database" and one.state is State.WRONG for one in present)
    looks = (_IN_TABLES if is_usable else {}) | _OTHERS
    found += present
    return by_severity(found + [one for about in looks for one in bounded(about, looks[about])])


@click.command("doctor", cls=Command, examples=("flask doctor", "flask doctor --json"))
@output.json_option
@with_appcontext
def command(as_json: bool) -> None:
    """Find what is wrong with this installation.

    Looks at settings, files, database, keys, people, waiting work, Redis, mail and uploads, and
    changes nothing. `fine` needs nothing, `odd` deserves a look, `wrong` has to be mended; then
    the exit code is 1.
    """
    found = examine()
    if as_json:
        output.as_json([one.document() for one in found])
    else:
        width = output.terminal_width() if sys.stdout.isatty() else None
        for one in found:
            state = output.painted(f"{one.state:<5}", fg=_COLOURS[one.state])
            about = f"{one.about:<{_ABOUT_WIDTH}}"
            click.echo(f"{state}  {about}  {_hung(output.cell(one.said), width)}")
            if one.remedy:
                remedy = _hung(f"-> {output.cell(one.remedy)}", width)
                click.echo(f"{_HANGING}{remedy}")
        click.echo(summary(found))
    if any(one.state is State.WRONG for one in found):
        click.get_current_context().exit(1)


def _hung(text: str, width: int | None) -> str:
    """Return text in lines that begin under each other; a path or an id stays in one piece."""
    if width is None:
        return text
    lines = textwrap.wrap(
        text,
        max(width - len(_HANGING), 24),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"\n{_HANGING}".join(lines)
