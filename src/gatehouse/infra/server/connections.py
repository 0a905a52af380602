"""How gunicorn takes connections here: where there is no room for one more, the idle have to go.

A process has room for `worker_connections`, and for as many as it may open files. By itself
gunicorn lets newcomers wait until somebody leaves, which the idle do after 75 seconds; and a
worker that can open no file for a connection ends, with all requests that it is at.
"""

import errno
import math
import os
import resource
import time
from itertools import chain, islice
from typing import Any

from gatehouse.infra.server.dispatch import LEAVING_SECONDS, DispatchingWorker

# Whoever connects has something to say, and it is on its way.
FIRST_BYTE_SECONDS = 1.0
# An answer has reached its client by then, as a rule.
MOMENT_SECONDS = 0.2
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


class RoomyWorker(DispatchingWorker):
    """gunicorn's threaded worker, which hangs up on who is silent when others want to come in."""

    def accept(self, listener: Any) -> None:
        """Take a connection, if a descriptor is left for it."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR:
                raise
            self.worker_connections = max(1, self.nr_conns)

    def enqueue_req(self, conn: Any) -> None:
        """Hand a request to the threads; of a newcomer, see whether there is room for another."""
        if not (conn.initialized or conn.data_ready):
            # The lowest free number is given, so that a high one says how few are left.
            most, usual = self._most_descriptors(), self.cfg.worker_connections
            if conn.sock.fileno() >= most:
                self.worker_connections = min(self.worker_connections, self.nr_conns)
            elif self.worker_connections < usual and _open_files() < most * 3 // 4:
                self.worker_connections = usual
        super().enqueue_req(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Hang up on connections that have been idle for too long, or for longest."""
        excess = self.nr_conns + 1 - self.worker_connections
        if excess > 0:
            now = time.monotonic()
            # Who was told good-bye has had a moment to go; who had a second to say something, and
            # has not, goes before who is reading our last answer, and that one before the served.
            leaving = list(self.leaving_conns)
            late = [one for one in leaving if one.timeout < now + LEAVING_SECONDS - MOMENT_SECONDS]
            oldest = now - FIRST_BYTE_SECONDS + self.cfg.keepalive
            silent = [one for one in self.pending_conns if one.timeout < oldest]
            order = chain(late, silent, leaving[len(late) :], list(self.keepalived_conns))
            for conn in islice(order, excess):
                conn.timeout = 0.0  # of the monotonic clock: over
            self.murder_pending()
        super().murder_keepalived(force=force)

    def _most_descriptors(self) -> int:
        """Return how many clients may not take: threads want the rest.

        Each may want one for the database, for Redis, and to wait for its client.
        """
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return int(max(most - 3 * self.cfg.threads, most // 2))


def _open_files() -> float:
    """Return how many files this process has open; infinity if there is none left to ask with."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return math.inf
