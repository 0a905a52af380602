"""Query parameters and OAuth2 forms: known names, once, in bounds."""

import pytest
from flask.testing import FlaskClient

URL = "/api/v1/things"
TOKEN = "/api/v1/auth/token"
FORM = "application/x-www-form-urlencoded"


def test_parameters_arrive_typed(client: FlaskClient) -> None:
    response = client.get(f"{URL}?number=7&q=a%20b+c&is_good=false")
    assert response.json == {"number": 7, "q": "a b c", "is_good": False}


def test_what_was_asked_before_is_read_the_same_again(client: FlaskClient) -> None:
    """Whatever a route does with its parameters, the next request has its own."""
    listed = f"{URL}?number=7&q=x"
    for _ in range(3):
        assert client.get(listed).json == {"number": 7, "q": "x"}
    for _ in range(3):
        assert client.get(f"{URL}?number=0x7").status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        "unknown=1",
        "number=1&number=2",
        "number=-1",
        "number=101",
        "number=1e1",
        "number=%d9%a1",
        "number=" + "9" * 5_000,
        "number=9223372036854775808",
        "number=",
        "is_good=1",
        "q=%00",
        "q=%ff",
        "q=%ed%a0%80",
        "q=a%0d%0ab",
        "q=" + "x" * 3_000,
        "&".join(f"a{n}=1" for n in range(200)),
    ],
)
def test_r89_r90_odd_parameters_are_422(client: FlaskClient, query: str) -> None:
    response = client.get(f"{URL}?{query}")
    assert (response.status_code, response.json["code"]) == (422, "validation_failed")


def test_parameters_where_none_are_known_are_422(client: FlaskClient) -> None:
    assert client.get("/api/v1/from?debug=1").status_code == 422
    assert client.get("/health?x").status_code == 422


@pytest.mark.parametrize(
    "path", ["9223372036854775808", "%00", "..%2Fme", "😀", "null", "1;x=1", "a" * 4_000]
)
def test_r90_odd_ids_are_404(client: FlaskClient, path: str) -> None:
    response = client.get(f"{URL}/{path}")
    assert (response.status_code, response.json["code"]) == (404, "not_found")


def test_r92_forms_are_read_as_oauth2_says(client: FlaskClient) -> None:
    response = client.post(TOKEN, data={"grant_type": "password", "resource": "x", "scope": ""})
    assert response.json == {"grant_type": "password"}
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status"),
    [
        ("POST", TOKEN, "grant_type=a&grant_type=a", FORM, 400),
        ("POST", TOKEN, "", FORM, 400),
        ("POST", TOKEN, "grant_type=%ff", FORM, 400),
        ("POST", TOKEN + "?grant_type=password", "grant_type=password", FORM, 400),
        ("POST", TOKEN, '{"grant_type": "password"}', "application/json", 415),
        ("GET", TOKEN + "?grant_type=password", "", None, 405),
        ("PUT", TOKEN + "/", "", None, 405),
    ],
)
def test_r92_token_errors_speak_oauth2(
    client: FlaskClient,
    method: str,
    path: str,
    body: str,
    content_type: str | None,
    status: int,
) -> None:
    response = client.open(path, method=method, data=body, content_type=content_type)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert response.json["error"] == "invalid_request"
    assert response.json["error_description"]
    assert response.headers["Cache-Control"] == "no-store"
