"""The files themselves, at /uploads: pictures that everybody may see, and where local uploads go.

Whatever stands in a file, a browser takes it for the picture that it claims to be, and lets it do
nothing (`nosniff`, CSP `sandbox`).
"""

import re
from itertools import chain

from flask import Response, request

from gatehouse.core.errors import NotFound
from gatehouse.infra import storage
from gatehouse.infra.storage import UploadUrlInvalid
from gatehouse.settings import settings
from gatehouse.uploads import pictures
from gatehouse.uploads.vocabulary import AVATARS
from gatehouse.web import access, parsing
from gatehouse.web import body as bodies
from gatehouse.web.blueprint import Blueprint

UPLOAD = "upload"
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
# Its name belongs to this one picture, which may be taken away: then caches forget it as well.
CACHING = "public, max-age=3600, immutable"
_NAME = re.compile(r"[0-9a-f]{32}")

blueprint = Blueprint("files", url_prefix="/uploads", is_described=False)


@blueprint.get(f"/{AVATARS}/<name>")
@access.public
def show_avatar(name: str) -> Response:
    """Send a person's picture to whoever knows its name."""
    found = storage.open(settings.avatar_container, name) if _NAME.fullmatch(name) else None
    if found is None:
        raise NotFound
    head = next(found.parts, b"")
    # The type is read from the bytes: what else is kept beside them decides nothing.
    kind = pictures.media_type(head) or "application/octet-stream"
    response = Response(chain([head], found.parts), mimetype=kind)
    response.content_length = found.size
    response.headers["Cache-Control"] = CACHING
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blueprint.put("/<container>/<path:blob>")
@access.one_time(UPLOAD)
@bodies.streamed
def receive(container: str, blob: str) -> Response:
    """Take what comes to a signed upload URL, where uploads are kept as files."""
    files = storage.local()
    bound = parsing.parse_pairs(request.query_string)
    if bound.keys() != {"expires", "type", "length", "signature"}:
        raise UploadUrlInvalid
    content_type = request.environ.get("CONTENT_TYPE", "")
    length = files.check(
        container, blob, bound, content_type=content_type, length=request.content_length
    )
    files.create(container, blob, bodies.parts(length))
    response = Response(status=201)
    del response.headers["Content-Type"]
    return response
