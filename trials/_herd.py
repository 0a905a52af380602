"""A herd: requests on connections of their own, all within a second, from one process.

`python trials/_herd.py PORT SECONDS` reads requests, a JSON string a line; it prints a JSON list
of what came back: status, whether it says when to come again, and when it was sent and answered.
"""

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass

MOST_SECONDS = 120


@dataclass(slots=True)
class Answer:
    """What came back to one of the herd, and when (of the monotonic clock)."""

    sent_at: float
    received: bytes = b""
    ended_at: float = 0.0

    def told(self) -> tuple[int, bool, float, float]:
        """Return status (0 where the connection broke), `Retry-After`, and the two moments."""
        words = self.received.split(None, 2)
        says_when = b"\r\nretry-after: " in self.received.lower()
        return int(words[1]) if len(words) > 1 else 0, says_when, self.sent_at, self.ended_at


def run(port: int, requests: list[bytes], seconds: float) -> list[Answer]:
    """Send all of them, spread over the seconds, and wait for every answer."""
    waiting = selectors.DefaultSelector()
    answers: list[Answer] = []
    began = time.monotonic()
    while len(answers) < len(requests) or waiting.get_map():
        elapsed = time.monotonic() - began
        if elapsed > MOST_SECONDS:
            break
        due = min(len(requests), int(elapsed / seconds * len(requests)) + 1)
        while len(answers) < due:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(requests[len(answers)])
            answers.append(Answer(time.monotonic()))
            waiting.register(connection, selectors.EVENT_READ, answers[-1])
        for key, _ in waiting.select(0.005):
            connection, answer = key.fileobj, key.data
            assert isinstance(connection, socket.socket)
            if not read(connection, answer):
                waiting.unregister(connection)
                connection.close()
    return answers


def read(connection: socket.socket, answer: Answer) -> bool:
    """Take what is there; False at the end, which the client asked for."""
    try:
        part = connection.recv(65_536)
    except ConnectionResetError:
        part = b""
    answer.received += part
    answer.ended_at = time.monotonic()
    return bool(part)


if __name__ == "__main__":
    lines = [json.loads(line).encode() for line in sys.stdin]
    print(json.dumps([one.told() for one in run(int(sys.argv[1]), lines, float(sys.argv[2]))]))
