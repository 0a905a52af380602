"""People: sign-up, their own profile, and their administration."""

from datetime import timedelta

from gatehouse.feature import Feature
from gatehouse.users.errors import EmailTaken, LastSuperAdmin, UserNotFound
from gatehouse.users.models import User
from gatehouse.users.names import fold_login_name
from gatehouse.users.rendering import PUBLIC_COLUMNS, PUBLIC_NAMES, document, render
from gatehouse.users.repository import by_id, by_login_name, found
from gatehouse.users.routes import blp
from gatehouse.users.schemas import Accepted, UserCreate, UserOut
from gatehouse.users.service.administration import (
    raise_epoch,
    unlock,
)
from gatehouse.users.service.avatar import avatar_of, hold, set_avatar
from gatehouse.users.service.deletion import delete, restore
from gatehouse.users.service.email_change import confirm_email_change, mark_verified
from gatehouse.users.service.erasure import erase, erase_expired, forget
from gatehouse.users.service.export import sections
from gatehouse.users.service.mails import ACCOUNT_EXISTS, may_send, queue_link, tell_owner
from gatehouse.users.service.passwords import (
    assign_password,
    check_password,
    rehash,
    set_password,
)
from gatehouse.users.service.profile import change
from gatehouse.users.service.registration import create
from gatehouse.users.service.roles_of import grant, take
from gatehouse.users.vocabulary import (
    EMAIL_CHANGE,
    EXPORT,
    MAILS_TO_PERSON,
    SIGN_UP,
    UserEvent,
    UserPermission,
)

__all__ = [
    "PUBLIC_COLUMNS",
    "PUBLIC_NAMES",
    "Accepted",
    "EmailTaken",
    "LastSuperAdmin",
    "User",
    "UserCreate",
    "UserEvent",
    "UserNotFound",
    "UserOut",
    "UserPermission",
    "assign_password",
    "avatar_of",
    "by_id",
    "by_login_name",
    "change",
    "check_password",
    "confirm_email_change",
    "create",
    "delete",
    "document",
    "erase",
    "feature",
    "fold_login_name",
    "found",
    "grant",
    "hold",
    "mark_verified",
    "may_send",
    "queue_link",
    "raise_epoch",
    "rehash",
    "render",
    "restore",
    "set_avatar",
    "set_password",
    "take",
    "unlock",
]

feature = Feature(
    name="users",
    blueprints=(blp,),
    permissions=UserPermission,
    events=UserEvent,
    limits=(SIGN_UP, EMAIL_CHANGE, MAILS_TO_PERSON, EXPORT),
    jobs={ACCOUNT_EXISTS: tell_owner},
    periodic={"users.erase_deleted": (timedelta(hours=1), erase_expired)},
    export=sections,
    erase=forget,
)
