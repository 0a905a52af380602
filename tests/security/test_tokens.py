"""Access tokens under attack (R1 to R5, R7 to R13, R15)."""

import base64
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from jwt import PyJWK

from tests.support import forge
from tests.support.answers import Answer
from tests.support.api import PREFIX, Api, Person
from tests.support.clocks import Clock
from tests.support.mailbox import Mailbox

ISSUER = "http://127.0.0.1:8000"


def refused(person: Person, token: str) -> Answer:
    """Present a token and see it refused as RFC 6750, section 3.1, says."""
    answer = person.bearing(token).get("/users/me").expect(401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    return answer


@pytest.fixture
def person(client: Api) -> Person:
    """Return somebody whose tokens are attacked."""
    return client.sign_up()


def test_r1_alg_none(person: Person) -> None:
    header, claims, signature = forge.parts(person.token)
    for algorithm in ("none", "None", "NONE", "nOnE", "", None, "none ", "HS256"):
        for sign in ("", signature, "AA"):
            refused(person, forge.joined(header | {"alg": algorithm}, claims, sign))
    refused(person, forge.joined({"alg": "none"}, claims, ""))
    refused(person, forge.joined(header, claims, ""))
    assert person.is_in()


def test_r1_two_parts(person: Person) -> None:
    head, body, signature = person.token.split(".")
    for crooked in (f"{head}.{body}", f"{head}.{signature}", head, f"{head}..{signature}"):
        refused(person, crooked)
    for crooked in (
        f"{person.token}.",
        f".{person.token}",
        f"{person.token}.{signature}",
        "..",
        ".",
    ):
        refused(person, crooked)


def test_r2_changed_payload_or_signature(person: Person, client: Api) -> None:
    other = client.sign_up()
    head, body, signature = person.token.split(".")
    _, claims, _ = forge.parts(person.token)
    raw = bytearray(forge.unb64(signature))
    for index in (0, 31, len(raw) - 1):
        flipped = bytearray(raw)
        flipped[index] ^= 1
        refused(person, f"{head}.{body}.{forge.b64(bytes(flipped))}")
    refused(person, f"{head}.{body}.{forge.b64(bytes(raw[:-1]))}")
    refused(person, f"{head}.{body}.{forge.b64(bytes(raw[:32]))}")
    refused(person, f"{head}.{other.token.split('.')[1]}.{signature}")
    header = forge.parts(person.token)[0]
    for changed in ({"sub": other.id}, {"exp": claims["exp"] + 1}, {"amr": ["pwd", "otp"]}):
        refused(person, forge.joined(header, claims | changed, signature))


def test_r3_public_key_as_hmac_key(person: Person) -> None:
    (jwk,) = person.request("GET", "/.well-known/jwks.json").expect(200).json["keys"]
    public = PyJWK(jwk).key
    guesses = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        jwk["x"].encode(),
        json.dumps(jwk).encode(),
    ]
    header, claims, _ = forge.parts(person.token)
    for key in guesses:
        for changed in ({"alg": "HS256"}, {"alg": "HS512"}, {"alg": "HS256", "kid": "other"}):
            signed = forge.joined(header | changed, claims, "").rstrip(".")
            digest = "sha512" if changed["alg"] == "HS512" else "sha256"
            refused(person, f"{signed}.{forge.b64(hmac.digest(key, signed.encode(), digest))}")


@contextmanager
def listening() -> Iterator[tuple[str, list[Any]]]:
    """Listen on a port of one's own; collect the addresses of whoever connects."""
    visitors: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                visitors.append(address)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/jwks.json", visitors
        stop.set()
        thread.join()


