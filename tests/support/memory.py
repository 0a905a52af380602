"""A directory in memory: files of tests go with them, so no test needs to wait for a disk."""

import os
import shutil
from pathlib import Path

PLACE = Path("/dev/shm")
ROOM_BYTES = 2 * 2**30


def place(room_bytes: int = ROOM_BYTES) -> str | None:
    """Return where directories are held in memory; None where there is no room or no such place."""
    if not os.access(PLACE, os.W_OK | os.X_OK) or shutil.disk_usage(PLACE).free < room_bytes:
        return None
    return str(PLACE)
