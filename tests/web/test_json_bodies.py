"""Bodies: strict JSON, of the right type, in bounds, and never a 500."""

import json
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.things import JSON

URL = "/api/v1/things"

MALFORMED = {
    "empty": b"",
    "not JSON": b"name=x",
    "broken": b'{"name": ',
    "two documents": b'{"name": "a"} {"name": "b"}',
    "NaN": b'{"name": "a", "number": NaN}',
    "infinity": b'{"name": "a", "number": -Infinity}',
    "float overflow": b'{"name": "a", "number": 1e999}',
    "duplicate member": b'{"name": "a", "name": "b"}',
    "duplicate below": b'{"name": "a", "tags": [{"x": 1, "x": 1}]}',
    "byte order mark": b'\xef\xbb\xbf{"name": "a"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "surrogate bytes": b'{"name": "\xed\xa0\x80"}',
    "raw NUL": b'{"name": "a\x00b"}',
    "raw line break": b'{"name": "a\nb"}',
    "20,000 digits": b'{"name": "a", "number": ' + b"9" * 20_000 + b"}",
    "2^63": b'{"name": "a", "number": 9223372036854775808}',
    "long fraction": b'{"name": "a", "number": 0.' + b"1" * 20_000 + b"}",
    "60,000 brackets": b"[" * 60_000,
    "30,000 closed brackets": b"[" * 30_000 + b"]" * 30_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "20,000 keys": b"{" + b",".join(b'"%x":1' % n for n in range(7_000)) + b"}",
    "quotes and brackets": b'"' + b'\\"' * 30_000 + b"[" * 40,
    "quotes only": b'"' * 60_000 + b"[" * 40,
    "backslashes": b"\\" * 60_000 + b"[" * 40,
}
MISTAKEN: dict[str, Any] = {
    "array": [],
    "string": "name",
    "number": 1,
    "null": None,
    "missing member": {},
    "unknown member": {"name": "a", "is_superuser": True},
    "name null": {"name": None},
    "name number": {"name": 1},
    "name list": {"name": ["a"]},
    "name object": {"name": {"$ne": ""}},
    "name bool": {"name": True},
    "name blank": {"name": "   "},
    "name long": {"name": "x" * 51},
    "name huge": {"name": "x" * 60_000},
    "name NUL": {"name": "a\0b"},
    "name lone surrogate": {"name": "\ud800"},
    "member lone surrogate": {"\udfff": "x", "name": "a"},
    "name control": {"name": "a\x1b[31mb"},
    "name line separator": {"name": "a\u2028b"},
    "name zero-width": {"name": "a\u200bb"},
    "name bidi": {"name": "a\u202eb"},
    "number string": {"name": "a", "number": "1"},
    "number bool": {"name": "a", "number": True},
    "number float": {"name": "a", "number": 1.0},
    "bool string": {"name": "a", "is_good": "true"},
    "bool number": {"name": "a", "is_good": 1},
    "tags string": {"name": "a", "tags": "abc"},
    "tags object": {"name": "a", "tags": {"0": "a"}},
    "tags wrong item": {"name": "a", "tags": ["a", 1]},
    "tags too many": {"name": "a", "tags": ["a"] * 10_000},
    "id number": {"name": "a", "owner_id": 2**62},
    "id upper case": {"name": "a", "owner_id": "0192F0C1-2345-7ABC-8DEF-0123456789AB"},
    "id in braces": {"name": "a", "owner_id": "{0192f0c1-2345-7abc-8def-0123456789ab}"},
    "time number": {"name": "a", "since": 1},
    "time without offset": {"name": "a", "since": "2026-01-01T00:00:00"},
    "time impossible": {"name": "a", "since": "2026-02-30T00:00:00Z"},
    "time before year one": {"name": "a", "since": "0001-01-01T00:00:00+23:00"},
    "password lone surrogate": {"name": "a", "password": "\ud800abcdefgh"},
    "password empty": {"name": "a", "password": ""},
}