def test_r4_keys_named_by_the_token(person: Person) -> None:
    mine = Ed25519PrivateKey.generate()
    raw = mine.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": forge.b64(raw), "kid": "mine"}
    header, claims, _ = forge.parts(person.token)
    with listening() as (url, visitors):
        for named in (
            {"jwk": jwk},
            {"jwk": jwk, "kid": "mine"},
            {"jku": url},
            {"jku": url, "kid": "mine"},
            {"x5u": url},
            {"x5c": [base64.b64encode(raw).decode()]},
            {"kid": "../../../../../dev/null"},
            {"kid": "/proc/sys/kernel/randomize_va_space"},
            {"kid": "x' UNION SELECT 'key' --"},
            {"kid": [header["kid"]]},
            {"kid": {"$ne": ""}},
            {"kid": "k" * 5_000},
            {"kid": url},
            {"kid": "\u0000"},
            {"kid": 0},
            {"kid": None},
        ):
            signing_input = forge.joined(header | named, claims, "").rstrip(".")
            refused(person, f"{signing_input}.{forge.b64(mine.sign(signing_input.encode()))}")
            refused(
                person,
                f"{signing_input}.{forge.b64(hmac.digest(b'', signing_input.encode(), 'sha256'))}",
            )
    assert visitors == []


def test_r4_headers_beside_our_own_signature(person: Person, app: Flask) -> None:
    claims = forge.altered(person.token)
    person.bearing(forge.signed(app, claims)).get("/users/me").expect(200)
    for named in ({"jku": "https://evil.example"}, {"x5u": "https://evil.example"}, {"jwk": {}}):
        refused(person, forge.signed(app, claims, headers=named))
    for wrong in ("JWT", "", None, "at+JWT+x", ["at+jwt"]):
        refused(person, forge.signed(app, claims, headers={"typ": wrong}))


def test_r5_critical_headers(person: Person, app: Flask) -> None:
    claims = forge.altered(person.token)
    for named in (
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": ["gatehouse"], "gatehouse": True},
        {"crit": []},
        {"crit": "b64"},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"cty": "JWT"},
    ):
        refused(person, forge.signed(app, claims, headers=named))


def test_r7_no_token_does_the_work_of_another(person: Person, app: Flask, mailbox: Mailbox) -> None:
    refused(person, person.refresh_token)
    for token in (person.token, forge.signed(app, forge.altered(person.token, type="refresh"))):
        person.stranger.try_refresh(token).expect(401, "invalid_refresh_token")
        person.bearing(token).post("/auth/refresh").expect(401)
    verify = mailbox.token(person.email)
    person.stranger.post("/auth/password-reset", {"email": person.email}).expect(202)
    reset = mailbox.token(person.email)
    assert reset != verify
    for token in (verify, reset):
        refused(person, token)
        person.stranger.try_refresh(token).expect(401, "invalid_refresh_token")
    # A refresh token of another type, or an access token where mail's tokens are wanted.
    password = "another Password of tests"
    for token in (person.token, person.refresh_token, verify):
        body = {"token": token, "new_password": password}
        person.stranger.post("/auth/password-reset/confirm", body).expect(400)
    for token in (person.token, person.refresh_token, reset):
        person.post("/auth/verify-email", {"token": token}).expect(400)
    for wrong in ("refresh", "reset", "", None, ["access"], ...):
        refused(person, forge.signed(app, forge.altered(person.token, type=wrong)))
    assert person.is_in()


def test_r8_another_issuer_or_audience(person: Person, app: Flask) -> None:
    person.bearing(forge.signed(app, forge.altered(person.token))).get("/users/me").expect(200)
    issuers: tuple[Any, ...] = (
        "https://evil.example",
        ISSUER + ".evil.example",
        ISSUER + "/",
        ISSUER[:-1],
        ISSUER.upper(),
        "http",
        "",
        [ISSUER],
        {"iss": ISSUER},
        None,
        ...,
    )
    for issuer in issuers:
        refused(person, forge.signed(app, forge.altered(person.token, iss=issuer)))
    audiences: tuple[Any, ...] = ("other", "gate", "gatehouse2", "", ["other"], {}, None, 7, ...)
    for audience in audiences:
        refused(person, forge.signed(app, forge.altered(person.token, aud=audience)))


