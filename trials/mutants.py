"""Mutation testing: of thousands of small changes of the code, tests must notice at least 85 %.

It works in a copy of the tree and remembers each verdict there, so that a run that was stopped
goes on where it was. `--survivors` judges those anew that survived the last time, which is what
one wants while writing tests; a verdict counts as long as the function is the same. docs/testing.md
says what to do with a survivor.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.plugins.backends import VARIABLE
from tests.support import memory
from trials import _mutants_made, _shared
from trials._mutants_judged import PLAN
from trials._mutants_made import Mutant

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("src", "tests", "trials", "migrations", "docs", "setup.cfg", "pyproject.toml")
COPIED += ("wsgi.py", "gunicorn.conf.py", "Makefile", "README.md", ".env.example")
PLACES = ("core", "sessions", "auth", "users/service")
PLACES += tuple(f"users/{name}.py" for name in ("repository", "listing", "names", "rendering"))
# Those that start in little time and say much about these packages.
TESTS = ("core", "sessions", "auth", "users", "one_time", "roles", "audit", "uploads")
_SECURITY = ("tokens", "sessions", "guessing", "address_changes", "passwords", "identities")
TESTS += ("journeys/test_standard_clients.py",)
TESTS += tuple(f"security/test_{name}.py" for name in (*_SECURITY, "authorization", "hashes"))
# Mutants are judged in one process, on SQLite.
SERVERS = dict.fromkeys(("PostgreSQL", "Redis"), "not wanted here")
# What every test depends on.
BASE = ("src", "tests/support", "tests/plugins", "tests/servers")
LEAST_PERCENT = 85.0
DETECTED = ("killed", "timeout")


def main() -> int:
    """Judge the mutants, print the figures of each module, and the survivors."""
    options = _options()
    tree = options.directory / "tree"
    began = time.monotonic()
    _copy(tree)
    # Other tests judge otherwise.
    fingerprint = f"{_fingerprint(tree)} {' '.join(options.tests)}"
    base = _fingerprint(tree, *BASE)
    os.chdir(tree)  # mutmut reads its settings from here
    mutants = [
        mutant
        for place in PLACES
        for path in _modules(tree / "src" / "gatehouse" / place)
        for mutant in _mutants_made.make(tree, path)
    ]
    paths = sorted({mutant.path for mutant in mutants})
    mutants = [mutant for mutant in mutants if options.only in mutant.path]
    random.Random(1).shuffle(mutants)  # so that what is judged first speaks for all
    mutants = mutants[: options.sample]
    verdicts = options.directory / "verdicts.jsonl"
    known = _known(verdicts, fingerprint, is_any_tree=options.survivors)
    waiting = [mutant for mutant in mutants if mutant.key not in known]
    if options.survivors:
        judged = verdicts.read_text() if verdicts.exists() else ""
        waiting.sort(key=lambda mutant: mutant.key not in judged)
    print(f"{len(mutants)} mutants, {len(mutants) - len(waiting)} judged before", flush=True)
    if waiting:
        with verdicts.open("a") as written:
            written.write(json.dumps({"tree": fingerprint}) + "\n")
        plan = {
            "mutants": [asdict(mutant) for mutant in waiting],
            "paths": paths,
            "jobs": options.jobs,
            "seconds": options.seconds,
            "verdicts": str(verdicts),
            "facts": str(options.directory / "facts.json"),
            "base": base,
            "tests": [f"tests/{name}" for name in options.tests],
        }
        _judge(options.directory, plan)
        known |= _known(verdicts, fingerprint)
    return _report(mutants, known, time.monotonic() - began)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--only", default="", help="mutate only files with this in their path")
    parser.add_argument("--sample", type=int, help="judge so many of them, always the same")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="below tests/, that judge")
    parser.add_argument("--survivors", action="store_true", help="spare those killed before")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--seconds", type=float, default=8, help="of tests for one mutant")
    place = Path(tempfile.gettempdir()) / f"gatehouse-mutants-{os.getuid()}"
    parser.add_argument("--directory", type=Path, default=place, help="of copy and verdicts")
    options = parser.parse_args()
    options.directory = options.directory.resolve()
    options.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return options


def _modules(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def _copy(tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, tree / name)


def _fingerprint(tree: Path, *places: str) -> str:
    """Return a digest of the code in some places, by default of all that can change a verdict."""
    digest = sha256()
    paths = {path for place in places or (".",) for path in (tree / place).rglob("*.py")}
    for path in sorted(paths):
        digest.update(str(path.relative_to(tree)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _known(path: Path, fingerprint: str, *, is_any_tree: bool = False) -> dict[str, Any]:
    """Return the verdicts about this very tree; with `is_any_tree` also who was ever killed."""
    known, tree = {}, ""
    for line in path.read_text().splitlines() if path.exists() else ():
        verdict = json.loads(line)
        tree = verdict.get("tree", tree)
        is_spared = is_any_tree and verdict.get("verdict") in DETECTED
        if "key" in verdict and (tree == fingerprint or is_spared):
            known[verdict["key"]] = verdict
    return known


def _judge(directory: Path, plan: dict[str, Any]) -> None:
    """Let pytest judge mutants in the copy, and say every minute how far it is."""
    tree, verdicts = directory / "tree", Path(plan["verdicts"])
    before = len(verdicts.read_text().splitlines())
    (directory / "plan.json").write_text(json.dumps(plan))
    temporary = tempfile.mkdtemp(prefix="gatehouse-mutants-", dir=memory.place())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "src",
        "TMPDIR": temporary,
        VARIABLE: json.dumps({"missing": SERVERS}),
        PLAN: str(directory / "plan.json"),
    }
    plugins = ("no:xdist", "no:cacheprovider", "trials._mutants_judged")
    options = ["-q", "-s", *(f"-p{name}" for name in plugins)]
    log = directory / "pytest.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *plan["tests"]],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while (code := _ended(process)) is None:
            lines = verdicts.read_text().splitlines()[before:]
            noticed = sum(json.loads(line)["verdict"] in DETECTED for line in lines)
            print(f"  {len(lines)} of {len(plan['mutants'])}, noticed {noticed}", flush=True)
    finally:
        process.terminate()
    shutil.rmtree(temporary, ignore_errors=True)
    if code:
        sys.exit(f"pytest ended with {code}; see {log}\n" + log.read_text()[-2000:])


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of a process, None if it has none after a minute."""
    try:
        return process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        return None


