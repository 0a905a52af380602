"""What git runs before a commit is `make check`, all of it, whenever it could say something."""

import re

import yaml

from tests.servers.server import ROOT

CONFIGURATION = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())


def test_the_only_hook_is_make_check() -> None:
    """A second list of tools would drift from the first."""
    (repository,) = CONFIGURATION["repos"]
    (hook,) = repository["hooks"]
    assert repository["repo"] == "local"
    assert hook["entry"] == "make check"
    assert hook["language"] == "system"
    assert hook["pass_filenames"] is False
    assert not {"exclude", "stages", "args", "types"} & hook.keys()


def test_the_hook_runs_for_every_file_that_the_checks_read() -> None:
    pattern = CONFIGURATION["repos"][0]["hooks"][0]["files"]
    read = ["Makefile", "setup.cfg", "pyproject.toml", "requirements-dev.txt"]
    for place in ("src", "tests", "trials", "migrations"):
        read += [str(path.relative_to(ROOT)) for path in (ROOT / place).rglob("*.py")]
    read += [path.name for path in ROOT.glob("*.py")]
    assert [name for name in read if not re.search(pattern, name)] == []
    assert not re.search(pattern, "docs/settings.md")
