"""Headers of every answer, and which other origins may read them (R100, R101)."""

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Make

ORIGIN = "https://app.example.org"
PREFLIGHT = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type, if-match",
}
FOREIGN = [
    "null",
    "https://evil.example",
    "http://app.example.org",
    "https://app.example.org.evil.example",
    "https://app.example.org:8443",
    "https://appxexample.org",
    "https://evil.example/https://app.example.org",
    "https://app.example.org\\@evil.example",
    "*",
]


@pytest.mark.parametrize("path", ["/health", "/nothing", "/api/v1/mine", "/api/v1/raise/bug"])
def test_r101_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers
    assert not {"Server", "X-Powered-By"} & set(headers.keys())
    names = [name.lower() for name in headers.keys()]  # noqa: SIM118 - a multi-dict
    assert len(names) == len(set(names))


def test_r101_hsts_behind_https(client: FlaskClient) -> None:
    response = client.get("/health", base_url="https://localhost")
    assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000")


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_r100_foreign_origins_get_nothing(make: Make, origin: str, method: str) -> None:
    client = make(CORS_ORIGINS=ORIGIN, CORS_CREDENTIALS="true").test_client()
    response = client.open("/api/v1/from", method=method, headers={"Origin": origin, **PREFLIGHT})
    assert not [name for name in response.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origins", [ORIGIN, f"http://[::1]:3000,{ORIGIN}"])
def test_a_named_origin_may_read(make: Make, origins: str) -> None:
    client = make(CORS_ORIGINS=origins).test_client()
    response = client.options("/api/v1/things", headers={"Origin": ORIGIN, **PREFLIGHT})
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert "if-match" in response.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in response.headers
    for path, status in (("mine", 401), ("nothing", 404), ("raise/bug", 500)):
        response = client.get(f"/api/v1/{path}", headers={"Origin": ORIGIN})
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers.getlist("Vary") == ["Origin"]


def test_r100_no_private_network_is_granted(make: Make) -> None:
    client = make(CORS_ORIGINS=ORIGIN).test_client()
    asked = {"Origin": ORIGIN, "Access-Control-Request-Private-Network": "true", **PREFLIGHT}
    response = client.options("/api/v1/things", headers=asked)
    assert response.headers.get("Access-Control-Allow-Private-Network", "false") == "false"


def test_r100_only_the_api_is_open_to_others(make: Make) -> None:
    client = make(CORS_ORIGINS=ORIGIN).test_client()
    response = client.get("/health", headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_without_origins_there_is_no_cors(client: FlaskClient) -> None:
    response = client.options("/api/v1/things", headers={"Origin": ORIGIN, **PREFLIGHT})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Vary" not in response.headers


def test_any_origin_may_read_without_credentials(make: Make) -> None:
    client = make(CORS_ORIGINS="*").test_client()
    response = client.get("/api/v1/from", headers={"Origin": "https://anyone.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
