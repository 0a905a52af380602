"""Every answer that a test gets is one that the API description names: status, code, form."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator

from gatehouse.web.openapi import API
from tests.support.answers import Answer, InProcess, Transport

Operation = dict[str, Any]
OF_A_PROXY = {502, 504}
# What the server answers to a request that it cannot read or take: no operation has seen it.
BEFORE_ANY_OPERATION = {
    *("bad_request", "uri_too_long", "expectation_failed", "headers_too_large", "overloaded"),
}
_REFUSAL = "Add the refusal to its `refuses`, then run `make openapi`."
_LIMIT = (
    "Count with `limits.by_address` or `access.limited`, or say `limits.described`, then run "
    "`make openapi`."
)


class Description:
    """The API description, prepared for looking answers up."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, Any] = {}
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), item)
            for path, item in sorted(document["paths"].items(), key=lambda pair: "{" in pair[0])
        ]

    def operation(self, method: str, target: str) -> Operation | None:
        """Return the operation at which a request was aimed; None if there is none."""
        path = unquote(target.partition("?")[0])
        for pattern, item in self._paths:
            if pattern.fullmatch(path.removesuffix("/")):
                found: Operation | None = item.get({"HEAD": "get"}.get(method, method.lower()))
                return found
        return None

    def check(self, method: str, target: str, answer: Answer) -> None:
        """Fail if the description does not name this answer."""
        operation = self.operation(method, target)
        if operation is None or answer.status in OF_A_PROXY:
            return
        if method != "HEAD" and answer.code in BEFORE_ANY_OPERATION:
            return
        told = operation["responses"].get(str(answer.status))
        name = operation["operationId"]
        assert told, f"{answer}: the description of {name} has no {answer.status}. " + (
            _LIMIT if answer.status == 429 else _REFUSAL
        )
        told = self._resolved(told)
        if (codes := told.get("x-error-codes")) and method != "HEAD":
            assert answer.code in codes, f"{answer}: {name} does not name this code. {_REFUSAL}"
        for header, one in told.get("headers", {}).items():
            if self._resolved(one)["required"]:
                assert header in answer.headers, f"{answer}: {name} promises the header {header}"
        if method != "HEAD":
            self._check_body(told, answer)

    def _check_body(self, told: Mapping[str, Any], answer: Answer) -> None:
        if "content" not in told:
            assert not answer.content, str(answer)
            return
        media_type = answer.headers["Content-Type"].partition(";")[0]
        assert media_type in told["content"], f"{answer}: {media_type} is not described"
        schema = told["content"][media_type]["schema"]
        self.validate(schema, answer.json)

    def validate(self, schema: Mapping[str, Any], document: Any) -> None:
        """Fail if a document does not fit a schema of the description."""
        key = repr(schema)
        if key not in self._validators:
            whole = {**schema, "components": self._document["components"]}
            self._validators[key] = Draft202012Validator(whole, validate_formats=True)
        for error in self._validators[key].iter_errors(document):
            raise AssertionError(f"{error.message} at {list(error.instance_path)}")

    def _resolved(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in told:
            return told
        found: Any = self._document
        for name in told["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found  # type: ignore[no-any-return]


# It is the same for every application, so a process reads it once.
_known: list[Description] = []


def description(transport: Transport) -> Description:
    """Return the description of the service behind a transport."""
    if not _known:
        if isinstance(transport, InProcess):
            document = transport.app.extensions[API].description()
        else:
            document = transport.send("GET", "/openapi.json", {}, None, "127.0.0.1").json
        _known.append(Description(document))
    return _known[0]
