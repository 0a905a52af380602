"""Where descriptors were scarce once: a worker takes as many connections as before again."""

import errno
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from gatehouse.infra.server.connections import RoomyWorker

USUAL = 1000


class Listener:
    """A door at which the system has no descriptor left."""

    def accept(self) -> Any:
        raise OSError(errno.ENFILE, "Too many open files in system")


@pytest.mark.parametrize("connections", [1, 2, 3, 600])
def test_f20_room_comes_back_with_the_next_connection(connections: int) -> None:
    worker: Any = object.__new__(RoomyWorker)
    worker.cfg = SimpleNamespace(worker_connections=USUAL, threads=4)
    worker.tpool = SimpleNamespace(add=lambda _, is_newcomer: None)
    worker.worker_connections, worker.nr_conns = USUAL, connections
    worker.accept(Listener())
    assert worker.worker_connections == connections
    newcomer, client = socket.socketpair()
    with newcomer, client:
        client.sendall(b"G")
        worker.enqueue_req(SimpleNamespace(initialized=False, data_ready=False, sock=newcomer))
    assert worker.worker_connections == USUAL
