"""What comes in and goes out, one schema a direction."""

from typing import Any

from marshmallow import fields

from gatehouse.core.passwords import MAX_LENGTH
from gatehouse.users.models import LOCALE_LENGTH, NAME_LENGTH
from gatehouse.users.names import Username
from gatehouse.web.pagination import PageArgs
from gatehouse.web.schemas import (
    Boolean,
    Choice,
    EmailField,
    Items,
    Password,
    QueryBoolean,
    Schema,
    Text,
    Timestamp,
)

LOCALE_PATTERN = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
SORTS = ("created_at", "email", "username")


class UserOut(Schema):
    """A person's account."""

    id = fields.UUID(required=True)
    email = fields.String(required=True, metadata={"format": "email"})
    pending_email = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The address that becomes `email` once it is confirmed."},
    )
    username = fields.String(required=True, allow_none=True)
    name = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True, allow_none=True)
    roles = fields.List(fields.String(), required=True)
    is_active = fields.Boolean(required=True)
    is_verified = fields.Boolean(required=True)
    is_superuser = fields.Boolean(
        required=True, metadata={"description": "Whether the person has the role `super_admin`."}
    )
    avatar_url = fields.String(required=True, allow_none=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)
    created_by = fields.UUID(required=True, allow_none=True)


class UserCreate(Schema):
    """A new account."""

    email = EmailField(required=True)
    password = Password(required=True, max=MAX_LENGTH)
    username = Username()
    name = Text(max=NAME_LENGTH)
    locale = Text(min=2, max=LOCALE_LENGTH, pattern=LOCALE_PATTERN)
    is_active = Boolean(metadata={"description": "Needs `users:create`."})
    roles = Items(
        Text(max=50),
        max=20,
        metadata={"description": "Needs `users:create`, a fresh log-in and all their rights."},
    )


class Accepted(Schema):
    """Something will be done, or not; the answer is the same."""

    status = fields.String(required=True)
    detail = fields.String(required=True)


class OwnPatch(Schema):
    """The members of one's own account that change; absent ones stay.

    An `email` takes effect once the new address is confirmed, and needs `current_password` where
    it is one's own. The present address cancels a change that waits.
    """

    name = Text(
        min=0,
        max=NAME_LENGTH,
        metadata={"description": "The empty string takes it away."},
    )
    username = Username()
    locale = Text(min=2, max=LOCALE_LENGTH, pattern=LOCALE_PATTERN)
    email = EmailField()
    current_password = Password(refuse_surrogates=False)


class UserPatch(OwnPatch):
    """The members of an account that change."""

    is_active = Boolean(metadata={"description": "Needs `users:update`."})


class PasswordChange(Schema):
    """A new password, and the present one as proof."""

    current_password = Password(required=True, refuse_surrogates=False)
    new_password = Password(required=True, max=MAX_LENGTH)


class RoleNames(Schema):
    """All roles that the person shall have."""

    roles = Items(Text(max=50), max=20, required=True)


class UserPage(Schema):
    """A page of accounts."""

    users = fields.List(fields.Nested(UserOut), required=True)
    page = fields.Integer(required=True, allow_none=True)
    per_page = fields.Integer(required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Integer(metadata={"description": "Only with `total=true`."})


class _Sort(Choice):
    """A column with its direction; the plus that is typed into a URL arrives as a blank."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if isinstance(value, str) and value.startswith(" "):
            value = "+" + value[1:]
        return super()._deserialize(value, *args, **kwargs)


class UserFilters(PageArgs):
    """Which accounts a list shows, and in which order."""

    q = Text(max=254, metadata={"description": "Beginning of e-mail or username, folded."})
    role = Text(max=50)
    is_active = QueryBoolean()
    is_verified = QueryBoolean()
    created_after = Timestamp(metadata={"description": "At this moment or later."})
    created_before = Timestamp(metadata={"description": "Before this moment."})
    deleted = QueryBoolean(
        load_default=False, metadata={"description": "Only deleted accounts, instead of living."}
    )
    sort = _Sort(
        [sign + name for name in SORTS for sign in ("", "-", "+")], load_default="-created_at"
    )
