"""The pages, and the files that they load. They read no query, set no cookie and change nothing."""

from flask import Response, request

from gatehouse.core.errors import NotFound
from gatehouse.pages import assets, catalogue, operations
from gatehouse.pages.rendering import ACTING, READING, page
from gatehouse.settings import settings
from gatehouse.web import access
from gatehouse.web.blueprint import Blueprint

FIVE_MINUTES = 300

blueprint = Blueprint("pages", is_described=False)


@blueprint.get("/")
@access.public
def index() -> Response:
    """Show what this is and where to go on, to people who type the address."""
    return page("index", policy=READING, max_age_seconds=FIVE_MINUTES, has_docs=settings.docs)


@blueprint.get("/verify-email")
@access.public
def verify_email() -> Response:
    """Show where a person confirms an address; the mail's link carries the token to it."""
    return page("verify_email", policy=ACTING, shortest=settings.password_min_length)


@blueprint.get("/reset-password")
@access.public
def reset_password() -> Response:
    """Show where a person sets a new password; the mail's link carries the token to it."""
    return page("reset_password", policy=ACTING, shortest=settings.password_min_length)


@blueprint.get("/forgot-password")
@access.public
def forgot_password() -> Response:
    """Show where a person asks for the mail that resets a password."""
    return page("forgot_password", policy=ACTING)


@blueprint.get("/problems")
@access.public
def problems() -> Response:
    """Show every error code."""
    found = catalogue.entries().values()
    return page("problems", policy=READING, max_age_seconds=FIVE_MINUTES, entries=found)


@blueprint.get("/problems/<code>")
@access.public
def problem(code: str) -> Response:
    """Show what one error code means; the `type` of a problem document leads here."""
    entry = catalogue.find(code)
    if entry is None:
        raise NotFound
    return page(
        "problem",
        policy=READING,
        max_age_seconds=FIVE_MINUTES,
        entry=entry,
        operations=operations.naming(code),
    )


@blueprint.get("/docs")
@access.public
def docs() -> Response:
    """Show Swagger UI for the API description, unless DOCS is off."""
    if not settings.docs:
        raise NotFound
    return page("docs", policy=ACTING)


@blueprint.get(f"{assets.PATH}/<digest>/<name>")
@access.public
def asset(digest: str, name: str) -> Response:
    """Send a file of a page; under the name of its content it never changes."""
    found = assets.find(name)
    if found is None or (found.belongs_to_docs and not settings.docs):
        raise NotFound
    response = Response(found.content, mimetype=found.mimetype)
    # A page of another version, while a fleet is being replaced, gets the file as it is here.
    is_named = digest == found.digest
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if is_named else "no-cache"
    )
    response.set_etag(found.digest)
    response.make_conditional(request)
    return response
