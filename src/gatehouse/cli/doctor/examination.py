"""Carrying out the looks: each on its own, for a limited time, whatever becomes of the others."""

import threading
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context

from gatehouse.cli.doctor.finding import Finding, Findings, State, wrong
from gatehouse.infra.logs import logger

Look = Callable[[], Findings]

# Time-outs of the looks themselves are shorter; this ends what has none, like a name server.
PATIENCE_SECONDS = 4.0

_ORDER = (State.WRONG, State.ODD, State.FINE)


def bounded(about: str, look: Look) -> list[Finding]:
    """Return what a look finds; one that fails, or does not come back, is a finding itself."""
    found: list[Finding] = []

    def carry_out() -> None:
        try:
            found.extend(look())
        except Exception as error:
            logger.debug("look_failed", about=about, exc_info=error)
            said = str(error).partition("\n")[0]
            told = f"could not be examined: {type(error).__name__} {said}".rstrip()
            found.append(wrong(about, told, "LOG_LEVEL=DEBUG flask doctor shows more"))

    # A daemon: what hangs does not keep the command from ending.
    worker = threading.Thread(target=copy_context().run, args=(carry_out,), daemon=True)
    worker.start()
    worker.join(PATIENCE_SECONDS)
    if worker.is_alive():
        told = f"no answer within {PATIENCE_SECONDS:.0f} s"
        return [*found, wrong(about, told, "see that the machine it lies on answers")]
    return found


def by_severity(found: list[Finding]) -> list[Finding]:
    """Return the worst first; among equals causes stay before their effects."""
    return sorted(found, key=lambda one: _ORDER.index(one.state))


def summary(found: list[Finding]) -> str:
    """Return how many there are of each state."""
    counts = Counter(one.state for one in found)
    return ", ".join(f"{counts[state]} {state}" for state in State)
