"""What comes in and goes out."""

from marshmallow import fields, validate

from gatehouse.uploads.pictures import MEDIA_TYPES
from gatehouse.web.schemas import ID, MOMENT, Choice, Id, Integer, Schema, Timestamp, told

_URL = f"https://accounts.example.org/uploads/avatars/incoming/{ID}?expires=1795167900&…"


class AvatarAnnounced(Schema):
    """The picture that is going to be uploaded."""

    content_type = Choice(
        MEDIA_TYPES, required=True, metadata=told("What kind of picture it is.", "image/png")
    )
    size = Integer(
        required=True,
        validate=validate.Range(min=1, max=2**31 - 1),
        metadata=told("Its exact length in bytes; at most `MAX_UPLOAD_BYTES`.", 68),
    )


class UploadOut(Schema):
    """Where to send the picture, and with what."""

    is_secret = True

    upload_id = fields.UUID(required=True, metadata=told("What to confirm afterwards.", ID))
    method = fields.String(required=True, metadata=told("The method of that request.", "PUT"))
    url = fields.String(
        required=True,
        metadata=told(
            "Where to send it, as it is. Whoever knows it can upload in your name.", _URL
        ),
    )
    headers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata=told("Header fields that have to come along.", {"Content-Type": "image/png"}),
    )
    expires_at = Timestamp(required=True, metadata=told("When the URL ends.", MOMENT))


class AvatarUploaded(Schema):
    """The upload that is complete."""

    upload_id = Id(required=True, metadata=told("Which upload.", ID))
