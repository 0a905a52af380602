"""Others read the API description as we mean it: a style linter, and a compiler of TypeScript."""

import json
import shutil
from pathlib import Path

import pytest

from tests.openapi.document import PATH
from tests.openapi.tools import HOME, Node

pytestmark = pytest.mark.full

NOTHING_FOUND = "No results with a severity of 'hint' or higher found!"
STRICT = {
    "strict": True,
    "exactOptionalPropertyTypes": False,
    "noUncheckedIndexedAccess": True,
    "noEmit": True,
    "target": "es2022",
    "module": "preserve",
    "lib": ["es2022", "dom"],
    "types": [],
}


@pytest.fixture(scope="module")
def node() -> Node:
    """Return the programs that npm installs."""
    return Node.installed()


def test_the_style_linter_finds_nothing(node: Node, tmp_path: Path) -> None:
    """Every rule of spectral:oas holds, but those that .spectral.yaml switches off for a reason."""
    rules = str(HOME / ".spectral.yaml")
    words = ("lint", str(PATH), "--ruleset", rules, "--fail-severity", "hint", "--quiet")
    assert node.run("spectral", *words, cwd=tmp_path).strip() in ("", NOTHING_FOUND)


def test_typescript_uses_the_types(node: Node, tmp_path: Path) -> None:
    """What use.ts does compiles, and the mistakes in it do not."""
    (tmp_path / "node_modules").symlink_to(node.home / "node_modules")
    shutil.copyfile(HOME / "use.ts", tmp_path / "use.ts")
    settings = {"compilerOptions": STRICT, "files": ["use.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))
    node.run("openapi-typescript", str(PATH), "--output", "api.ts", cwd=tmp_path)
    node.run("tsc", "--project", ".", cwd=tmp_path)