def _report(mutants: list[Mutant], known: dict[str, Any], seconds: float) -> int:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in sorted(mutants, key=lambda mutant: mutant.name):
        verdict = known[mutant.key]["verdict"]
        package = mutant.path.split("/")[2]
        for name in (mutant.path, f"= {package}", "= all"):
            counts[name][verdict] += 1
        if verdict not in DETECTED:
            print(f"\n{verdict}: {mutant.name} {known[mutant.key]['by']}\n{mutant.diff}")
    print(f"\n{'killed':>8}{'survived':>10}{'timeout':>9}{'suspicious':>12}{'percent':>9}")
    for name, found in sorted(counts.items(), reverse=True):
        cells = f"{found['killed']:8}{found['survived']:10}{found['timeout']:9}"
        print(f"{cells}{found['suspicious']:12}{_percent(found):9.1f}  {name}")
    report = _shared.Report("Mutants of core, sessions, auth and users")
    report.figure("mutants", len(mutants))
    report.figure("seconds of this run", round(seconds))
    percent = _percent(counts["= all"])
    text, wanted = f"{percent:.1f} %", f"at least {LEAST_PERCENT:.0f} %"
    report.promise("noticed by a test", text, wanted, is_kept=percent >= LEAST_PERCENT)
    return report.end()


def _percent(found: Counter[str]) -> float:
    return 100 * sum(found[name] for name in DETECTED) / max(1, found.total())


if __name__ == "__main__":
    sys.exit(main())
