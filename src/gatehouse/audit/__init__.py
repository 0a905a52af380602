"""The ledger: what happened, to whom, by whom, from where; written beside the act."""

from datetime import timedelta

from gatehouse.audit.routes import blp
from gatehouse.audit.service import (
    FORGET,
    blank,
    export,
    forget,
    latest,
    purge,
    record,
    record_throttled,
)
from gatehouse.audit.vocabulary import AuditEvent, AuditPermission
from gatehouse.feature import Feature

__all__ = [
    "feature",
    "forget",
    "latest",
    "record",
    "record_throttled",
]

feature = Feature(
    name="audit",
    blueprints=(blp,),
    permissions=AuditPermission,
    events=AuditEvent,
    jobs={FORGET: blank},
    periodic={"audit.purge": (timedelta(hours=1), purge)},
    export=export,
    erase=forget,
)
