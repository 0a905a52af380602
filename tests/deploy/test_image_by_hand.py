"""The steps of the Dockerfile, carried out by hand, and what they make, started as nobody."""

import ensurepip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import secrets
from tests.deploy.dockerfile import Instruction, Stage, stages
from tests.servers.server import ROOT, free_port

BUILD, IMAGE = stages()
PLACES = ("/opt/gatehouse", "/var/lib/gatehouse")
pytestmark = pytest.mark.full


def python() -> Path:
    """Return a Python that the image's user may run: that of the tests may lie in a home."""
    names = [sys._base_executable, *(f"/usr/{part}bin/python3" for part in ("local/", ""))]  # type: ignore[attr-defined]
    uid, gid = (int(part) for part in IMAGE.last("USER").value.split(":"))
    for name in names:
        try:
            old = "import sys, venv; sys.exit(sys.version_info < (3, 11))"
            done = subprocess.run(
                [name, "-c", old], user=uid, group=gid, extra_groups=[], cwd="/", check=False
            )
        except OSError:
            continue
        if done.returncode == 0:
            return Path(name)
    secrets.lacking("there is no Python 3.11 or newer that another user may run")
    raise AssertionError


class ByHand:
    """A directory that stands for the root of a file system, and a Python for the base image."""

    def __init__(self, home: Path) -> None:
        self.root = home / "root"
        self.built = home / "built"
        self._base = home / "base"
        # What the base image has: a Python with pip, under that name.
        made = [str(python()), "-m", "venv", "--without-pip", str(self._base)]
        subprocess.run(made, check=True)
        (packages,) = self._base.glob("lib/python3*/site-packages")
        (wheel,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
        zipfile.ZipFile(wheel).extractall(packages)

    def here(self, text: str) -> str:
        """Return a text whose paths lead into the directory."""
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        return text

    def make(self, stage: Stage) -> None:
        """Carry out the instructions of a stage that change its file system."""
        self._folder, self._variables = self.root, {}
        for one in stage.instructions:
            carry_out = {
                "WORKDIR": self._workdir, "ARG": self._arg, "COPY": self._copy, "RUN": self._run
            }  # fmt: skip
            if one.name in carry_out:
                carry_out[one.name](one)

    def keep(self) -> None:
        """Put what was built aside: the next stage begins anew, with the same paths."""
        self.root.rename(self.built)

    def _workdir(self, one: Instruction) -> None:
        self._folder = Path(self.here(one.value))
        self._folder.mkdir(parents=True, exist_ok=True)

    def _arg(self, one: Instruction) -> None:
        name, _, value = one.words[0].partition("=")
        self._variables[name] = value

    def _copy(self, one: Instruction) -> None:
        *sources, target = (word for word in one.words if word != "--from=build")
        for source in sources:
            found = Path(f"{self.built}{source}") if source[0] == "/" else ROOT / source
            into = self._folder / (source if target == "./" else target)
            if found.is_dir():
                skipped = shutil.ignore_patterns("__pycache__") if source[0] != "/" else None
                shutil.copytree(found, into, symlinks=True, ignore=skipped)
            else:
                shutil.copyfile(found, into)

    def _run(self, one: Instruction) -> None:
        into = self.here(" ".join(PLACES)).split()
        for place in into:
            Path(place).parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["sh", "-ec", self.here(one.value)],
            cwd=self._folder,
            env={**os.environ, **self._variables, "PATH": f"{self._base}/bin:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=480,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def image() -> Iterator[ByHand]:
    """What the Dockerfile makes, where everybody may read it."""
    if os.geteuid() != 0:
        secrets.lacking("becoming the image's user needs root")
    home = Path(tempfile.mkdtemp(prefix="gatehouse-image-"))
    try:
        home.chmod(0o755)
        by_hand = ByHand(home)
        by_hand.make(BUILD)
        by_hand.keep()
        by_hand.make(IMAGE)
        yield by_hand
    finally:
        shutil.rmtree(home)


def environment(image: ByHand, port: int) -> dict[str, str]:
    """Return the environment of the image, and what `docker run -e` would add."""
    found = {name: image.here(value) for name, value in IMAGE.environment.items()}
    found["PATH"] = found["PATH"].replace("${PATH}", os.environ["PATH"])
    return found | {"HOST": "127.0.0.1", "PORT": str(port), "BCRYPT_ROUNDS": "4"}


def as_user(image: ByHand, words: list[str], port: int) -> "subprocess.Popen[str]":
    """Start words in the working directory as the user of the image."""
    uid, gid = (int(part) for part in IMAGE.last("USER").value.split(":"))
    return subprocess.Popen(
        words,
        cwd=image.here(IMAGE.last("WORKDIR").value),
        env=environment(image, port),
        user=uid,
        group=gid,
        extra_groups=[],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def carried_out(image: ByHand, words: list[str], port: int) -> tuple[int, str]:
    """Run words to their end; return exit code and output."""
    process = as_user(image, words, port)
    printed, _ = process.communicate(timeout=120)
    return process.returncode, printed


def tree(image: ByHand) -> dict[str, int]:
    """Return every file of the program with the time of its last change."""
    top = Path(image.here("/opt/gatehouse"))
    return {str(path): path.lstat().st_mtime_ns for path in top.rglob("*")}


def test_what_the_dockerfile_makes_serves_as_nobody(image: ByHand) -> None:
    """Migrations, a command, the server and its health, on files that it cannot write to."""
    port, before = free_port(), tree(image)
    for words in (["flask", "db", "upgrade"], ["flask", "keys", "generate"]):
        code, printed = carried_out(image, words, port)
        assert code == 0, printed
    probe = IMAGE.last("HEALTHCHECK").words
    assert carried_out(image, probe, port)[0] != 0

    server = as_user(image, IMAGE.last("CMD").words, port)
    try:
        limit = time.monotonic() + 60
        while carried_out(image, probe, port)[0] != 0:
            assert server.poll() is None, server.communicate()[0]
            assert time.monotonic() < limit
        server.send_signal(getattr(signal, IMAGE.last("STOPSIGNAL").value))
        printed, _ = server.communicate(timeout=60)
    finally:
        server.kill()

    assert server.returncode == 0, printed
    assert tree(image) == before
    made = Path(image.here(IMAGE.environment["INSTANCE_DIR"]))
    assert (made / "gatehouse.db").exists()
    uid = int(re.match(r"\d+", IMAGE.last("USER").value)[0])  # type: ignore[index]
    assert {path.stat().st_uid for path in made.rglob("*")} == {uid}


def test_it_is_compiled_and_holds_no_tool(image: ByHand) -> None:
    top = Path(image.here("/opt/gatehouse"))
    modules = list((top / "src" / "gatehouse").rglob("*.py"))
    compiled = list((top / "src" / "gatehouse").rglob("*.pyc"))
    assert len(compiled) == len(modules) > 100
    packages = next((top / ".venv" / "lib").glob("python3*")) / "site-packages"
    assert not any((packages / name).exists() for name in ("pip", "pytest", "azure"))
    assert sorted(path.name for path in top.iterdir()) == [
        ".venv", "gunicorn.conf.py", "migrations", "src", "wsgi.py"
    ]  # fmt: skip
