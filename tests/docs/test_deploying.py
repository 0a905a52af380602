"""The page about deploying, and the files in deploy/ that it leads to."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from secrets import token_bytes, token_hex

import pytest

from gatehouse.settings import Settings
from tests.docs.pages import DOCS, blocks
from tests.servers.server import ROOT
from tests.support import proxy

PAGE = (DOCS / "deploying.md").read_text()
FILES = {block.path: block for block in blocks(PAGE) if block.path}
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())


def variables(folder: Path) -> dict[str, str]:
    """Return what a shell reads from the sample; systemd takes the same quotes."""
    text = FILES["/etc/gatehouse.env"].text.replace("/etc/gatehouse", str(folder))
    words = shlex.split(text, comments=True)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(words) == len(lines)
    return dict(word.split("=", 1) for word in words)


def test_the_settings_of_production_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text(token_hex(32))
    (tmp_path / "data_keys").write_text(urlsafe_b64encode(token_bytes(32)).decode())
    (tmp_path / "smtp_password").write_text(token_hex(16))

    found = Settings.load(variables(tmp_path))

    assert found.is_production
    connections = 2 * found.workers * found.threads * 3 // 2
    assert f"{connections} with two" in " ".join(PAGE.split())


def test_a_shell_reads_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "gatehouse.env"
    file.write_text(FILES["/etc/gatehouse.env"].text)
    done = subprocess.run(
        ["sh", "-ec", f'set -a; . {file}; set +a; printf %s "$MAIL_FROM"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("Example <accounts@example.org>", "")


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"\bdeploy/[\w./@-]+\w", PAGE))
    assert {"deploy/nginx/gatehouse.conf", "deploy/systemd/gatehouse@.service"} <= named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_nginx_refuses_in_the_shape_of_the_service() -> None:
    answers = re.findall(r"return (\d+) '(\{.*\})';", proxy.CONFIGURATION.read_text())
    assert len(answers) == 2
    for status, text in answers:
        said = json.loads(text)
        page = (DOCS / "errors" / f"{said['code']}.md").read_text()
        (example,) = (json.loads(one.text) for one in blocks(page) if one.info == "json")
        assert said == example | {"instance": "$request_id"}
        assert said["status"] == int(status)


@pytest.mark.full
def test_nginx_takes_the_proxy(tmp_path: Path) -> None:
    nginx = proxy.program()
    proxy.configure(tmp_path)

    done = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", "nginx.conf", "-e", "stderr"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr.replace('the "user" directive', ""), done.stderr


@pytest.mark.full
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        said = "systemd-analyze is not installed; Debian and Ubuntu: apt install systemd"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    for unit in UNITS:
        text = unit.read_text().replace("/opt/gatehouse/.venv", sys.prefix)
        # Whose user it is depends on the machine; this one is there everywhere.
        text = re.sub("^(User|Group)=gatehouse$", r"\1=root", text, flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)

    done = subprocess.run(
        [systemd, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_stop_reaches_the_main_process_alone(unit: Path) -> None:
    """Else systemd ends the workers at once, and with them what is in flight."""
    lines = unit.read_text().splitlines()
    assert ("KillMode=mixed" in lines) == ("beat" not in unit.name)
    assert "EnvironmentFile=/etc/gatehouse.env" in lines
