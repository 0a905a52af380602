"""The doors of the house: which there are, what opens them, and that looking changes nothing."""

import inspect
import re

from flask import Flask
from werkzeug.routing import Rule

from gatehouse.infra.limits import Rule as LimitRule
from gatehouse.web.locks import lock_of
from tests.support.api import Api, Person
from tests.support.counting import counting

API = "/api/v1"
ME, ANY_USER = "/users/me", "/users/<uuid:user_id>"

# Every door, its lock, and its modifiers.
DOORS = {
    "POST /users": "optional_user",
    "GET /users": "permission users:read",
    f"GET {ME}": "user",
    f"PATCH {ME}": "user",
    f"DELETE {ME}": "user, fresh",
    f"POST {ME}/password": "user, no_api_key",
    f"GET {ME}/export": "user, fresh, no_api_key",
    f"GET {ANY_USER}": "self_or users:read",
    f"PATCH {ANY_USER}": "self_or users:update",
    f"DELETE {ANY_USER}": "self_or users:delete",
    f"POST {ANY_USER}/restore": "permission users:delete",
    f"POST {ANY_USER}/erase": "permission users:delete, fresh, no_api_key",
    f"POST {ANY_USER}/unlock": "permission users:update",
    f"POST {ANY_USER}/password-reset": "permission users:update",
    f"GET {ANY_USER}/sessions": "permission users:update",
    f"DELETE {ANY_USER}/sessions": "permission users:update",
    f"PUT {ANY_USER}/roles": "permission roles:assign, fresh, no_api_key",
    "POST /auth/token": "public",
    "POST /auth/login": "public",
    "POST /auth/refresh": "refresh_token",
    "POST /auth/logout": "user, no_api_key",
    "GET /auth/sessions": "user, no_api_key",
    "DELETE /auth/sessions": "user, no_api_key",
    "DELETE /auth/sessions/<uuid:session_id>": "user, no_api_key",
    "POST /auth/reauthenticate": "user, no_api_key",
    "POST /auth/verify-email": "one_time verify_email",
    "POST /auth/verify-email/resend": "public",
    "POST /auth/password-reset": "public",
    "POST /auth/password-reset/confirm": "one_time password_reset",
    "GET /roles": "permission roles:read",
    "POST /roles": "permission roles:write, fresh, no_api_key",
    "GET /roles/<uuid:role_id>": "permission roles:read",
    "PATCH /roles/<uuid:role_id>": "permission roles:write, fresh, no_api_key",
    "DELETE /roles/<uuid:role_id>": "permission roles:write, fresh, no_api_key",
    "GET /permissions": "permission roles:read",
    "GET /audit-events": "user",
    "POST /auth/ws-ticket": "user, no_api_key",
    "POST /notifications": "permission notifications:send",
    f"POST {ME}/avatar": "user",
    f"POST {ME}/avatar/confirm": "user",
    f"DELETE {ME}/avatar": "user",
}
ROOT_DOORS = {
    "GET /health": "public",
    "GET /ready": "public",
    "GET /openapi.json": "public",
    "GET /.well-known/jwks.json": "public",
    "GET /metrics": "metrics_token",
    "GET /": "public",
    "GET /verify-email": "public",
    "GET /reset-password": "public",
    "GET /forgot-password": "public",
    "GET /problems": "public",
    "GET /problems/<code>": "public",
    "GET /docs": "public",
    "GET /pages/<digest>/<name>": "public",
    "GET /uploads/avatars/<name>": "public",
    # A forged ticket costs neither a query nor a hash, and who has none gets 30 a minute.
    "GET /ws/<client_id>": "one_time socket",
    # By a URL that was signed for one person, who gets ten an hour.
    "PUT /uploads/<container>/<path:blob>": "one_time upload",
}
# What anybody may call without a limit by address: it costs next to nothing and changes nothing.
UNLIMITED = {*ROOT_DOORS}


def doors(app: Flask) -> dict[str, Rule]:
    """Return the rules of an application by method and path."""
    return {
        f"{method} {rule.rule}": rule
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def opened_by(app: Flask, rule: Rule) -> str:
    """Return the lock of a door in words."""
    lock = lock_of(app.view_functions[rule.endpoint])
    assert lock is not None
    words = [f"{lock.kind} {lock.permission or lock.purpose or ''}".strip()]
    words += ["fresh"] if lock.is_fresh else []
    words += ["no_api_key"] if lock.is_closed_to_api_keys else []
    return ", ".join(words)


def test_the_doors_are_those_of_the_table(app: Flask) -> None:
    expected = {name.replace(" ", f" {API}", 1): lock for name, lock in DOORS.items()} | ROOT_DOORS
    assert {name: opened_by(app, rule) for name, rule in doors(app).items()} == expected


def test_every_door_says_what_it_does(app: Flask) -> None:
    for name, rule in doors(app).items():
        text = inspect.getdoc(app.view_functions[rule.endpoint])
        assert text, name
        summary = text.splitlines()[0]
        assert re.match(r"[A-Z][a-z]+ ", summary), (name, summary)


def test_what_strangers_may_call_is_limited_by_address(app: Flask) -> None:
    for name, rule in doors(app).items():
        view = app.view_functions[rule.endpoint]
        lock = lock_of(view)
        assert lock is not None
        if lock.kind in ("public", "optional_user", "refresh_token", "one_time"):
            limits: tuple[LimitRule, ...] = getattr(view, "_limits", ())
            assert limits or name in UNLIMITED, name


def test_without_a_token_only_public_doors_open(app: Flask, client: Api) -> None:
    """R80: every path is closed unless it is listed as public."""
    for name, rule in doors(app).items():
        lock = lock_of(app.view_functions[rule.endpoint])
        assert lock is not None
        method, path = name.split(" ")
        filled = re.sub(r"<uuid:\w+>", "0190b5a0-0000-7000-8000-000000000000", path)
        answer = client.at().request(method, filled)
        if lock.kind in ("user", "self_or", "permission"):
            answer.expect(401, "unauthenticated")
        else:
            assert answer.status != 401 or lock.kind == "refresh_token", str(answer)


def test_looking_changes_nothing(app: Flask, client: Api, admin: Person) -> None:
    """No GET checks out a writer, commits, or waits behind one."""
    person = client.sign_up()
    role = admin.get("/roles").expect(200).json["roles"][0]
    ids = {"user_id": person.id, "role_id": role["id"]}
    ids |= {"code": "not_found", "digest": "0" * 16, "name": "page.css"}
    looked = 0
    for name in doors(app):
        method, path = name.split(" ")
        if method != "GET":
            continue
        filled = re.sub(r"<(?:uuid:)?(\w+)>", lambda found: str(ids.get(found[1], admin.id)), path)
        for variant in (filled, f"{filled}?total=true"):
            with counting(app) as cost:
                answer = admin.request("GET", variant)
            # 404 where an id is of something that nobody has made here, 426 where a socket is.
            assert answer.status in (200, 404, 422, 426), str(answer)
            looked += answer.status == 200
            assert cost.commits == 0, name
            assert cost.writer_checkouts == 0, name
    assert looked >= 12


def test_head_and_options_are_answered_like_get(app: Flask, client: Api) -> None:
    client.request("HEAD", f"{API}{ME}").expect(401)
    client.request("OPTIONS", f"{API}{ME}").expect(200)
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert client.request(method, f"{API}{ME}").status in (400, 405, 501)
