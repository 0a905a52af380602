"""Every error is a problem document (R104, R105) and tells nothing of the inside."""

import re
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient

from tests.web.conftest import Make

RAISED = {
    "bug": (500, "internal_error"),
    "operational": (503, "database_unavailable"),
    "no room": (507, "database_full"),
    "pool": (503, "database_unavailable"),
    "integrity": (409, "conflict"),
    "data": (422, "validation_failed"),
    "expired": (401, "invalid_token"),
    "odd token": (401, "invalid_token"),
    "revoked": (401, "invalid_token"),
    "no token": (401, "unauthenticated"),
    "large": (413, "body_too_large"),
    "limit": (429, "rate_limited"),
}

LOGGED = {"bug", "operational", "no room", "pool", "integrity", "data"}


def _checked(response: Any, status: int, code: str) -> Any:
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    problem = response.json
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"/problems/{code}"
    assert problem["instance"] == response.headers["X-Request-ID"]
    return problem


@pytest.mark.parametrize("kind", RAISED)
def test_r104_what_nobody_expected_shows_nothing(
    client: FlaskClient, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    response = client.get(f"/api/v1/raise/{kind}")
    _checked(response, *RAISED[kind])
    text = response.get_data(as_text=True)
    assert not re.search(r"Trace|secret|driver|SELECT|INSERT|password|Error\b", text)
    logged = capfd.readouterr().err
    assert (response.json["instance"] in logged) == (kind in LOGGED)
    assert ("a secret of ours" in logged) == (kind == "bug"), "the trace is for the operator"
    assert "driver text" not in logged


def test_503_and_429_say_when_to_try_again(client: FlaskClient) -> None:
    assert int(client.get("/api/v1/raise/pool").headers["Retry-After"]) >= 1
    assert client.get("/api/v1/raise/limit").headers["Retry-After"] == "7"


def test_r104_a_hook_that_fails_is_a_problem_too(make: Make) -> None:
    app = make()

    @app.after_request
    def fail(response: Response) -> Response:
        raise RuntimeError("a secret of ours")

    response = app.test_client().get("/health")
    _checked(response, 500, "internal_error")
    assert "secret" not in response.get_data(as_text=True)


def test_r105_404_and_405(client: FlaskClient) -> None:
    _checked(client.get("/nothing"), 404, "not_found")
    response = client.delete("/api/v1/things")
    _checked(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_r105_406_only_where_json_is_ruled_out(client: FlaskClient) -> None:
    for accept in ("text/html", "application/json;q=0", "image/*, text/*"):
        response = client.get("/api/v1/from", headers={"Accept": accept})
        _checked(response, 406, "not_acceptable")
    for accept in ("*/*", "application/*", "text/html, */*;q=0.1", "application/json", "nonsense"):
        response = client.get("/api/v1/from", headers={"Accept": accept})
        assert response.status_code == 200, accept
    assert client.get("/health", headers={"Accept": "text/html"}).status_code == 200


def test_r106_trace_and_unknown_methods_are_refused(client: FlaskClient) -> None:
    for method in ("TRACE", "CONNECT", "PROPFIND", "BREW"):
        response = client.open("/health", method=method)
        _checked(response, 405, "method_not_allowed")


def test_refusals_carry_code_detail_and_headers(client: FlaskClient) -> None:
    response = client.post("/api/v1/things", json={"name": "taken"})
    problem = _checked(response, 409, "thing_taken")
    assert problem["detail"] == "There is one."
    assert response.headers["X-Hint"] == "yes"


def test_r12_401_names_the_scheme(client: FlaskClient) -> None:
    response = client.get("/api/v1/mine")
    _checked(response, 401, "unauthenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_head_has_no_body(client: FlaskClient) -> None:
    for path in ("/health", "/nothing", "/api/v1/raise/bug"):
        response = client.head(path)
        assert response.get_data() == b""
        assert response.headers["Content-Length"] != "0"


def test_r82_spellings_of_a_path(client: FlaskClient) -> None:
    for path in ("/health/", "/%68ealth"):
        assert client.get(path).status_code == 200, path
    for path in ("//health", "/health//", "/HEALTH", "/health;x", "/health/.", "/x/../health"):
        response = client.get(path)
        assert response.status_code == 404, path
        assert "Location" not in response.headers


def test_r82_method_override_changes_nothing(client: FlaskClient) -> None:
    overrides = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    response = client.post("/health", headers=dict.fromkeys(overrides, "GET"))
    assert response.status_code == 405


def test_options_without_cors(client: FlaskClient) -> None:
    response = client.options("/api/v1/things/")
    assert response.status_code == 200
    assert "POST" in response.headers["Allow"]


def test_a_small_limit_is_a_limit(make: Make) -> None:
    client = make(MAX_BODY_BYTES="1024").test_client()
    assert client.post("/api/v1/things", json={"name": "x" * 1_100}).status_code == 413
    assert client.post("/api/v1/things", json={"name": "x"}).status_code == 201
