"""The API description: OpenAPI 3.1, made from the routes themselves when somebody first asks.

Starting costs nothing. Schemas and texts come from the blueprints by way of flask-smorest;
`web.operations` adds to every operation what its lock, its limits and its schemas imply.
"""

import hashlib
from threading import Lock
from typing import Any

import flask_smorest
from apispec import APISpec
from flask import Flask, Response, request

from gatehouse.web import access, components, operations
from gatehouse.web.fields import Timestamp
from gatehouse.web.json import MIME_TYPE, dumps

PATH = "/openapi.json"
VERSION = "1"
DESCRIPTION = (
    "Accounts, log-in and roles over REST. Every error is an RFC 9457 problem document whose "
    "`code` is stable. Log in at `/api/v1/auth/login` and send the access token as "
    "`Authorization: Bearer …`."
)


class Api(flask_smorest.Api):  # type: ignore[misc] # carries no types
    """Where blueprints register. Errors and the serving of the document are our own."""

    # `web.operations` describes errors by their codes instead.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask, *, product: str) -> None:
        self._blueprints: list[tuple[Any, dict[str, Any]]] = []
        self._document: bytes | None = None
        self._lock = Lock()
        super().__init__(
            app,
            spec_kwargs={
                "title": product,
                "version": VERSION,
                "openapi_version": "3.1.0",
                "info": {"description": DESCRIPTION},
            },
        )
        app.add_url_rule(PATH, "openapi", access.public(self._serve))

    def register_blueprint(
        self, blp: Any, *, parameters: list[Any] | None = None, **options: Any
    ) -> None:
        """Register a blueprint; its routes are described when the document is made."""
        self._app.register_blueprint(blp, **options)
        self._blueprints.append((blp, {"name": options.get("name", blp.name)}))

    def document(self) -> bytes:
        """Return the description as JSON, made once."""
        with self._lock:
            if self._document is None:
                self._document = dumps(self._build())
            return self._document

    def _build(self) -> dict[str, Any]:
        spec: APISpec = self.spec
        self.ma_plugin.map_to_openapi_type(Timestamp, "string", "date-time")
        components.add_to(spec)
        for blueprint, named in self._blueprints:
            blueprint.register_views_in_doc(self, self._app, spec, parameters=None, **named)
            spec.tag({"name": named["name"], "description": blueprint.description})
        document: dict[str, Any] = spec.to_dict()
        for rule in self._app.url_map.iter_rules():
            path = self.flask_plugin.flaskpath2openapi(rule.rule)
            view = self._app.view_functions[rule.endpoint]
            for method, operation in document["paths"].get(path, {}).items():
                if method.upper() in (rule.methods or ()):
                    operation["operationId"] = rule.endpoint.replace(".", "_")
                    operations.complete(operation, view, method=method, path=path)
        return document

    def _serve(self) -> Response:
        """Describe this API (OpenAPI 3.1)."""
        data = self.document()
        response = Response(data, mimetype=MIME_TYPE)
        response.headers["Cache-Control"] = "public, max-age=300"
        response.set_etag(hashlib.sha256(data).hexdigest()[:32])
        response.make_conditional(request)
        return response

    def _register_doc_blueprint(self) -> None:
        """Leave out the pages of the base class: the document has a route of its own."""

    def _register_error_handlers(self) -> None:
        """Leave errors to `web.errors`."""

    def _register_responses(self) -> None:
        """Leave out one response for each of HTTP's statuses."""

    def _register_etag_headers(self) -> None:
        """Leave conditional requests to `web.operations`."""

    def _register_pagination_header(self) -> None:
        """Leave paging to `web.operations`."""
