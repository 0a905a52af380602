"""Uploading as a client does: announce, send to the URL that comes back, confirm."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.support.answers import Answer
from tests.support.api import Api
from tests.support.pictures import PNG

CONFIRM = "/users/me/avatar/confirm"


def announce(person: Api, data: bytes = PNG, media_type: str = "image/png") -> dict[str, Any]:
    """Announce a picture and return where it is to go."""
    body = {"content_type": media_type, "size": len(data)}
    found: dict[str, Any] = person.post("/users/me/avatar", body).expect(201).json
    return found


def send(
    client: Api,
    upload: Mapping[str, Any],
    data: bytes = PNG,
    *,
    method: str = "PUT",
    headers: Mapping[str, str] | None = None,
    **changed: str,
) -> Answer:
    """Send a file to an upload URL of the service itself; `changed` replaces text of the URL."""
    parts = urlsplit(upload["url"])
    target = f"{parts.path}?{parts.query}"
    for before, after in changed.items():
        assert before in target
        target = target.replace(before, after)
    return client.request(
        method, target, body=data, headers=upload["headers"] if headers is None else headers
    )


def confirm(person: Api, upload: Mapping[str, Any]) -> Answer:
    """Confirm an upload and return whatever the answer is."""
    return person.post(CONFIRM, {"upload_id": upload["upload_id"]})


def uploaded(person: Api, data: bytes = PNG, media_type: str = "image/png") -> dict[str, Any]:
    """Return an upload of a person that only wants to be confirmed."""
    upload = announce(person, data, media_type)
    send(person.bearing(None), upload, data).expect(201)
    return upload


def put_avatar(person: Api, data: bytes = PNG, media_type: str = "image/png") -> str:
    """Give a person a picture and return its URL."""
    upload = uploaded(person, data, media_type)
    return str(confirm(person, upload).expect(200).json["avatar_url"])
