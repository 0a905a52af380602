"""WebSockets: live notices to the person concerned, and words to everybody from those who may."""

from datetime import timedelta

from gatehouse.feature import Feature
from gatehouse.sockets.notices import LISTENERS
from gatehouse.sockets.repository import purge
from gatehouse.sockets.routes import blp, door
from gatehouse.sockets.vocabulary import WS_TICKET, SocketPermission

__all__ = ["feature"]

feature = Feature(
    name="sockets",
    blueprints=(blp, door),
    permissions=SocketPermission,
    limits=(WS_TICKET,),
    periodic={"sockets.purge": (timedelta(hours=1), purge)},
    listeners=LISTENERS,
)
