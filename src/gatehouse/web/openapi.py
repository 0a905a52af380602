"""The API description: OpenAPI 3.1, made from the routes themselves when somebody first asks.

Starting costs nothing. Schemas and texts come from the blueprints by way of flask-smorest;
`web.operations` adds to every operation what its lock, its limits and its schemas imply. It is the
same on every installation, whatever its settings are, so that clients may be generated from it.
"""

import hashlib
import json
from threading import Lock
from typing import Any, cast

import flask_smorest
from apispec import APISpec
from flask import Flask, Response, current_app, request

from gatehouse.web import access, answers, components, converting, introduction, operations
from gatehouse.web.json import MIME_TYPE, dumps

API = "gatehouse.api"
PATH = "/openapi.json"
TITLE = "Gatehouse"
VERSION = "1"
LICENSE = {"name": "MIT", "identifier": "MIT"}
_ORDER = ("openapi", "info", "servers", "tags", "paths", "components")
_SORTED = ("schemas", "responses", "headers", "securitySchemes")


class Api(flask_smorest.Api):  # type: ignore[misc] # carries no types
    """Where blueprints register. Errors and the serving of the document are our own."""

    # `web.answers` describes errors by their codes instead.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        self._blueprints: list[tuple[Any, dict[str, Any]]] = []
        self._document: bytes | None = None
        self._lock = Lock()
        super().__init__(
            app,
            spec_kwargs={
                "title": TITLE,
                "version": VERSION,
                "openapi_version": "3.1.0",
                "marshmallow_plugin": converting.Plugin(),
                "info": {"description": introduction.TEXT, "license": LICENSE},
                # Where the document comes from, whatever name the service has there.
                "servers": [{"url": "/"}],
            },
        )
        app.extensions[API] = self
        app.add_url_rule(PATH, "openapi", access.public(self._serve))

    def register_blueprint(
        self, blp: Any, *, parameters: list[Any] | None = None, **options: Any
    ) -> None:
        """Register a blueprint; its routes are described when the document is made.

        Pages, which are not part of the API, have `is_described=False`.
        """
        self._app.register_blueprint(blp, **options)
        if getattr(blp, "is_described", True):
            self._blueprints.append((blp, {"name": options.get("name", blp.name)}))

    def document(self) -> bytes:
        """Return the description as JSON, made once."""
        with self._lock:
            if self._document is None:
                self._document = dumps(self._build())
            return self._document

    def description(self) -> dict[str, Any]:
        """Return the description as data."""
        found: dict[str, Any] = json.loads(self.document())
        return found

    def _build(self) -> dict[str, Any]:
        spec: APISpec = self.spec
        components.add_to(spec)
        for blueprint, named in self._blueprints:
            blueprint.register_views_in_doc(self, self._app, spec, parameters=None, **named)
            spec.tag({"name": named["name"], "description": blueprint.description or ""})
        document: dict[str, Any] = spec.to_dict()
        for rule in self._app.url_map.iter_rules():
            path = self.flask_plugin.flaskpath2openapi(rule.rule)
            view = self._app.view_functions[rule.endpoint]
            for method, operation in document["paths"].get(path, {}).items():
                if method.upper() in (rule.methods or ()):
                    operation["operationId"] = rule.endpoint.replace(".", "_").replace("-", "_")
                    operations.complete(operation, view, method=method, path=path)
        for item in document["paths"].values():
            operations.describe_path(item)
        answers.share(document)
        shared = document["components"]
        shared.update({name: dict(sorted(shared[name].items())) for name in _SORTED})
        return {name: document[name] for name in _ORDER}

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


def text() -> str:
    """Return the description of the present application, for people and for version control."""
    api = cast(Api, current_app.extensions[API])
    return json.dumps(api.description(), indent=2, ensure_ascii=False) + "\n"
