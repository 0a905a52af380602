"""The page about operations: every block is carried out, on a machine as Deploying makes it.

Blocks of `sh do` go in order, those of a section in one shell. `postgresql` and `sqlite` mark those
for one of the two, `standby` those for a second machine. Any other word names what has to happen
before, below. What is to be seen after a section stands below too, by its anchor.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import click
import psycopg
import pytest

from gatehouse.cli import COMMANDS, schema
from tests.docs.machine import Machine, commit
from tests.docs.pages import DOCS, Block, anchor, blocks
from tests.docs.site import Site, installed, status
from tests.docs.test_pages import BORDER, fits
from tests.servers.server import ROOT
from tests.support.api import Person

PAGE = (DOCS / "operations.md").read_text()
PRELUDE = next(block.text for block in blocks(PAGE) if block.words == ["sh", "prelude"])
BACKENDS = {"postgresql", "sqlite"}
NEXT_RELEASE = '''"""What a next release might bring."""

import sqlalchemy as sa
from alembic import op

revision = "9999_next"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("users", sa.Column("motto", sa.Text))


def downgrade() -> None:
    op.drop_column("users", "motto")
'''


@dataclass(slots=True)
class Part:
    """What goes in one shell: the machine, and blocks with what they should print."""

    machine: Machine
    marks: list[str]
    steps: list[tuple[str, str]] = field(default_factory=list)


def sections() -> dict[str, list[Block]]:
    """Return the blocks of each section by its anchor; those above the first are `always`."""
    above, *rest = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    found = {anchor(name): blocks(text) for name, text in zip(rest[::2], rest[1::2], strict=True)}
    return {"always": blocks(above), **found}


def parts(site: Site, found: list[Block]) -> list[Part]:
    """Return the blocks of a section that are for this site, by shell."""
    made: list[Part] = []
    is_mine = False
    for block in found:
        if block.words[:2] == ["sh", "do"]:
            marks = block.words[2:]
            kinds = BACKENDS & set(marks) or ({"postgresql"} if "standby" in marks else BACKENDS)
            is_mine = site.kind in kinds
            if not is_mine:
                continue
            machine = site.standby if "standby" in marks else site.machine
            assert machine is not None
            rest = [mark for mark in marks if mark not in {*BACKENDS, "standby"}]
            if not made or made[-1].machine is not machine or rest:
                made.append(Part(machine, rest))
            made[-1].steps.append((block.text, ""))
        elif "out" in block.words and is_mine:
            made[-1].steps[-1] = (made[-1].steps[-1][0], block.text)
    return made


def carry_out(site: Site, part: Part) -> str:
    """Run blocks in one shell, compare what they print, and return it."""
    moment = f"MOMENT={site.seen.get('moment', '')!r}\n"
    script = "".join(f"echo '{BORDER}'\n{text}" for text, _ in part.steps)
    printed = part.machine.run(site.here(f"{PRELUDE}\n{moment}{script}"))
    said = printed.split(f"{BORDER}\n")[1:]
    for (text, expected), one in zip(part.steps, said, strict=True):
        if expected:
            assert fits(expected, one), f"{text}\nprinted:\n{one}\nand not:\n{expected}"
    return printed


def test_every_alert_has_something_to_do() -> None:
    rules = (ROOT / "deploy/prometheus/gatehouse.rules.yml").read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    table = PAGE[PAGE.index("## What to do when") :]
    assert set(re.findall(r"`(Gatehouse\w+)`", table)) == alerts


def test_every_code_that_the_page_names_has_a_page() -> None:
    named = set(re.findall(r"50[37] `(\w+)`", PAGE))
    assert {
        "database_full",
        "database_unavailable",
        "hash_queue_full",
        "storage_full",
        "no_signing_key",
    } <= named
    assert [code for code in named if not (DOCS / f"errors/{code}.md").exists()] == []


def test_every_command_that_the_page_names_is_one() -> None:
    """With its options; what stands in the table is too short to be carried out."""
    named = set(re.findall(r"\bflask ([a-z]+[^`\n|<&;]*)", PAGE))
    assert len(named) > 20
    schema.ask_before_downgrade()
    known: dict[str, click.Command] = {one.name or "": one for one in (*COMMANDS, schema.group)}
    for words in map(str.split, named):
        found, rest = known[words[0]], words[1:]
        while isinstance(found, click.Group) and rest:
            found = found.commands[rest.pop(0)]
        assert not isinstance(found, click.Group), words
        options = {name for one in found.params for name in one.opts}
        assert {word for word in rest if word.startswith("--")} <= options, words


@pytest.mark.full
@pytest.mark.parametrize("kind", sorted(BACKENDS))
def test_every_procedure_does_what_the_page_says(kind: str) -> None:
    found = sections()
    always = found.pop("always")
    with installed(kind, PRELUDE) as site:
        site.seen["ada"] = site.log_in()
        for name, those in found.items():
            print(f"next: {name}")  # shown where it fails
            if name in BEFORE:
                BEFORE[name](site)
            printed = ""
            for part in parts(site, those):
                for mark in part.marks:
                    BEFORE[f"{name}:{mark}"](site)
                printed += carry_out(site, part)
            if not printed:
                continue
            site.wait()
            assert site.log_in().is_in(), name
            for part in parts(site, always):
                carry_out(site, part)
            if name in AFTER:
                AFTER[name](site, printed)


def release(site: Site) -> None:
    """Let there be a next release, with a migration."""
    remote = site.machine.root / "opt/remote"
    versions = remote / "migrations/versions"
    head = max(path.stem for path in versions.glob("[0-9]*.py"))
    text = NEXT_RELEASE.replace("{head}", head)
    (versions / "9999_next.py").write_text(text)
    commit(remote, "The next release")


def was_upgraded(site: Site, printed: str) -> None:
    """The new schema was there, the old one is again, and nobody was logged out."""
    assert "9999_next (head)" in printed
    assert not (site.machine.root / "opt/gatehouse/migrations/versions/9999_next.py").exists()
    ada: Person = site.seen["ada"]
    assert ada.is_in()


def people_come(site: Site) -> None:
    """Somebody is there, with a picture."""
    bea = site.client().sign_up()
    site.seen["bea"] = bea
    folder = site.machine.root / "var/lib/gatehouse/uploads/avatars"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "picture").write_bytes(b"a picture")


def all_is_lost(site: Site, _printed: str) -> None:
    """Somebody else comes after the backup; then keys, uploads and data are damaged."""
    site.seen["late"] = site.client().sign_up()
    assert site.seen["late"].is_in()
    for path in sorted((site.machine.root / "etc/gatehouse").iterdir()):
        path.unlink()
    (site.machine.root / "var/lib/gatehouse/uploads/avatars/picture").unlink()


def all_is_back(site: Site, _printed: str) -> None:
    """What was there at the backup is there, tokens too, and what came later is not."""
    bea, late = site.seen["bea"], site.seen["late"]
    assert bea.is_in()
    assert bea.refreshed().is_in()
    assert not late.is_in()
    picture = site.machine.root / "var/lib/gatehouse/uploads/avatars/picture"
    assert picture.read_bytes() == b"a picture"


def a_mistake(site: Site) -> None:
    """Note the time, then let somebody be deleted."""
    site.seen["dora"] = site.client().sign_up()
    with database(site) as connection:
        site.seen["moment"] = str(connection.execute("SELECT clock_timestamp()").fetchone()[0])
    time.sleep(0.1)
    ada = site.log_in()
    ada.delete(f"/users/{site.seen['dora'].id}").expect(204)
    assert not site.seen["dora"].is_in()


def it_never_happened(site: Site, _printed: str) -> None:
    """Who was deleted by mistake is there."""
    assert site.seen["dora"].is_in()


def nobody_noticed(site: Site) -> None:
    """What was done so far ended no session."""
    site.seen["ada"] = site.seen["ada"].refreshed()
    assert site.seen["ada"].is_in()


def everybody_is_out(site: Site, _printed: str) -> None:
    """No older refresh token is good for anything."""
    ada: Person = site.seen["ada"]
    assert ada.stranger.try_refresh(ada.refresh_token).status == 401
    site.seen["ada"] = site.log_in()


def only_the_new_key_is_left(site: Site, _printed: str) -> None:
    """And with it everything can be read, by whoever was logged in too."""
    kept = (site.machine.root / "etc/gatehouse/data_keys").read_text()
    assert kept.strip().count(",") == 0
    assert site.seen["ada"].is_in()


def the_leaked_key_opens_nothing(site: Site, _printed: str) -> None:
    """Within 30 seconds, in every process; refreshing helps."""
    ada: Person = site.seen["ada"]
    limit = time.monotonic() + 40
    while any(me(site, port, ada) != 401 for port in site.ports()):
        assert time.monotonic() < limit
        time.sleep(0.5)
    site.seen["ada"] = ada.refreshed()
    assert site.seen["ada"].is_in()


def me(site: Site, port: str, person: Person) -> int:
    """Return what an instance answers to somebody's access token."""
    return site.client(port).bearing(person.token).get("/users/me").status


