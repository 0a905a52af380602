"""URLs are written as Werkzeug writes them, and nothing is prepared for it at the start."""

from unittest import mock

import pytest
from flask import Flask
from werkzeug.routing import Map, Rule

from gatehouse.web.rules import LateRule

VALUES = {"/": {}, "/a/<id>": {"id": "b c/ü"}, "/a/<int:n>/<path:rest>": {"n": 7, "rest": "x/y"}}
VALUES["/b/<rule>"] = {"rule": "like the first parameter"}


@pytest.mark.parametrize("text", VALUES)
@pytest.mark.parametrize("more", [{}, {"page": 2}])
def test_a_url_is_the_same(text: str, more: dict[str, int]) -> None:
    late, usual = (
        Map([kind(text, endpoint="one")]).bind("example.org", "/") for kind in (LateRule, Rule)
    )
    values = VALUES[text] | more
    for _ in range(2):
        assert late.build("one", values) == usual.build("one", values)
        assert late.build("one", values, append_unknown=False) == usual.build(
            "one", values, append_unknown=False
        )


def test_every_route_of_the_service_waits(app: Flask) -> None:
    rules = list(app.url_map.iter_rules())
    assert rules
    assert {type(rule) for rule in rules} == {LateRule}


def test_only_what_writes_a_url_is_compiled() -> None:
    with mock.patch.object(Rule, "_compile_builder", side_effect=AssertionError("too early")):
        urls = Map([LateRule("/a/<id>", endpoint="one")]).bind("example.org", "/")
        assert urls.match("/a/b") == ("one", {"id": "b"})
        with pytest.raises(AssertionError, match="too early"):
            urls.build("one", {"id": "b"})
