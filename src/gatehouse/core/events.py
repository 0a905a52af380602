"""The grammar of ledger entries; each feature names its own in a subclass, in the past tense."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from gatehouse.core.principal import Origin


class Event(StrEnum):
    """A fact that the ledger records, spelled `subject.happened` (`session.started`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What happened, when, by whom, to whom, to what else, and from where, as the ledger has it."""

    event: Event
    occurred_at: datetime
    actor_id: UUID | None
    subject_id: UUID | None
    target: str | None
    origin: Origin
    details: Mapping[str, Any]