def the_primary_dies(site: Site) -> None:
    """While it is away the service says so at once, and lives."""
    site.machine.serve("stop", "postgresql")
    begun = time.monotonic()
    answer = site.seen["ada"].get("/users/me")
    assert (answer.status, answer.json["code"]) == (503, "database_unavailable")
    assert "Retry-After" in answer.headers
    assert time.monotonic() - begun < 2
    assert (status(site, "8000"), status(site, "8000", "/health")) == (503, 200)


def nothing_was_restarted(site: Site, _printed: str) -> None:
    """The instances that lost the primary write to the standby."""
    assert site.seen["ada"].is_in()
    assert site.client("8001").sign_up().is_in()


def database(site: Site) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect to the database of the service."""
    port = site.machine.environ["PGPORT"]
    return psycopg.connect(f"postgresql://gatehouse:password@127.0.0.2:{port}/gatehouse")


BEFORE: dict[str, Callable[[Site], None]] = {
    "upgrade": release,
    "back-up": people_come,
    "a-point-in-time:moment": a_mistake,
    "rotate-secret_key:later": nobody_noticed,
    "rotate-secret_key:leaked": nobody_noticed,
    "rotate-signing-keys:leaked": nobody_noticed,
    "fail-over-postgresql:promote": the_primary_dies,
}
AFTER: dict[str, Callable[[Site, str], None]] = {
    "upgrade": was_upgraded,
    "back-up": all_is_lost,
    "restore": all_is_back,
    "a-point-in-time": it_never_happened,
    "rotate-secret_key": everybody_is_out,
    "rotate-data_keys": only_the_new_key_is_left,
    "rotate-signing-keys": the_leaked_key_opens_nothing,
    "fail-over-postgresql": nothing_was_restarted,
}
