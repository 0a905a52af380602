"""The Dockerfile: small, for nobody in particular, and with nothing that it should not hold."""

import re
from pathlib import Path

import pytest

from tests.deploy.dockerfile import stages
from tests.openapi import tools
from tests.servers.server import ROOT

BUILD, IMAGE = stages()
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
NODE = Path(__file__).with_name("node")
# From the validator that editors use; one object a finding.
JUDGE = """
const {validate} = require('dockerfile-utils');
const found = validate(require('fs').readFileSync(process.argv[1], 'utf8'));
console.log(JSON.stringify(found.map(one => `${one.range.start.line + 1}: ${one.message}`)));
"""


def test_it_runs_as_a_number_that_owns_nothing_but_its_data() -> None:
    """A number, because Kubernetes cannot tell by a name that it is not root."""
    user = IMAGE.last("USER").value
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert IMAGE.instructions[-1].name == "CMD"
    (made,) = IMAGE.all("RUN")
    uid, gid = user.split(":")
    assert made.value == f"install -d -m 700 -o {uid} -g {gid} {IMAGE.environment['INSTANCE_DIR']}"
    assert [one.value for one in IMAGE.all("COPY") if "--chown" in one.value] == []


def test_signals_reach_the_server() -> None:
    """A shell in between would swallow SIGTERM."""
    assert IMAGE.last("CMD").words == ["gunicorn"]
    assert IMAGE.last("STOPSIGNAL").value == "SIGTERM"
    assert IMAGE.all("ENTRYPOINT") == []


def test_its_health_needs_no_further_program() -> None:
    words = IMAGE.last("HEALTHCHECK").words
    assert words[:2] == ["python", "-c"]
    compile(words[2], "HEALTHCHECK", "exec")


def test_packages_come_from_the_lock_and_run_nothing() -> None:
    (install,) = (one.value for one in BUILD.all("RUN") if " install " in one.value)
    for option in ("--require-hashes", "--only-binary :all:", "--no-cache-dir"):
        assert option in install
    assert BUILD.base == IMAGE.base


def test_what_is_copied_is_all_that_gets_in() -> None:
    assert IGNORED[0] == "*"
    let_in = {line[1:] for line in IGNORED if line[0] == "!"}
    copied = {
        source
        for stage in (BUILD, IMAGE)
        for one in stage.all("COPY")
        if not one.value.startswith("--from")
        for source in one.words[:-1]
    }
    assert copied == let_in
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert not any(
        re.search("key|secret|password|token", one.value, re.I) for one in BUILD.all("ARG")
    )
    assert not any(re.search("KEY|SECRET|PASSWORD|TOKEN", name) for name in IMAGE.environment)


@pytest.mark.full
def test_a_validator_finds_nothing(tmp_path: Path) -> None:
    node = tools.Node.installed(NODE)
    said = tools.run("node", "-e", JUDGE, str(ROOT / "Dockerfile"), cwd=node.home)
    assert said.strip() == "[]"
