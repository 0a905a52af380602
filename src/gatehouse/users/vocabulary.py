"""The permissions, events and limits of the users feature."""

from gatehouse.core.events import Event
from gatehouse.core.permissions import Permission
from gatehouse.infra.limits import Rule


class UserPermission(Permission):
    """What may be done to the accounts of others."""

    READ = "users:read"
    CREATE = "users:create"
    UPDATE = "users:update"
    DELETE = "users:delete"


class UserEvent(Event):
    """What happens to an account."""

    REGISTERED = "user.registered"
    REGISTRATION_REFUSED = "registration.refused"
    CREATED = "user.created"
    CHANGED = "user.changed"
    ACTIVATED = "user.activated"
    DEACTIVATED = "user.deactivated"
    DELETED = "user.deleted"
    RESTORED = "user.restored"
    ERASED = "user.erased"
    UNLOCKED = "user.unlocked"
    EMAIL_CHANGE_REQUESTED = "email.change_requested"
    EMAIL_CHANGED = "email.changed"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_RESET_REQUESTED = "password.reset_requested"
    ROLES_CHANGED = "roles.changed"


SIGN_UP = Rule("sign_up", "60/minute;300/hour")
EMAIL_CHANGE = Rule("email_change", "20/hour")
MAILS_TO_PERSON = Rule("mails_to_person", "5/hour")
EXPORT = Rule("export", "3/hour")
