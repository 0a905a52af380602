"""The shared parts of the API description: problem documents, headers, ways to authenticate."""

from typing import Any

from apispec import APISpec

PROBLEM = {"$ref": "#/components/schemas/Problem"}
BEARER, OAUTH2, REFRESH, METRICS = "bearer", "oauth2", "refreshToken", "metricsToken"
GRANTS = "/api/v1/auth/token"

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The request id, as in X-Request-ID."},
        "code": {"type": "string", "description": "Stable; programs may rely on it."},
        "errors": {
            "type": "object",
            "description": "What is wrong, by the path of the member.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "error": {"type": "string", "description": "RFC 6749's code; token endpoint only."},
        "error_description": {"type": "string"},
    },
}
_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": "The version of the resource.", "schema": {"type": "string"}},
    "Link": {"description": "Relations first, next (RFC 8288).", "schema": {"type": "string"}},
    "Location": {
        "description": "Where the new resource is.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate (RFC 6750).",
        "schema": {"type": "string"},
    },
}


def add_to(spec: APISpec) -> None:
    """Add the shared parts to a description."""
    spec.components.schema("Problem", _PROBLEM)
    for name, header in _HEADERS.items():
        spec.components.header(name, header)
    bearer = {"type": "http", "scheme": "bearer"}
    spec.components.security_scheme(BEARER, {**bearer, "bearerFormat": "JWT"})
    spec.components.security_scheme(
        REFRESH, {**bearer, "description": "The refresh token; it may also come in the body."}
    )
    spec.components.security_scheme(METRICS, {**bearer, "description": "METRICS_TOKEN."})
    flow = {"tokenUrl": GRANTS, "refreshUrl": GRANTS, "scopes": {}}
    told = "For the operator's own clients only."
    spec.components.security_scheme(
        OAUTH2, {"type": "oauth2", "description": told, "flows": {"password": flow}}
    )


def headers(*names: str) -> dict[str, Any]:
    """Return references to shared headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
