"""The committed API description: what the program says, valid, and told to the last word."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import validate

from gatehouse.web import openapi
from tests.cli.commands import program, run
from tests.openapi.document import DOCUMENT, PATH, component, operations
from tests.support.databases import Sqlite

ON_SQLITE = pytest.mark.parametrize("database", [Sqlite.name], indirect=True)


def text_of(app: Flask) -> str:
    """Return the description of an application."""
    with app.app_context():
        return openapi.text()


@ON_SQLITE
def test_the_committed_description_is_the_one_that_the_program_makes(app: Flask) -> None:
    """A client that was generated from the committed copy fits the program."""
    if text_of(app) != PATH.read_text(encoding="utf-8"):
        pytest.fail("docs/openapi.json is not what the program says: run make openapi", False)


@ON_SQLITE
@pytest.mark.settings(
    PRODUCT_NAME="Lighthouse",
    PUBLIC_URL="https://accounts.example.org",
    LIMITS="login=7/minute",
    PASSWORD_MIN_LENGTH="12",
    REGISTRATION_ENUMERATION="hide",
)
def test_it_is_the_same_on_every_installation(app: Flask) -> None:
    assert text_of(app) == PATH.read_text(encoding="utf-8")


@ON_SQLITE
def test_the_command_prints_and_writes_it(app: Flask, tmp_path: Path) -> None:
    printed = run(app, "openapi").expect().out
    assert printed == PATH.read_text(encoding="utf-8")
    target = tmp_path / "openapi.json"
    run(app, "openapi", "--output", str(target)).expect(0, "written")
    assert target.read_text(encoding="utf-8") == printed
    run(app, "openapi", "--output", str(target)).expect(0, "unchanged")


@ON_SQLITE
def test_another_process_makes_the_same(tmp_path: Path, database_url: str) -> None:
    """Nothing in it depends on the order of a set, which differs between processes."""
    for seed in ("1", "2"):
        done = program(tmp_path, database_url, "openapi", PYTHONHASHSEED=seed).expect()
        assert done.out == PATH.read_text(encoding="utf-8")


def test_r107_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_every_operation_is_told() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for _, path, operation in operations():
        name = operation["operationId"]
        assert operation["summary"].endswith("."), name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name
        given = DOCUMENT["paths"][path].get("parameters", []) + operation.get("parameters", [])
        for parameter in given:
            assert parameter["description"], (name, parameter["name"])
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert {"example", "examples"} & media.keys(), name
        for status, answer in operation["responses"].items():
            for media in answer.get("content", {}).values():
                assert {"example", "examples"} & media.keys(), (name, status)


def test_every_member_is_told() -> None:
    for name, member, told in members():
        assert told.get("description"), (name, member)
        assert told.get("examples") or "$ref" in told.get("items", {}), (name, member)


def test_every_tag_and_schema_is_told() -> None:
    for tag in DOCUMENT["tags"]:
        assert tag["description"].endswith("."), tag
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"].endswith("."), name


def test_patterns_are_those_of_ecma_262() -> None:
    for name, member, told in members():
        if "pattern" in told:
            assert re.fullmatch(r"\^[^\\]*(\\\.[^\\]*)*\$", told["pattern"]), (name, member)


def test_every_refusal_tells_how_long_or_how() -> None:
    """429 and 503 say when to try again, 401 says how to authenticate, and all name the request."""
    wanted = {"401": {"WWW-Authenticate"}, "503": {"Retry-After"}}
    wanted["429"] = {"Retry-After", "RateLimit-Policy", "RateLimit"}
    for _, _, operation in operations():
        for status, answer in operation["responses"].items():
            told = component(answer)
            assert {"X-Request-ID", *wanted.get(status, ())} <= told["headers"].keys()
            if status >= "4":
                [media] = told["content"].values()
                assert list(media["examples"]) == told["x-error-codes"]
                for code, example in media["examples"].items():
                    assert example["value"]["code"] == code
                    assert example["value"]["status"] == int(status)


def members() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give schema, name and description of every member of every schema."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for part in (schema, *schema.get("allOf", ())):
            for member, told in part.get("properties", {}).items():
                yield name, member, told
