"""One-time tokens: what a mail's link carries."""

from datetime import timedelta

from gatehouse.feature import Feature
from gatehouse.infra import mail
from gatehouse.one_time.service import (
    Grant,
    consume,
    export,
    issue,
    peek,
    purge,
    resolve,
    revoke_all,
    token,
)
from gatehouse.one_time.vocabulary import OneTimeTokenInvalid, Purpose

__all__ = [
    "Grant",
    "OneTimeTokenInvalid",
    "Purpose",
    "consume",
    "feature",
    "issue",
    "peek",
    "revoke_all",
    "token",
]

# A queued mail names its token by id; the token itself is made when the mail is.
mail.register_resolver("one_time", resolve)

feature = Feature(
    name="one_time",
    periodic={"one_time.purge": (timedelta(hours=1), purge)},
    export=export,
    erase=revoke_all,
)
