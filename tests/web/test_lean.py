"""What Flask does without is not missed: routes are found, and their URLs written."""

from unittest import mock

import pytest
from flask import Flask, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from gatehouse.web.lean import LateRule
from tests.conftest import MakeApp

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


@pytest.mark.parametrize("method", ["GET", "head", "PUT", "BREW"])
@pytest.mark.parametrize(
    "path", ["/", "/health", "//health/", "/api/v1/users/%41/x", "/caf%C3%A9", "/%ff", "/a?b=c"]
)
@pytest.mark.parametrize("headers", [{}, {"Upgrade": "websocket", "Connection": "upgrade"}])
@pytest.mark.parametrize("mounted_at", ["", "/below"])
def test_a_route_is_found_as_flask_finds_it(
    app: Flask, method: str, path: str, headers: dict[str, str], mounted_at: str
) -> None:
    asked = {"method": method, "headers": headers, "base_url": f"https://one.example{mounted_at}"}
    with app.test_request_context(path, **asked) as context:
        found = context.request
        usual, ours = Flask.create_url_adapter(app, found), context.url_adapter
        assert usual is not None
        assert ours is not None
        try:
            route = usual.match(return_rule=True)
        except HTTPException as error:
            route = None
            with pytest.raises(type(error)):
                ours.match()
        assert route is None or (found.url_rule, found.view_args) == route
        assert ours.allowed_methods() == usual.allowed_methods()


def test_a_url_begins_as_the_public_one(make_app: MakeApp) -> None:
    """Whatever host a request names: what is written would be believed."""
    app = make_app(PUBLIC_URL="https://accounts.example.org", TRUSTED_HOSTS="*")
    with app.test_request_context("/health", headers={"Host": "evil.example"}):
        assert url_for("health.health", _external=True) == "https://accounts.example.org/health"
