"""What commands write into the ledger, and the words that several of them share."""

import click

from gatehouse.core.events import Event
from gatehouse.core.ids import new_id_text
from gatehouse.core.principal import Origin

_ORIGIN = "gatehouse.cli.origin"


class CommandEvent(Event):
    """What happens by a command and by nothing else."""

    USERS_SEEDED = "users.seeded"
    KEY_GENERATED = "key.generated"
    KEY_RETIRED = "key.retired"
    SECRETS_REENCRYPTED = "secrets.reencrypted"
    JOB_RETRIED = "job.retried"
    JOBS_PURGED = "jobs.purged"


def origin() -> Origin:
    """Return where a command comes from; all it does shares one id."""
    meta = click.get_current_context().meta
    if _ORIGIN not in meta:
        meta[_ORIGIN] = Origin(address="", user_agent="command line", request_id=new_id_text())
    found: Origin = meta[_ORIGIN]
    return found