def test_r9_times(person: Person, app: Flask) -> None:
    now = forge.seconds()
    good = forge.altered(person.token, exp=now + 100, nbf=now)
    person.bearing(forge.signed(app, good)).get("/users/me").expect(200)
    for wrong in (
        {"exp": now - 61},
        {"exp": 0},
        {"exp": -1},
        {"exp": ...},
        {"exp": str(now + 100)},
        {"exp": now + 100.5},
        {"exp": None},
        {"exp": [now + 100]},
        {"exp": True},
        {"exp": 10**400},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"nbf": now + 120},
        {"nbf": str(now)},
        {"iat": now + 120},
        {"iat": ...},
        {"iat": "yesterday"},
    ):
        refused(person, forge.signed(app, forge.altered(person.token, **wrong)))


def test_r9_expiry_is_checked_on_remembered_tokens(person: Person, clock: Clock) -> None:
    assert person.is_in()
    clock.forward(minutes=14)
    assert person.is_in()
    clock.forward(minutes=2)
    refused(person, person.token)


def test_r10_only_the_header_carries_a_token(person: Person) -> None:
    stranger, token = person.stranger, person.token
    path = f"{PREFIX}/users/me"
    for query in ("access_token", "token", "jwt", "Authorization"):
        answer = stranger.request("GET", f"{path}?{query}={token}")
        assert answer.status in (401, 422)
    for name in ("access_token_cookie", "access_token", "session", "Authorization"):
        stranger.get("/users/me", headers={"Cookie": f"{name}={token}"}).expect(401)
    for body in ({"access_token": token}, {"token": token}):
        stranger.patch("/users/me", {"name": "Mallory", **body}).expect(401)
        stranger.request("PATCH", path, form=body).expect(401)
    for header in ("X-Access-Token", "Proxy-Authorization", "X-Authorization", "Authentication"):
        stranger.get("/users/me", headers={header: f"Bearer {token}"}).expect(401)
    assert person.me()["name"] is None


def test_r11_malformed_authorization_headers(person: Person) -> None:
    token = person.token
    crooked = [
        "", " ", "Bearer", "Bearer ", "Bearer  ", "bearer", "Bearer\t" + token, token,
        f"Bearer{token}", f"Bearer  {token}", f"Bearer {token} ", f"Bearer {token} x",
        f"Bearer {token},{token}", f"Bearer {token}, Bearer {token}", f"Bearer: {token}",
        f"Bearer={token}", f"Basic {token}", "Basic", "Basic Og==", "Basic dXNlcjpwYXNz",
        "Basic \xff", "Digest username=x", "Negotiate YII=", f"Token {token}", f"JWT {token}",
        f"MAC {token}", "Bearer null", "Bearer undefined", "Bearer [object Object]", "Bearer .",
        "Bearer ..", "Bearer ...", "Bearer a.b.c", "Bearer a.b.c.d", "Bearer a.b.c.d.e",
        "Bearer eyJ.eyJ.eyJ", "Bearer e30.e30.e30", "Bearer bnVsbA.bnVsbA.bnVsbA",
        "Bearer W10.W10.W10", "Bearer MQ.MQ.MQ", "Bearer IiI.IiI.IiI", f"Bearer {token[:-1]}",
        f"Bearer {token}=", f"Bearer {token}A", "Bearer " + "A" * 4_000, "Bearer " + "A." * 2_000,
        "Bearer " + "." * 3_000, "Bearer \xe9\xe8\xff", "Bearer %00", "Bearer ' OR 1=1 --",
        "Bearer \\x00", f"Bearer {token.replace('.', ' ')}", "\x7f", "Bearer \u0080",
        f"Bearer \"{token}\"", f"Bearer <{token}>",
    ]  # fmt: skip
    assert len(crooked) >= 50
    for header in crooked:
        answer = person.stranger.get("/users/me", headers={"Authorization": header})
        assert answer.status in (400, 401, 431), (header, str(answer))
        assert answer.status != 401 or answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_r12_challenges(person: Person) -> None:
    nothing = person.stranger.get("/users/me").expect(401, "unauthenticated")
    assert nothing.headers["WWW-Authenticate"] == "Bearer"
    bad = person.bearing("a.b.c").get("/users/me").expect(401, "invalid_token")
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]
    weak = person.get("/users").expect(403, "insufficient_scope")
    assert 'error="insufficient_scope"' in weak.headers["WWW-Authenticate"]
    assert 'scope="users:read"' in weak.headers["WWW-Authenticate"]


