"""Clients that take their time, in a process of their own, so as not to slow who measures.

`python trials/_slow.py HOW HOST PORT COUNT [tls]` keeps COUNT connections open until its standard
input ends. HOW is `header` (one that never ends), `body` (one that hardly comes) or `read` (a large
answer that is hardly read).
"""

import asyncio
import socket
import ssl
import sys
from contextlib import suppress

PAUSE_SECONDS = 2.0
HEAD = "Host: accounts.example.org\r\nUser-Agent: slow\r\n"
FIRST = {
    "header": f"GET /health HTTP/1.1\r\n{HEAD}",
    "body": f"POST /api/v1/auth/login HTTP/1.1\r\n{HEAD}"
    "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
    "read": f"GET /openapi.json HTTP/1.1\r\n{HEAD}\r\n",
}
NEXT = {"header": "X-a: b\r\n", "body": " ", "read": ""}


class Slow:
    """All of them, and how many are connected."""

    def __init__(self, how: str, host: str, port: int, *, is_tls: bool) -> None:
        self._first, self._next = FIRST[how].encode(), NEXT[how].encode()
        self._is_reading = how == "read"
        self._place = (host, port)
        self._tls = ssl._create_unverified_context() if is_tls else None
        self.open = 0

    async def client(self) -> None:
        """Connect, take one's time until the server has enough of it, and come again."""
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._once()
            await asyncio.sleep(0.2)

    async def _once(self) -> None:
        plain = socket.socket()
        plain.setblocking(False)
        if self._is_reading:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        await asyncio.get_running_loop().sock_connect(plain, self._place)
        reader, writer = await asyncio.open_connection(
            sock=plain, ssl=self._tls, server_hostname="x" if self._tls else None, limit=512
        )
        self.open += 1
        try:
            writer.write(self._first)
            while True:
                await asyncio.sleep(PAUSE_SECONDS)
                if self._is_reading:
                    if not await reader.read(64):
                        return
                elif reader.at_eof():
                    return
                else:
                    writer.write(self._next)
                    await writer.drain()
        finally:
            self.open -= 1
            writer.close()


async def main() -> None:
    """Run the clients, and say once a second how many are connected."""
    how, host, port, count, *tls = sys.argv[1:]
    slow = Slow(how, host, int(port), is_tls=bool(tls))
    tasks = []
    for number in range(int(count)):
        tasks.append(asyncio.create_task(slow.client()))
        if number % 50 == 49:
            await asyncio.sleep(0.1)  # a burst of handshakes is not what is measured
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    while not ended.done():
        print(slow.open, flush=True)
        await asyncio.wait([ended], timeout=1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
