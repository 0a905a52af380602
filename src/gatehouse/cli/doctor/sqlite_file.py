"""The SQLite file: is it whole, is its journal the one that readers need, and is its disk local?"""

from pathlib import Path

from sqlalchemy import make_url, text

from gatehouse.cli.doctor.finding import RESTORE, Findings, fine, reading, wrong
from gatehouse.infra import db
from gatehouse.settings import settings

# Larger ones take longer to read than anybody waits for.
_LARGEST_CHECKED_BYTES = 256 * 2**20
_MOUNTS = Path("/proc/self/mountinfo")
_NETWORKED = ("nfs", "cifs", "smb", "9p", "ceph", "glusterfs", "lustre", "afs", "fuse.sshfs")


@reading("database")
def findings() -> Findings:
    """Look at the file; nothing to say on PostgreSQL."""
    if not settings.is_sqlite:
        return
    path = Path(make_url(settings.database_url).database or "")
    if not path.exists():
        return
    if (kind := file_system(path, _mounts())).startswith(_NETWORKED):
        yield wrong(
            "database",
            f"{path} lies on a network file system ({kind}): SQLite's locks fail there",
            "put it on a local disk, or use PostgreSQL",
        )
    journal = str(db.reader.scalar(text("PRAGMA journal_mode")))
    if journal != "wal":
        yield wrong(
            "database",
            f"its journal is {journal}, not WAL: readers and writers wait for each other",
            "see that its directory can be written and lies on a local disk",
        )
    if path.stat().st_size > _LARGEST_CHECKED_BYTES:
        yield fine("database", "the file is large: PRAGMA quick_check tells whether it is whole")
        return
    said = str(db.reader.scalar(text("PRAGMA quick_check(1)")))
    if said == "ok":
        yield fine("database", f"{path.name} is whole")
    else:
        yield wrong(
            "database",
            f"{path} is damaged: {said.splitlines()[-1]}",
            RESTORE,
        )


def file_system(path: Path, mounts: str) -> str:
    """Return the kind of file system that `path` lies on, by the text of mountinfo (proc(5))."""
    found, longest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split(" ")[4].replace("\\040", " "))
        if path.resolve().is_relative_to(point) and len(point.parts) >= longest:
            found, longest = after.split(" ")[0], len(point.parts)
    return found


def _mounts() -> str:
    return _MOUNTS.read_text(errors="replace") if _MOUNTS.exists() else ""