def test_r13_what_a_token_tells(client: Api) -> None:
    email = "a.telling.address@example.com"
    person = client.sign_up(email, username="telling-name", name="Tell Tale")
    seen = set()
    for someone in (person, person.again(), person.refreshed()):
        header, claims, _ = forge.parts(someone.token)
        assert header.keys() == {"alg", "typ", "kid"}
        assert header["typ"] == "at+jwt"
        expected = "iss aud sub sid jti iat exp type auth_time amr"
        assert claims.keys() == set(expected.split())
        text = json.dumps([header, claims]).lower()
        for personal in (email, "telling", "tale", "password", "$2b$"):
            assert personal not in text
        assert 0 < claims["exp"] - claims["iat"] <= 15 * 60
        seen.add(claims["jti"])
        _, refresh_claims, _ = forge.parts(someone.refresh_token)
        assert refresh_claims.keys() == {"sid", "gen", "type", "iat", "exp"}
    assert len(seen) == 3


def test_r13_a_pyjwt_client_verifies_from_the_jwks_alone(person: Person) -> None:
    import jwt

    published = person.request("GET", "/.well-known/jwks.json").expect(200).json
    header = jwt.get_unverified_header(person.token)
    key = jwt.PyJWKSet.from_dict(published)[header["kid"]]
    claims = jwt.decode(
        person.token, key, algorithms=["EdDSA"], audience="gatehouse", issuer=ISSUER
    )
    assert claims["sub"] == person.id
    assert "d" not in published["keys"][0]


def test_r15_subjects_that_are_none(person: Person, admin: Person, app: Flask) -> None:
    for subject in (1, 0, -1, True, [person.id], {"id": person.id}, None, "", "me", "1", ...):
        refused(person, forge.signed(app, forge.altered(person.token, sub=subject)))
    for subject in (str(uuid4()), person.id.upper(), f"{{{person.id}}}", person.id + " "):
        refused(person, forge.signed(app, forge.altered(person.token, sub=subject)))
    # Somebody else's session is nobody's.
    refused(person, forge.signed(app, forge.altered(person.token, sub=admin.id)))
    refused(person, forge.signed(app, forge.altered(person.token, sid=str(uuid4()))))
    for session in (1, [], {}, None, "", ...):
        refused(person, forge.signed(app, forge.altered(person.token, sid=session)))
    admin.delete(f"/users/{person.id}").expect(204)
    refused(person, person.token)
    refused(person, forge.signed(app, forge.altered(person.token)))


def test_r15_claims_of_odd_types(person: Person, app: Flask) -> None:
    for name in ("jti", "amr", "auth_time", "type"):
        for odd in (1.5, {}, [[]], None, ...):
            answer = person.bearing(
                forge.signed(app, forge.altered(person.token, **{name: odd}))
            ).get("/users/me")
            assert answer.status in (200, 401), str(answer)
    for payload in ([], "text", 1, None):
        head = forge.parts(person.token)[0]
        digest = sha256(b"").digest()
        refused(person, forge.joined(head, payload, forge.b64(digest)))
        refused(person, forge.signed(app, payload))  # type: ignore[arg-type]
