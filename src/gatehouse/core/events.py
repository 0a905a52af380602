"""The grammar of ledger entries; each feature names its own in a subclass, in the past tense."""

from enum import StrEnum


class Event(StrEnum):
    """A fact that the ledger records, spelled `subject.happened` (`session.started`)."""
