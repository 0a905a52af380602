"""What comes in and goes out, one schema a direction."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields

from gatehouse.core.passwords import MAX_LENGTH
from gatehouse.users.models import LOCALE_LENGTH, NAME_LENGTH
from gatehouse.users.names import Username
from gatehouse.web.pagination import PageArgs, PageOut
from gatehouse.web.schemas import (
    ID,
    MOMENT,
    Boolean,
    EmailField,
    Items,
    Password,
    QueryBoolean,
    Schema,
    Sort,
    Text,
    Timestamp,
    told,
)

LOCALE_PATTERN = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
SORTS = ("created_at", "email", "username")

_EMAIL, _USERNAME, _NAME, _LOCALE = "ada@example.com", "ada.lovelace", "Ada Lovelace", "en-GB"
_PASSWORD, _NEW_PASSWORD = "seven green lanterns", "nine amber windows"


class UserOut(Schema):
    """A person's account."""

    id = fields.UUID(required=True, metadata=told("Who it is; it never changes.", ID))
    email = fields.String(
        required=True, metadata=told("Where mail goes.", _EMAIL) | {"format": "idn-email"}
    )
    pending_email = fields.String(
        required=True,
        allow_none=True,
        metadata=told("The address that becomes `email` once it is confirmed.", None)
        | {"format": "idn-email"},
    )
    username = fields.String(
        required=True, allow_none=True, metadata=told("A name to log in with.", _USERNAME)
    )
    name = fields.String(
        required=True, allow_none=True, metadata=told("What to call the person.", _NAME)
    )
    locale = fields.String(
        required=True,
        allow_none=True,
        metadata=told("Language and region (BCP 47).", _LOCALE),
    )
    roles = fields.List(
        fields.String(), required=True, metadata=told("The names of the person's roles.", ["user"])
    )
    is_active = fields.Boolean(required=True, metadata=told("Whether the person may log in.", True))
    is_verified = fields.Boolean(
        required=True, metadata=told("Whether `email` has been confirmed.", False)
    )
    is_superuser = fields.Boolean(
        required=True, metadata=told("Whether the person has the role `super_admin`.", False)
    )
    avatar_url = fields.String(
        required=True, allow_none=True, metadata=told("Where a picture of the person is.", None)
    )
    created_at = Timestamp(required=True, metadata=told("When the account was made.", MOMENT))
    updated_at = Timestamp(required=True, metadata=told("When it was last changed.", MOMENT))
    created_by = fields.UUID(
        required=True,
        allow_none=True,
        metadata=told("The administrator who made it; null for whoever signed up.", None),
    )


class UserCreate(Schema):
    """A new account."""

    examples: ClassVar[Mapping[str, Any]] = {
        "sign_up": {
            "email": _EMAIL,
            "password": _PASSWORD,
            "username": _USERNAME,
            "name": _NAME,
            "locale": _LOCALE,
        },
        "by_an_administrator": {
            "email": _EMAIL,
            "password": _PASSWORD,
            "name": _NAME,
            "is_active": True,
            "roles": ["user"],
        },
    }
    email = EmailField(
        required=True, metadata=told("Where mail goes, and a name to log in with.", _EMAIL)
    )
    password = Password(
        required=True,
        max=MAX_LENGTH,
        metadata=told(
            "At least 8 characters, of any kind; what many people have, or what says the "
            "person's own name or address, is refused.",
            _PASSWORD,
        ),
    )
    username = Username(metadata=told("Another name to log in with.", _USERNAME))
    name = Text(max=NAME_LENGTH, metadata=told("What to call the person.", _NAME))
    locale = Text(
        min=2,
        max=LOCALE_LENGTH,
        pattern=LOCALE_PATTERN,
        metadata=told("Language and region (BCP 47).", _LOCALE),
    )
    is_active = Boolean(metadata=told("Whether the person may log in. Needs `users:create`.", True))
    roles = Items(
        Text(max=50),
        max=20,
        metadata=told(
            "The roles of the person. Needs `users:create`, a fresh log-in and all rights that "
            "these roles have.",
            ["user"],
        ),
    )


class Accepted(Schema):
    """Something will be done, or not; the answer is the same."""

    status = fields.String(required=True, metadata=told("Always `accepted`.", "accepted"))
    detail = fields.String(
        required=True,
        metadata=told(
            "What will happen, in words.", "If the address is an account's, a mail is sent."
        ),
    )


class OwnPatch(Schema):
    """The members of one's own account that change; absent ones stay.

    An `email` takes effect once the new address is confirmed, and needs `current_password` where
    it is one's own. The present address cancels a change that waits.
    """

    examples: ClassVar[Mapping[str, Any]] = {
        "profile": {"name": "Ada King", "username": "ada.king", "locale": "fr-FR"},
        "another_email": {"email": "ada.king@example.com", "current_password": _PASSWORD},
    }
    name = Text(
        min=0,
        max=NAME_LENGTH,
        metadata=told("What to call the person; the empty string takes it away.", _NAME),
    )
    username = Username(metadata=told("A name to log in with.", _USERNAME))
    locale = Text(
        min=2,
        max=LOCALE_LENGTH,
        pattern=LOCALE_PATTERN,
        metadata=told("Language and region (BCP 47).", _LOCALE),
    )
    email = EmailField(metadata=told("The new address, which gets a mail to confirm it.", _EMAIL))
    current_password = Password(
        refuse_surrogates=False,
        metadata=told("One's own password, where one's own `email` changes.", _PASSWORD),
    )


class UserPatch(OwnPatch):
    """The members of an account that change; absent ones stay."""

    examples: ClassVar[Mapping[str, Any]] = {
        "profile": {"name": "Ada King", "username": "ada.king", "locale": "fr-FR"},
        "deactivation": {"is_active": False},
    }
    is_active = Boolean(
        metadata=told("Whether the person may log in. Needs `users:update`.", False)
    )


class PasswordChange(Schema):
    """A new password, and the present one as proof."""

    current_password = Password(
        required=True, refuse_surrogates=False, metadata=told("The present one.", _PASSWORD)
    )
    new_password = Password(
        required=True,
        max=MAX_LENGTH,
        metadata=told("The new one, by the rules of sign-up.", _NEW_PASSWORD),
    )


class RoleNames(Schema):
    """All roles that the person shall have."""

    roles = Items(
        Text(max=50),
        max=20,
        required=True,
        metadata=told("Their names; the others are taken away.", ["user", "admin"]),
    )


class UserPage(PageOut):
    """A page of accounts."""

    users = fields.List(
        fields.Nested(UserOut), required=True, metadata={"description": "The accounts."}
    )


class UserFilters(PageArgs):
    """Which accounts a list shows, and in which order."""

    q = Text(max=254, metadata=told("The beginning of e-mail or username, in any case.", "ada"))
    role = Text(max=50, metadata=told("Only people with this role.", "admin"))
    is_active = QueryBoolean(metadata=told("Only people who may log in, or may not.", True))
    is_verified = QueryBoolean(
        metadata=told("Only people whose address has been confirmed, or has not.", True)
    )
    created_after = Timestamp(metadata=told("Made at this moment or later.", MOMENT))
    created_before = Timestamp(metadata=told("Made before this moment.", MOMENT))
    deleted = QueryBoolean(
        load_default=False,
        metadata=told("Only deleted accounts, instead of living ones.", False),
    )
    sort = Sort(
        SORTS,
        default="-created_at",
        metadata=told("By what to sort; the minus puts the largest first.", "-created_at"),
    )
