"""Notifications: what administrators have to say, by mail or push, to one, a role, or everyone."""

from gatehouse.feature import Feature
from gatehouse.notifications.delivery import deliver
from gatehouse.notifications.routes import blp
from gatehouse.notifications.vocabulary import (
    DELIVER,
    NOTIFICATIONS,
    NotificationEvent,
    NotificationPermission,
)

__all__ = ["feature"]

feature = Feature(
    name="notifications",
    blueprints=(blp,),
    permissions=NotificationPermission,
    events=NotificationEvent,
    limits=(NOTIFICATIONS,),
    jobs={DELIVER: deliver},
)
