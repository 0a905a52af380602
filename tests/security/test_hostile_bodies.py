"""Bodies that break careless parsers, at every operation that takes one (R83, R84, R86, R91, R99).

Each is refused as a problem document in well under a second, on both databases.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import doors
from tests.support.answers import JSON, Answer
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.hostile import BROKEN, DEEP, refused, within

SECONDS = 1
ORIGIN = {
    "Origin": "https://evil.example",
    "Referer": "https://evil.example/",
    "Sec-Fetch-Site": "cross-site",
}


def send(api: Api, body: doors.Body, content: bytes, **headers: str) -> Answer:
    """Send bytes as JSON from an address that no limit knows yet."""
    fields = {"Content-Type": JSON, **headers}
    ask = partial(api.at().request, body.method, body.path, body=content, headers=fields)
    return within(SECONDS, ask)


@pytest.fixture
def targets(client: Api, admin: Person) -> list[doors.Body]:
    """Return every operation that takes JSON, aimed at what exists and may be changed."""
    role = admin.post("/roles", {"name": "to-be-changed"}).expect(201).json
    person = client.sign_up()
    found = doors.bodies(client, person=person, role_id=role["id"])
    assert len(found) >= 14
    return found


def state(admin: Person) -> Any:
    """Return what must not change, as an administrator sees it."""
    return admin.get("/users?limit=100").json, admin.get("/roles").json


@pytest.mark.parametrize("kind", ["broken", "deep"])
def test_r83_r84_malformed_json_is_refused_everywhere(
    admin: Person, targets: list[doors.Body], kind: str
) -> None:
    before = state(admin)
    for name, content in (BROKEN if kind == "broken" else DEEP).items():
        for body in targets:
            answer = refused(send(admin, body, content))
            expected = (413,) if len(content) > 65_536 else (400, 401, 422)
            assert answer.status in expected, (name, str(answer))
    assert state(admin) == before
    assert admin.is_in()


def test_r83_r84_as_a_form(client: Api) -> None:
    for content in (*BROKEN.values(), *DEEP.values()):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        ask = partial(client.at().post, "/auth/token", body=content, headers=headers)
        assert refused(within(SECONDS, ask)).json["error"]


# Text that parsers disagree about, and whatever hypothesis finds beside it.
ATOMS = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud800", b"null", b"true"),
        *(b"1e9", b"NaN", b'"email"', b"-", b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b" "),
    ]
)
NOISE = st.lists(ATOMS | st.binary(max_size=6), max_size=40).map(b"".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(noise=NOISE, value=VALUES, at=st.integers(min_value=0))
def test_r83_r86_noise(
    client: Api, admin: Person, targets: list[doors.Body], noise: bytes, value: Any, at: int
) -> None:
    body = targets[at % len(targets)]
    names = sorted(body.sample)
    document = body.sample | {names[at % len(names)]: value, f"extra{at % 3}": value}
    valid = json.dumps(body.sample).encode()
    place = at % len(valid)
    for content in (
        noise,
        valid[:place] + noise + valid[place:],
        json.dumps(document).encode("utf-8", "surrogatepass"),
    ):
        answer = send(client if at % 2 else admin, body, content)
        assert answer.status < 500
        if answer.status >= 400:
            refused(answer)


WRONG: list[Any] = [
    *(None, 0, -1, 1.5, True, False, 2**53, "", "x", [], [[]], ["x"], [None], [{}], [0]),
    *({}, {"$ne": ""}, {"a": {"a": {}}}, {"0": "x"}),
]
JSON_TYPES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}


def is_of(value: Any, schema: dict[str, Any]) -> bool:
    """Tell whether a value has the type that a schema names; an item too, where it is a list."""
    if JSON_TYPES.get(type(value)) != schema["type"]:
        return False
    return not isinstance(value, list) or all(is_of(item, schema["items"]) for item in value)


@pytest.mark.settings(LIMITS="notifications=100000/minute,ws_ticket=100000/minute")
def test_r86_wrong_types_in_every_member(admin: Person, targets: list[doors.Body]) -> None:
    before = state(admin)
    tried = 0
    for body in targets:
        assert set(body.members) == set(body.sample), body
        for name, schema in body.members.items():
            for wrong in WRONG:
                if is_of(wrong, schema):
                    continue
                document = body.sample | {name: wrong}
                answer = send(admin, body, json.dumps(document).encode())
                answer.expect(422, "validation_failed")
                assert any(key.partition(".")[0] == name for key in answer.json["errors"])
                tried += 1
        for whole in (*WRONG[:13], "email=a@example.com", [body.sample], [[body.sample]]):
            if whole != {}:
                send(admin, body, json.dumps(whole).encode()).expect(422)
        unknown = body.sample | {"unknown": 1}
        assert (
            "unknown" in send(admin, body, json.dumps(unknown).encode()).expect(422).json["errors"]
        )
    assert tried > 400
    assert state(admin) == before


TYPES = [
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "text/json",
    "application/xml",
    "application/json5",
    "application/jsonp",
    "application/json, text/plain",
    "application/json; charset=utf-16",
    "application/vnd.api+json",
    "",
]


def test_r91_json_in_other_clothes_has_no_effect(admin: Person, targets: list[doors.Body]) -> None:
    before = state(admin)
    for body in targets:
        content = json.dumps(body.sample).encode()
        for content_type in TYPES:
            for headers in ({}, ORIGIN):
                answer = send(admin, body, content, **{**headers, "Content-Type": content_type})
                assert answer.status == 415 or (content_type == "" and answer.status == 401)
                refused(answer)
                assert "Access-Control-Allow-Origin" not in answer.headers
                assert "Set-Cookie" not in answer.headers
    assert state(admin) == before


def test_r91_a_form_of_another_site_logs_nobody_in(client: Api) -> None:
    person = client.sign_up()
    before = person.get("/auth/sessions").json
    form = {"username": person.email, "password": PASSWORD}
    for content in (json.dumps(form), json.dumps(form)[:-1] + ', "x": "="}'):
        for content_type in ("text/plain", "application/x-www-form-urlencoded"):
            headers = {"Content-Type": content_type, **ORIGIN}
            client.post("/auth/login", body=content.encode(), headers=headers).expect(415)
    client.post("/auth/login", form=form, headers=ORIGIN).expect(415)
    client.post("/auth/token", {"grant_type": "password", **form}).expect(415)
    assert person.get("/auth/sessions").json == before


def cheaply(action: Callable[[], Answer]) -> Answer:
    """Return an answer that costs little work, hash included."""
    return within(0.3, action, clock=time.process_time)


def test_r99_lists_have_a_limit(client: Api, admin: Person) -> None:
    person = client.sign_up()
    path = f"/users/{person.id}/roles"
    known = admin.get("/permissions").json["permissions"][0]["name"]
    admin.put(path, {"roles": ["user"] * 20}).expect(200)
    for number in (21, 1_000, 6_000):
        answer = cheaply(partial(admin.put, path, {"roles": ["user"] * number}))
        assert list(answer.expect(422, "validation_failed").json["errors"]) == ["roles"]
    role = {"name": "long-list", "permissions": [known] * 200}
    assert admin.post("/roles", role).expect(201).json["permissions"] == [known]
    for number in (201, 4_000):
        more = {"name": "longer-list", "permissions": [known] * number}
        cheaply(partial(admin.post, "/roles", more)).expect(422)
    body = {"email": new_email(), "password": PASSWORD}
    cheaply(partial(admin.post, "/users", body | {"roles": ["user"] * 21})).expect(422)
    assert person.me()["roles"] == ["user"]


def test_r99_nothing_comes_in_bulk(admin: Person, targets: list[doors.Body]) -> None:
    before = state(admin)
    for body in targets:
        for number in (1, 2, 300):
            many = json.dumps([body.sample] * number).encode()
            answer = send(admin, body, many)
            assert answer.status in (413, 422), str(answer)
        answer = send(admin, body, json.dumps({"items": [body.sample] * 50}).encode())
        answer.expect(422, "validation_failed")
    assert state(admin) == before


def test_r99_many_errors_are_told_briefly(client: Api) -> None:
    body = {f"member{number}": number for number in range(900)}
    answer = cheaply(partial(client.at().post, "/users", body)).expect(422)
    assert len(answer.json["errors"]) <= 20
    assert len(answer.content) < 5_000
    long = {"m" * 50_000: 1}
    answer = cheaply(partial(client.at().post, "/users", long)).expect(422)
    assert len(answer.content) < 5_000
