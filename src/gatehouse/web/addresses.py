"""E-mail addresses: checked by their form alone, without asking anybody."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError, validate

from gatehouse.core.text import is_drawable
from gatehouse.web.fields import Strict

MAX_EMAIL = 254
_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})


class EmailField(Strict):
    """An e-mail address as `email-validator` spells it (NFC), without asking the DNS.

    The local part is ASCII, because most mail servers cannot carry another, and no label of
    the domain mixes look-alike scripts (UTS 39): an address is what it looks like.
    """

    def __init__(self, *, metadata: Mapping[str, Any] | None = None, **kwargs: Any):
        super().__init__(
            validate=validate.Length(max=MAX_EMAIL),
            metadata={"format": "email", **(metadata or {})},
            **kwargs,
        )

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs).strip(" ")
        if len(text) > MAX_EMAIL or not is_drawable(text):
            raise ValidationError("Not a valid e-mail address.")
        try:
            address = validate_email(
                text, strict=True, check_deliverability=False, allow_smtputf8=False
            )
        except EmailNotValidError:
            raise ValidationError("Not a valid e-mail address.") from None
        if any(_mixes_scripts(label) for label in address.domain.split(".")):
            raise ValidationError("The domain mixes letters of different scripts.")
        return address.normalized


def _mixes_scripts(label: str) -> bool:
    """Tell whether a word has letters of two scripts that look alike (UTS 39, section 5.1)."""
    if label.isascii():
        return False
    words = (unicodedata.name(letter, "").split(" ", 1)[0] for letter in label)
    return len(_SCRIPTS.intersection(words)) > 1
