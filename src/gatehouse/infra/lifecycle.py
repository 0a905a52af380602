"""Whether this service is about to stop: one byte that a server's processes share.

The byte lives in memory that a fork shares, so it is made when this module is first imported,
which a preloading server does before it forks. The main process sets it; `/ready` reads it.
"""

import mmap

_flag = mmap.mmap(-1, 1)


def draining() -> bool:
    """Tell whether a stop was asked for: requests are still served, but send no new ones."""
    return _flag[0] != 0


def start_draining() -> None:
    """Let readiness fall in every process of this server."""
    _flag[0] = 1
