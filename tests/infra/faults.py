"""A TCP proxy in front of a real server that can fall silent, refuse, be slow, and come back."""

import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress


class FaultyProxy:
    """Passes bytes on while `mode` is "pass", keeps them for itself while it is "hang".

    There and back takes `delay_seconds` longer.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self.mode = "pass"
        self.delay_seconds = 0.0
        self._connections: list[socket.socket] = []
        self._is_open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def refuse(self) -> None:
        """Be a machine on which nothing listens."""
        self.mode = "refuse"
        self._listener.close()
        self._drop()

    def accept(self) -> None:
        """Pass everything on again."""
        if self.mode == "refuse":
            self._listener = self._listen(self.port)
        self.mode = "pass"

    def close(self) -> None:
        """End everything."""
        self._is_open = False
        self._thread.join(5)
        self._listener.close()
        self._drop()

    def __enter__(self) -> "FaultyProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, port: int) -> socket.socket:
        for patience in range(100, -1, -1):
            listener = socket.socket()
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", port))
                listener.listen(64)
                return listener
            except OSError:
                # The other thread may still be looking at the listener that was closed.
                listener.close()
                if not patience:
                    raise
                time.sleep(0.02)
        raise AssertionError

    def _drop(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _serve(self) -> None:
        peers: dict[socket.socket, socket.socket] = {}
        late: deque[tuple[float, socket.socket, bytes]] = deque()
        while self._is_open:
            if self.mode == "hang":
                time.sleep(0.01)
                continue
            peers = {a: b for a, b in peers.items() if a.fileno() >= 0 and b.fileno() >= 0}
            waiting = [*peers, *([self._listener] if self._listener.fileno() >= 0 else [])]
            with suppress(OSError, ValueError):
                for ready in select.select(waiting, [], [], 0.005 if late else 0.02)[0]:
                    if self.mode == "hang":
                        break
                    if ready is self._listener:
                        near, far = ready.accept()[0], socket.create_connection(self._target)
                        peers[near], peers[far] = far, near
                        self._connections += [near, far]
                    elif data := ready.recv(65536):
                        late.append((time.monotonic() + self.delay_seconds / 2, peers[ready], data))
                    else:
                        peers[ready].close()
                        ready.close()
            while late and late[0][0] <= time.monotonic():
                _, peer, data = late.popleft()
                with suppress(OSError):
                    peer.sendall(data)
