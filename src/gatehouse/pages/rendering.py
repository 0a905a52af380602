"""How a page leaves: escaped, in a policy that loads nothing from elsewhere, and for no index."""

import json
from itertools import cycle
from typing import Any

from flask import Response
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from gatehouse.pages import assets
from gatehouse.settings import settings

# To read: styles only. To act: our own scripts, which call our own API. Nobody frames either.
READING = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
ACTING = {**READING, "script-src": "'self'", "connect-src": "'self'"}


def page(
    template: str, *, policy: dict[str, str], max_age_seconds: int = 0, **members: Any
) -> Response:
    """Return a page; without `max_age_seconds` nobody keeps it."""
    text = _templates.get_template(f"{template}.html.j2").render(
        members, product=settings.product_name
    )
    response = Response(text, mimetype="text/html")
    response.headers["Content-Security-Policy"] = "; ".join(
        f"{name} {sources}" for name, sources in policy.items()
    )
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    if max_age_seconds:
        response.headers["Cache-Control"] = f"public, max-age={max_age_seconds}"
    return response


def _prose(text: str) -> Markup:
    """Mark up what stands between backticks."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if is_code else part
        for part, is_code in zip(text.split("`"), cycle((False, True)), strict=False)
    )


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


_templates = Environment(
    loader=PackageLoader("gatehouse.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_templates.filters |= {"prose": _prose, "as_json": _json}
_templates.globals["asset"] = assets.url
