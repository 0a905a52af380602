"""An administrator whose every request is sent again with its key until it is answered."""

import threading
import time
from uuid import uuid4

import urllib3

from tests.support.api import Person

PATIENCE_SECONDS = 60


class Retries:
    """Sends notifications, each with an Idempotency-Key, and counts what was acknowledged."""

    def __init__(self, admin: Person) -> None:
        self.acknowledged: set[str] = set()
        self.repeated = 0
        self.unexpected: set[str] = set()
        self._admin = admin
        self._is_stopping = False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        """Get the last request answered."""
        self._is_stopping = True
        self._thread.join()

    def done(self) -> int:
        """Return how many took effect, as the ledger has it."""
        path, found = "/audit-events?type=notification.requested&per_page=100", 0
        cursor: str | None = ""
        while cursor is not None:
            page = self._admin.get(path + (cursor and f"&cursor={cursor}")).expect(200).json
            found += len(page["events"])
            cursor = page["next_cursor"]
        return found

    def _work(self) -> None:
        while not self._is_stopping:
            try:
                self.acknowledged.add(self._send())
            except AssertionError as error:
                self.unexpected.add(str(error))

    def _send(self) -> str:
        key = {"Idempotency-Key": str(uuid4())}
        body = {"channels": ["push"], "role": "admin", "subject": "Hello", "text": "Hello."}
        limit = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < limit:
            try:
                answer = self._admin.post("/notifications", body, headers=key)
            except urllib3.exceptions.HTTPError:
                self.repeated += 1
                time.sleep(0.05)
                continue
            if answer.code != "request_in_progress":
                return str(answer.expect(202).json["id"])
            time.sleep(0.2)
        raise AssertionError(f"not answered within {PATIENCE_SECONDS} s")
