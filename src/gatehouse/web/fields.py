"""The fields of schemas: strict types, no coercion, and nothing that a reader cannot see."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate

from gatehouse.core.ids import parse_id
from gatehouse.core.text import has_surrogates, is_drawable

MAX_PASSWORD = 1_024
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Strict(fields.String):
    """Text that is text already: the base of all text fields."""

    default_error_messages = {"invalid": "Not a string."}  # noqa: RUF012 - marshmallow's way

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return value


class Text(Strict):
    """A line of text: `min` to `max` characters, each of them drawn, blanks around it cut off.

    Control, zero-width, bidirectional and unassigned characters are refused (UTS 39). With `lines`
    it may have several; each ends with a line feed, however that was sent.
    """

    def __init__(
        self,
        *,
        max: int,
        min: int = 1,
        pattern: str | None = None,
        like: str | None = None,
        lines: bool = False,
        **kwargs: Any,
    ):
        validators: list[Any] = [validate.Length(min=min, max=max)]
        if pattern is not None:
            said = (
                f"This is not of the form {like}." if like else "This is not in the expected form."
            )
            validators.append(validate.Regexp(f"(?:{pattern})\\Z", error=said))
        self.max_length = max
        self.has_lines = lines
        super().__init__(validate=validators, **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        # The length first: what follows looks at every character.
        if len(text) > 4 * self.max_length:
            raise ValidationError(f"Longer than maximum length {self.max_length}.")
        if self.has_lines:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not is_drawable(text.replace("\n", "") if self.has_lines else text):
            raise ValidationError("This holds characters that cannot be shown.")
        return unicodedata.normalize("NFC", text.strip())


class Password(Strict):
    """A password, exact to the code point: never trimmed, folded or shown.

    With `allow_surrogates` on the route's `arguments`, text that no encoder accepts arrives
    here too; `refuse_surrogates` says whether that is an error (sign-up) or just a wrong
    password (log-in).
    """

    def __init__(
        self,
        *,
        max: int = MAX_PASSWORD,
        refuse_surrogates: bool = True,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        self.refuse_surrogates = refuse_surrogates
        super().__init__(
            validate=validate.Length(min=1, max=max),
            load_only=True,
            metadata={"format": "password", **(metadata or {})},
            **kwargs,
        )

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if self.refuse_surrogates and has_surrogates(text):
            raise ValidationError("Half of a surrogate pair is not a character.")
        return text


class Integer(fields.Integer):
    """A JSON number without a fraction, within 64 bits; never a string or a boolean."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return value


class Boolean(fields.Boolean):
    """`true` or `false`, and nothing that resembles them."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Id(fields.UUID):
    """A UUID in its canonical spelling."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> UUID:
        parsed = parse_id(value)
        if parsed is None:
            raise self.make_error("invalid_uuid")
        return parsed


class Timestamp(fields.Field[datetime]):
    """An instant: RFC 3339 with an offset on the way in, UTC with `Z` on the way out.

    Spelled as `web.json` spells datetimes, so that both ways of answering agree.
    """

    default_error_messages = {"invalid": "Not an RFC 3339 timestamp."}  # noqa: RUF012

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
            raise self.make_error("invalid")
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.make_error("invalid") from None


class Items(fields.List[Any]):
    """A list of at most `max` items; longer ones are refused before any item is looked at."""

    def __init__(self, item: fields.Field[Any], *, max: int, **kwargs: Any):
        self.max_items = max
        super().__init__(item, validate=validate.Length(max=max), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[Any]:
        if isinstance(value, list) and len(value) > self.max_items:
            raise ValidationError(f"Longer than maximum length {self.max_items}.")
        return super()._deserialize(value, attr, data, **kwargs)


class Choice(Strict):
    """One of a few words."""

    def __init__(self, words: Collection[str] | type[StrEnum], **kwargs: Any):
        super().__init__(validate=validate.OneOf([str(word) for word in words]), **kwargs)
