"""A limit of memory for some processes, which the kernel keeps (control groups, version 1 or 2)."""

import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

ROOT = Path("/sys/fs/cgroup")
# Takes another MiB twenty times a second. The memory of a worker is mostly that of the main
# process: its end frees little, and who eats faster than that brings down one after the other.
EATER = """
import time
eaten = []
while True:
    eaten.append(b"x" * 2**20)
    time.sleep(0.05)
"""


class Group:
    """A control group that goes with the stack; raises OSError where none may be made."""

    def __init__(self, stack: ExitStack) -> None:
        is_second = (ROOT / "cgroup.controllers").exists()
        self._home = (ROOT if is_second else ROOT / "memory") / f"gatehouse-{uuid4().hex[:8]}"
        names = ("memory.max", "memory.current")
        if not is_second:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        self._limit, self._usage = (self._home / name for name in names)
        self._home.mkdir()
        stack.callback(self._remove)
        self._limit.read_text()  # version 2 has it where the parent hands memory on

    def add(self, pid: int) -> None:
        """Let the limit hold for a process and for what it starts from now on."""
        (self._home / "cgroup.procs").write_text(str(pid))

    def limit(self, spare: int) -> None:
        """Allow so many bytes more than are used now."""
        self._limit.write_text(str(int(self._usage.read_text()) + spare))

    def eat(self) -> subprocess.Popen[bytes]:
        """Start a process of the group that takes whatever there is."""
        eater = subprocess.Popen([sys.executable, "-c", EATER], stdin=subprocess.DEVNULL)
        self.add(eater.pid)
        return eater

    def _remove(self) -> None:
        for _ in range(100):
            with suppress(OSError):
                self._home.rmdir()
                return
            time.sleep(0.05)