def _is_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.get_data()
    assert response.mimetype == "application/problem+json"
    problem: dict[str, Any] = response.json
    assert problem["status"] == status
    assert {"type", "title", "detail", "instance", "code"} <= problem.keys()
    assert problem["instance"] == response.headers["X-Request-ID"]
    return problem


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_r83_r84_malformed_json_is_400_in_well_under_a_second(
    client: FlaskClient, body: bytes
) -> None:
    start = time.thread_time()
    response = client.post(URL, data=body, headers=JSON)
    assert time.thread_time() - start < 0.2
    assert _is_problem(response, 400)["code"] == "malformed_json"


@pytest.mark.parametrize("document", MISTAKEN.values(), ids=MISTAKEN.keys())
def test_r86_wrong_types_and_values_are_422(client: FlaskClient, document: Any) -> None:
    start = time.thread_time()
    response = client.post(URL, data=json.dumps(document), headers=JSON)
    assert time.thread_time() - start < 0.2
    problem = _is_problem(response, 422)
    assert problem["code"] == "validation_failed"
    assert len(json.dumps(problem)) < 5_000


def test_errors_are_told_by_member(client: FlaskClient) -> None:
    response = client.post(URL, json={"tags": ["a", 1], "number": "1"})
    assert set(response.json["errors"]) == {"name", "tags.1", "number"}


@pytest.mark.parametrize("text", ["[", '"', "\\u0041", "é", "😀", "[" * 49])
def test_brackets_and_escapes_inside_strings_are_text(client: FlaskClient, text: str) -> None:
    response = client.post(URL, json={"name": text})
    assert (response.status_code, response.json) == (201, {"name": text})


def test_a_literal_backslash_u_is_not_an_escape(client: FlaskClient) -> None:
    response = client.post(URL, data=rb'{"name": "\\u0000 \\ud800"}', headers=JSON)
    assert response.json == {"name": r"\u0000 \ud800"}


def test_log_in_may_take_a_password_that_no_encoder_takes(client: FlaskClient) -> None:
    response = client.post("/api/v1/log-in", data=rb'{"password": "\ud800"}', headers=JSON)
    assert response.json == {"length": 1}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "application/json; charset=utf-16",
        "application/jsonx",
    ],
)
def test_r91_json_in_other_clothes_is_415(client: FlaskClient, content_type: str | None) -> None:
    response = client.post(URL, data=b'{"name": "a"}', content_type=content_type)
    assert _is_problem(response, 415)["code"] == "unsupported_media_type"
    assert response.headers["Accept"] == "application/json"


@pytest.mark.parametrize("content_type", ["APPLICATION/JSON", "application/json; charset=UTF-8"])
def test_json_may_name_its_charset(client: FlaskClient, content_type: str) -> None:
    response = client.post(URL, data=b'{"name": "a"}', content_type=content_type)
    assert response.status_code == 201


def test_r85_large_bodies_are_413_before_they_are_read(client: FlaskClient) -> None:
    class Unread:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    unread = {"wsgi.input": Unread(), "CONTENT_LENGTH": "20000000"}
    response = client.post(URL, headers=JSON, environ_overrides=unread)
    assert _is_problem(response, 413)["code"] == "body_too_large"
    unread["CONTENT_LENGTH"] = "9" * 30
    response = client.get("/api/v1/from", environ_overrides=unread)
    assert _is_problem(response, 413)["code"] == "body_too_large"


def test_r85_many_parts_are_refused_unparsed(client: FlaskClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    response = client.post(
        "/api/v1/auth/token",
        data=part * 1_000 + b"--x--",
        content_type="multipart/form-data; boundary=x",
    )
    assert _is_problem(response, 415)["error"] == "invalid_request"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, identity"])
def test_r85_compressed_bodies_are_415(client: FlaskClient, encoding: str) -> None:
    response = client.post(URL, json={"name": "a"}, headers={"Content-Encoding": encoding})
    assert _is_problem(response, 415)["code"] == "unsupported_media_type"


def test_an_optional_body_may_be_absent(client: FlaskClient) -> None:
    assert client.post("/api/v1/optional").json == {}
    assert client.post("/api/v1/optional", json={"name": "a"}).json == {"name": "a"}
    assert client.post("/api/v1/optional", data=b"{", headers=JSON).status_code == 400
