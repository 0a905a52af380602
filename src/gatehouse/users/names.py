"""Usernames and addresses: what may be one, and the form by which they are compared."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from gatehouse.core.text import fold
from gatehouse.users.models import EMAIL_LENGTH
from gatehouse.web.schemas import EmailField, Text

USERNAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{1,48}[A-Za-z0-9]"

# Names that stand for the system, a function of it, or a word of its routes (RFC 2142 and ours).
RESERVED = frozenset(
    """
    abuse account accounts admin administrator anonymous anyone api auth everybody everyone
    gatehouse guest help hostmaster info login logout me mod moderator nobody noreply no-reply none
    null official operator owner password postmaster register root security self session sessions
    settings signup staff superadmin super-admin super_admin superuser support sysadmin system
    undefined unknown user username users webmaster
    """.split()  # noqa: SIM905 - a list of words reads better as words
)

_address = EmailField()


class Username(Text):
    """3 to 50 ASCII letters, digits, dots, dashes and underscores; some names are reserved.

    Without `@` no username can be somebody's address (R62), and no route can be shadowed (R68).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min=3, max=50, pattern=USERNAME_PATTERN, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if fold(name) in RESERVED:
            raise ValidationError("This name is reserved.")
        return name


def fold_login_name(name: str) -> str:
    """Return the folded form of what a person typed as their name: an address or a username.

    An address is read as sign-up reads it, so that every spelling which sign-up would take for
    the same one logs in. What is neither gives a form that no account has, and so does half of
    a surrogate pair, which no database takes.
    """
    name = name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if "@" in name and len(name) <= EMAIL_LENGTH:
        try:
            return fold(str(_address.deserialize(name)))
        except ValidationError:
            return fold(name)
    return fold(name)
