"""What the users feature refuses."""

from gatehouse.core.errors import Conflict, Forbidden, NotFound
from gatehouse.roles import TargetOutranks


class UserNotFound(NotFound):
    """There is no living account with this id."""

    code = "user_not_found"
    remedy = "Read the list anew."


class RegistrationClosed(Forbidden):
    """`REGISTRATION=closed`: only administrators make accounts."""

    code = "registration_closed"
    title = "Registration is closed"
    keeps_writes = True
    remedy = "Say so."


class EmailTaken(Conflict):
    """A living account has this address, however it is spelled."""

    code = "email_taken"
    title = "The e-mail address is in use"
    keeps_writes = True
    remedy = "Offer log-in and recovery."


class UsernameTaken(Conflict):
    """A living account has this username, however it is spelled."""

    code = "username_taken"
    title = "The username is in use"
    keeps_writes = True
    remedy = "Ask for another one."


class RoleOutranks(TargetOutranks):
    """Nobody grants or takes a role with a permission that they do not hold."""

    title = "The role holds more rights than you do"


class LastSuperAdmin(Conflict):
    """One active super_admin always remains."""

    code = "last_super_admin"
    title = "This is the last active super_admin"
    remedy = "Make another super_admin first."


class PasswordChangedMeanwhile(Conflict):
    """The password that was verified has been replaced by another request; that one holds."""

    code = "password_changed_meanwhile"
    title = "The password was changed meanwhile"
    remedy = "Say so."


class RetentionOver(Conflict):
    """The account was deleted longer ago than `RETENTION_DAYS`."""

    code = "retention_over"
    title = "The account was deleted too long ago"
    remedy = "Say so."
