"""What a route declares about its input and its answer; both are checked and described by it.

    @blp.post("/users")
    @access.optional_user
    @blp.arguments(UserCreate)
    @in_unit
    @blp.response(201, UserOut)
    def create(body): ...

Input reaches the view as positional arguments in the order of the decorators. Built on
flask-smorest, whose bookkeeping feeds the API description; what runs at a request is ours:
strict parsing, and schemas made once.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from http import HTTPStatus
from typing import Any, TypeVar

import flask_smorest
from flask import Response, g, request
from marshmallow import Schema
from werkzeug.wrappers import Response as AnyResponse

from gatehouse.core.errors import Refusal, Unprocessable
from gatehouse.web import body, idempotency, parsing, problem
from gatehouse.web.inputs import notes_of, passing
from gatehouse.web.json import respond
from gatehouse.web.refusals import InvalidForm
from gatehouse.web.validation import SchemaLike, instance, load

View = TypeVar("View", bound=Callable[..., Any])

QUERY = "query"


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A feature's routes, under a prefix: `Blueprint("users", url_prefix="/api/v1")`.

    Pages for people are no part of the API and not described: `is_described=False`.
    """

    def __init__(
        self, name: str, *, url_prefix: str | None = None, is_described: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix, **kwargs)
        self.is_described = is_described

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register the view under `rule`; `get`, `post` and the like name the method too."""

        def decorator(view: View) -> View:
            self.add_url_rule(rule, options.pop("endpoint", None), view, **options)
            return view

        return decorator

    def get(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register the view for GET and HEAD."""
        return self.route(rule, methods=["GET"], **options)

    def post(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register the view for POST."""
        return self.route(rule, methods=["POST"], **options)

    def put(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register the view for PUT."""
        return self.route(rule, methods=["PUT"], **options)

    def patch(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register the view for PATCH."""
        return self.route(rule, methods=["PATCH"], **options)

    def delete(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register the view for DELETE."""
        return self.route(rule, methods=["DELETE"], **options)

    def arguments(
        self, schema: SchemaLike, *, required: bool = True, allow_surrogates: bool = False
    ) -> Callable[[View], View]:
        """Pass the JSON body to the view, as `schema` reads it.

        A body that is not `required` may be absent, and counts as `{}`. `allow_surrogates`
        leaves lone surrogates to the schema's fields.
        """
        loader = instance(schema)

        def read() -> Any:
            data = body.read(body.JSON, required=required)
            if not data and not required:
                return load(loader, {})
            document = parsing.parse_json(data, allow_surrogates=allow_surrogates)
            if not isinstance(document, dict):
                raise Unprocessable("The body has to be a JSON object.")
            return load(loader, document)

        return passing(read, {"in": "json", "required": required, "schema": schema}, body.JSON)

    def query(self, schema: SchemaLike) -> Callable[[View], View]:
        """Pass the query parameters to the view, as `schema` reads them; unknown ones are 422."""
        loader = instance(schema)

        # Most ask for the same few lists again and again. What a schema of parameters reads depends
        # on nothing else, and nobody can change it (no list); what is wrong is not remembered.
        @lru_cache(maxsize=64)
        def loaded(query: bytes) -> dict[str, Any]:
            return dict(load(loader, parsing.parse_pairs(query)))

        def read() -> Any:
            g.query_is_read = True
            return loaded(request.query_string).copy()

        return passing(read, {"in": QUERY, "required": False, "schema": schema}, None)

    def form(self, schema: SchemaLike) -> Callable[[View], View]:
        """Pass an OAuth2 form to the view; what is wrong with it is told as RFC 6749 wants it."""
        loader = instance(schema)

        def read() -> Any:
            if request.query_string:
                raise InvalidForm("Send all parameters in the body.")
            data = body.read(body.FORM)
            try:
                # RFC 6749, section 3.2: what is empty is absent, what is unknown is ignored.
                sent = {name: text for name, text in parsing.parse_pairs(data).items() if text}
                return load(loader, sent, unknown="exclude")
            except Unprocessable as wrong:
                raise InvalidForm(wrong.detail, errors=wrong.errors) from None

        decorate = passing(read, {"in": "form", "required": True, "schema": schema}, body.FORM)

        def decorator(view: View) -> View:
            decorated = decorate(view)
            decorated._speaks_oauth = True  # type: ignore[attr-defined]
            return decorated

        return decorator

    def response(
        self,
        status: int,
        schema: SchemaLike | None = None,
        *,
        description: str | None = None,
        content_type: str | None = None,
        etag: bool = False,
    ) -> Callable[[View], View]:
        """Answer with what the view returns: an object for `schema`, or (object, headers).

        A finished Response passes untouched, and the schema only describes it. `etag` tells
        that the answer carries one and that the route honours If-Match or If-None-Match.
        Where the schema says `is_secret`, no Idempotency-Key is taken.
        """
        dumper = None if schema is None else instance(schema)
        is_secret = getattr(schema, "is_secret", False)
        told: dict[str, Any] = {
            "description": description or HTTPStatus(status).phrase,
            "content_type": content_type,
        }
        if schema is not None:
            told["schema"] = schema

        def decorator(view: View) -> View:
            @wraps(view)
            def answering(*args: Any, **kwargs: Any) -> AnyResponse:
                if request.environ.get("QUERY_STRING") and "query_is_read" not in g:
                    raise Unprocessable("This route takes no query parameters.")
                if is_secret:
                    idempotency.refuse_key()
                return _answer(view(*args, **kwargs), status, dumper)

            documented = notes_of(answering)
            documented.setdefault("response", {"responses": {}})["responses"][status] = [told]
            documented["success_status_codes"] = [status]
            answering._has_etag = etag  # type: ignore[attr-defined]
            answering._has_secret = is_secret  # type: ignore[attr-defined]
            return answering  # type: ignore[return-value]

        return decorator

    @staticmethod
    def refuses(*refusals: type[Refusal]) -> Callable[[View], View]:
        """Tell in the API description which refusals of its own a route may answer."""

        def decorator(view: View) -> View:
            before: tuple[type[Refusal], ...] = getattr(view, "_refusals", ())
            view._refusals = (*before, *refusals)  # type: ignore[attr-defined]
            return view

        return decorator

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, **options: Any
    ) -> None:
        """Register a route, and remember where errors are told in OAuth2's words."""
        super().add_url_rule(rule, endpoint, view_func, **options)
        if getattr(view_func, "_speaks_oauth", False):
            path = f"{self.url_prefix or ''}{rule}"
            self.record(
                lambda state: state.app.extensions.setdefault(problem.OAUTH_PATHS, set()).add(path)
            )


def _answer(result: Any, status: int, dumper: Schema | None) -> AnyResponse:
    if isinstance(result, AnyResponse):
        return result
    headers = None
    if isinstance(result, tuple):
        result, headers = result
    if status == HTTPStatus.NO_CONTENT:
        response = Response(status=status, headers=headers)
        del response.headers["Content-Type"]
        return response
    return respond(result if dumper is None else dumper.dump(result), status, headers)
