"""compose.yaml and deploy/secrets.sh: valid, closed where it should be, and refusing samples."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatehouse.settings import Settings, SettingsError
from tests.deploy import composition, page, secrets
from tests.deploy.secrets import SITE

GIVEN = {"SITE": SITE, "MAIL_FROM": f"no-reply@{SITE}", "SMTP_HOST": "mail"}
DOCUMENT = composition.read(GIVEN)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
OURS = ("migrate", "app-1", "app-2", "worker", "beat")
STORES = ("db", "redis")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_little(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert "cap_add" not in one
    assert "privileged" not in one
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert {"mem_limit", "pids_limit", "logging"} <= set(one)
    if name not in OURS:
        assert one["image"].rpartition(":")[2][:1].isdigit() or ":v" in one["image"]


def test_only_nginx_is_reached_from_outside() -> None:
    ports = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert set(ports) == {"nginx", "mail"}
    assert all(port.startswith("127.0.0.1:") for port in ports["mail"])
    for name in STORES:
        assert list(SERVICES[name]["networks"]) == ["back"]
    assert DOCUMENT["networks"]["back"] == {"internal": True}


def test_the_proxy_that_is_trusted_is_nginx() -> None:
    address = SERVICES["nginx"]["networks"]["front"]["ipv4_address"]
    assert {SERVICES[name]["environment"]["TRUSTED_PROXIES"] for name in OURS} == {address}


def test_one_starts_when_what_it_needs_is_there() -> None:
    for name in ("app-1", "app-2", "worker", "beat"):
        assert SERVICES[name]["depends_on"] == {
            "db": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
    assert set(SERVICES["nginx"]["depends_on"]) == {"app-1", "app-2"}
    assert {"healthcheck"} <= set(SERVICES["db"]) & set(SERVICES["redis"])


def test_every_secret_is_declared_and_made(tmp_path: Path) -> None:
    assert secrets.make(tmp_path, SITE).returncode == 0
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    used = {name for one in SERVICES.values() for name in one.get("secrets", ())}
    assert used == made == set(DOCUMENT["secrets"])
    for name, where in DOCUMENT["secrets"].items():
        assert where == {"file": f"./secrets/{name}"}
    # A container's user reads the files, another user of the machine does not get to them.
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o444}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    secrets.make(tmp_path, SITE)
    before = {path: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    again = secrets.make(tmp_path, "other.example.net")
    assert (again.returncode, again.stderr) == (0, "")
    assert {path: path.read_bytes() for path in (tmp_path / "secrets").iterdir()} == before
    other = tmp_path / "other"
    secrets.make(other, SITE)
    for path, content in before.items():
        if path.name != "smtp_password":
            assert (other / "secrets" / path.name).read_bytes() != content


@pytest.mark.parametrize("words", [(), ("",), ("a b",), ("x;y",), ("-x",), ("https://x.org",)])
def test_what_is_no_host_name_makes_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = secrets.make(tmp_path, *words)
    assert (done.returncode, done.stderr[:6]) == (2, "usage:")
    assert not (tmp_path / "secrets").exists()


def environment(home: Path, name: str = "app-1") -> dict[str, str]:
    """Return what a service gets, with its secrets at home."""
    variables = composition.dotenv((home / ".env").read_text())
    found = composition.read(variables)["services"][name]["environment"]
    return {
        key: str(value).replace("/run/secrets", f"{home}/secrets") for key, value in found.items()
    }


def test_r115_what_was_made_is_taken_and_a_sample_is_not(tmp_path: Path) -> None:
    secrets.make(tmp_path, SITE)
    found = Settings.load(environment(tmp_path))
    assert found.is_production
    assert found.public_url == f"https://{SITE}"
    assert found.smtp_host == "mail"

    for name, sample in (("secret_key", "changeme" * 8), ("data_keys", "A" * 43 + "=")):
        file = tmp_path / "secrets" / name
        kept = file.read_text()
        file.chmod(0o600)
        file.write_text(sample)
        with pytest.raises(SettingsError, match=f"{name.upper()}: is guessable"):
            Settings.load(environment(tmp_path))
        file.write_text(kept)
    file.unlink()
    with pytest.raises(SettingsError, match="DATA_KEYS_FILE cannot be read"):
        Settings.load(environment(tmp_path))


@pytest.mark.parametrize("name", GIVEN)
def test_r115_without_its_variables_nothing_starts(name: str) -> None:
    with pytest.raises(composition.MissingVariableError, match=name):
        composition.read({key: value for key, value in GIVEN.items() if key != name})


def test_the_page_names_what_is_there() -> None:
    """Of `docker compose VERB [options] SERVICE…` the services, and there are such commands."""
    verbs = {words[0] for words in page.commands()}
    assert verbs == {"build", "run", "up", "ps"}
    for verb, *words in page.commands():
        named = [word for word in words if not word.startswith("-")]
        named = named[:1] if verb == "run" else named
        assert set(named) <= set(SERVICES), words
    assert len(page.first_start()) == 3


@pytest.mark.full
def test_the_specification_takes_it() -> None:
    """A parser of the whole specification; it knows no merges, which are YAML's."""
    from compose_spec import PyCompose

    plain = {name: part for name, part in DOCUMENT.items() if not name.startswith("x-")}
    parsed = PyCompose.from_yaml(yaml.safe_dump(plain))
    assert sorted(parsed.service_names()) == sorted(SERVICES)


@pytest.mark.full
def test_compose_takes_it(tmp_path: Path) -> None:
    """Compose itself resolves it without an engine, as the parser of these tests does."""
    program = shutil.which("docker-compose")
    if program is None:
        secrets.lacking("docker-compose is not installed; Debian: apt install docker-compose")
    secrets.make(tmp_path, SITE)
    shutil.copyfile(composition.FILE, tmp_path / "compose.yaml")

    done = subprocess.run(
        [str(program), "--profile", "catcher", "config"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout.replace("$$", "$"))["services"]
    variables = composition.dotenv((tmp_path / ".env").read_text())
    ours = composition.read(variables)["services"]
    assert set(resolved) == set(ours)
    for name, one in resolved.items():
        assert one.get("command") == ours[name].get("command"), name
        expected = {key: str(text) for key, text in ours[name].get("environment", {}).items()}
        assert {key: str(text) for key, text in one.get("environment", {}).items()} == expected
