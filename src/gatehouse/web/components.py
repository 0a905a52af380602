"""The shared parts of the API description: problem documents, headers, ways to authenticate."""

from typing import Any

from apispec import APISpec

from gatehouse.core.errors import Refusal
from gatehouse.web import problem

PROBLEM = {"$ref": "#/components/schemas/Problem"}
TOKEN_PROBLEM = {"$ref": "#/components/schemas/TokenProblem"}
BEARER, OAUTH2, REFRESH, METRICS = "bearer", "oauth2", "refreshToken", "metricsToken"
GRANTS = "/api/v1/auth/token"
_REQUEST_ID = "01993a1f-27c1-7d0b-9a55-3f1c2b4d5e6f"

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Decide by `code`; the texts are for people.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "A page about the code.",
            "examples": ["/problems/email_taken"],
        },
        "title": {
            "type": "string",
            "description": "What happened, in words; the same for every answer with this code.",
            "examples": ["The e-mail address is in use"],
        },
        "status": {
            "type": "integer",
            "minimum": 400,
            "maximum": 599,
            "description": "The status of the answer.",
            "examples": [409],
        },
        "detail": {
            "type": "string",
            "description": "What happened this time.",
            "examples": ["The e-mail address is in use."],
        },
        "instance": {
            "type": "string",
            "description": "The request id, the same as in `X-Request-ID`.",
            "examples": [_REQUEST_ID],
        },
        "code": {
            "type": "string",
            "pattern": "^[a-z0-9_]+$",
            "description": "What happened, for programs: it never changes its meaning. Each answer "
            "of each operation lists those that it may have in `x-error-codes`.",
            "examples": ["email_taken"],
        },
        "errors": {
            "type": "object",
            "description": "What is wrong, by the path of the member (`email`, `roles.0`); at most "
            "20 members.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
            "examples": [{"email": ["Not a valid e-mail address."]}],
        },
    },
}
_TOKEN_PROBLEM: dict[str, Any] = {
    "description": "What went wrong at the token endpoint, in the words of RFC 6749 as well.",
    "allOf": [
        PROBLEM,
        {
            "type": "object",
            "required": ["error", "error_description"],
            "properties": {
                "error": {
                    "type": "string",
                    "description": "RFC 6749's code (section 5.2).",
                    "examples": ["invalid_grant"],
                },
                "error_description": {
                    "type": "string",
                    "description": "`detail` in ASCII.",
                    "examples": ["The credentials are not valid."],
                },
            },
        },
    ],
}


def _header(description: str, example: Any, *, required: bool = True, **schema: Any) -> Any:
    told = {"schema": {"type": "string", **schema}, "example": example}
    return {"description": description, "required": required, **told}


_HEADERS: dict[str, dict[str, Any]] = {
    "Cache-Control": _header("Whether the answer may be kept; nearly none may.", "no-store"),
    "ETag": _header(
        "The version of the resource, for `If-Match` and `If-None-Match`.",
        '"v3"',
        pattern='^"v[0-9]+"$',
    ),
    "Link": _header(
        "Where the list begins (`first`) and goes on (`next`; absent at its end), RFC 8288.",
        '</api/v1/users?per_page=30>; rel="first", </api/v1/users?page=2&per_page=30>; rel="next"',
    ),
    "Location": _header(
        "The path of the new resource.",
        "/api/v1/users/0199c2d4-5a6b-7c8d-9e0f-1a2b3c4d5e6f",
        format="uri-reference",
    ),
    "RateLimit": _header(
        "How many requests are left (`r`, always 0 here) and for how many seconds (`t`), of the "
        "limit that holds. Only with `rate_limited`.",
        '"login";r=0;t=17',
        required=False,
    ),
    "RateLimit-Policy": _header(
        "The limit that holds: its name, how many requests (`q`) in how many seconds (`w`). Only "
        "with `rate_limited`.",
        '"login";q=120;w=60',
        required=False,
    ),
    "Retry-After": _header("How many seconds to wait.", 17, type="integer", minimum=1),
    "WWW-Authenticate": _header(
        "How to authenticate, and what was wrong with the token (RFC 6750, RFC 9470).",
        'Bearer error="invalid_token"',
    ),
    "X-Request-ID": _header(
        "The id of the request, as the log has it: the one that was sent, if it is 8 to 64 "
        "letters, digits, dots, dashes or underscores, else a new one.",
        _REQUEST_ID,
    ),
}


def add_to(spec: APISpec) -> None:
    """Add the shared parts to a description."""
    spec.components.schema("Problem", _PROBLEM)
    spec.components.schema("TokenProblem", _TOKEN_PROBLEM)
    for name, header in _HEADERS.items():
        spec.components.header(name, header)
    bearer = {"type": "http", "scheme": "bearer"}
    spec.components.security_scheme(
        BEARER,
        {
            **bearer,
            "bearerFormat": "JWT",
            "description": "The access token of a log-in. What a person may do with it, their "
            "roles decide at that moment; `x-lock` says what an operation asks for.",
        },
    )
    spec.components.security_scheme(
        REFRESH, {**bearer, "description": "The refresh token; it may also come in the body."}
    )
    spec.components.security_scheme(
        METRICS, {**bearer, "description": "The operator's `METRICS_TOKEN`."}
    )
    spec.components.security_scheme(
        OAUTH2,
        {
            "type": "oauth2",
            "description": "The same access token by OAuth2's password grant, which is for the "
            "operator's own clients only. Scopes are not asked for: people's roles decide.",
            "flows": {"password": {"tokenUrl": GRANTS, "refreshUrl": GRANTS, "scopes": {}}},
        },
    )


def headers(*names: str) -> dict[str, Any]:
    """Return references to shared headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def meaning(refusal: type[Refusal]) -> str:
    """Return what a refusal means: the first paragraph of its docstring."""
    return " ".join((refusal.__doc__ or refusal.title).partition("\n\n")[0].split())


def example(refusal: type[Refusal], *, is_oauth: bool) -> dict[str, Any]:
    """Return a problem document that tells a refusal."""
    document = {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": f"{refusal.title}.",
        "instance": _REQUEST_ID,
        "code": refusal.code,
        **vars(refusal).get("example", {}),
    }
    if is_oauth:
        problem.speak_oauth(document)
    return {"value": document}
