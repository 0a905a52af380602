"""The API description: valid, and true to locks and schemas."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from tests.web.conftest import Make


@pytest.fixture
def document(make: Make) -> Any:
    return make().test_client().get("/openapi.json").json


def test_r107_it_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_it_is_cacheable_and_made_once(make: Make) -> None:
    client = make().test_client()
    first = client.get("/openapi.json")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_operations_tell_their_text_and_input(document: Any) -> None:
    create = document["paths"]["/api/v1/things"]["post"]
    assert create["summary"] == "Create a thing"
    assert create["description"] == "It is kept nowhere.\n\nFor everybody."
    assert create["requestBody"]["required"] is True
    schema = document["components"]["schemas"]["ThingIn"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name"]
    assert schema["properties"]["since"] == {"type": "string", "format": "date-time"}
    listed = document["paths"]["/api/v1/things"]["get"]
    assert {p["name"] for p in listed["parameters"]} == {"number", "q", "is_good"}
    form = document["paths"]["/api/v1/auth/token"]["post"]["requestBody"]["content"]
    assert list(form) == ["application/x-www-form-urlencoded"]


def test_operations_tell_their_lock(document: Any) -> None:
    paths = document["paths"]
    assert paths["/health"]["get"]["security"] == []
    mine = paths["/api/v1/mine"]["get"]
    assert mine["security"] == [{"bearer": []}, {"oauth2": []}]
    assert "WWW-Authenticate" in resolved(document, mine["responses"]["401"])["headers"]
    show = paths["/api/v1/things/{user_id}"]["get"]
    assert show["x-lock"] == "self_or things:read"
    assert {"401", "403", "404", "304"} <= show["responses"].keys()
    assert "ETag" in show["responses"]["200"]["headers"]


def test_operations_tell_their_errors(document: Any) -> None:
    responses = document["paths"]["/api/v1/things"]["post"]["responses"]
    shared = {"400", "406", "413", "415", "422", "500", "503", "507"}
    assert responses.keys() == {"201", "409"} | shared
    assert responses["409"]["x-error-codes"] == ["thing_taken"]
    [media] = responses["409"]["content"].values()
    assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert media["examples"]["thing_taken"]["value"]["status"] == 409
    assert "412" in document["paths"]["/api/v1/versions"]["patch"]["responses"]
    invalid = resolved(document, responses["422"])
    assert list(invalid["content"]) == ["application/problem+json"]
    malformed = {"broken_body", "malformed_json", "untrusted_host"}
    assert set(resolved(document, responses["400"])["x-error-codes"]) <= malformed
    form = document["paths"]["/api/v1/auth/token"]["post"]["responses"]
    assert "invalid_request" in resolved(document, form["400"])["x-error-codes"]
    assert "422" not in form


def resolved(document: Any, answer: Any) -> Any:
    """Return an answer where it stands."""
    if "$ref" in answer:
        return document["components"]["responses"][answer["$ref"].split("/")[-1]]
    return answer
