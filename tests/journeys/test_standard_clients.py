"""Programs that others wrote: Authlib, PyJWT and flask-jwt-extended work with no special code."""

import time
from typing import Any

import jwt
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask
from flask_jwt_extended import current_user, get_jwt, get_jwt_identity, jwt_required

from tests.conftest import MakeApp
from tests.support.answers import InProcess
from tests.support.api import PASSWORD, PREFIX, Api
from tests.support.live import Live

# A client without a secret names itself in the form, one with a secret in a Basic header.
CLIENTS = {
    "unnamed": {},
    "public": {"client_id": "shop", "scope": "profile"},
    "confidential": {"client_id": "shop", "client_secret": "not looked at"},
}
LEEWAY = 5


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
def test_authlib_gets_uses_and_refreshes_a_token(live: Live, client: dict[str, str]) -> None:
    """The password grant of RFC 6749, section 4.3, and the refresh of section 6."""
    person = live.client.sign_up()
    with OAuth2Session(**client, token_endpoint=f"{live.url}{PREFIX}/auth/token") as session:
        first = dict(session.fetch_token(username=person.email, password=PASSWORD))
        assert (first["token_type"], first["expires_in"]) == ("Bearer", 900)
        assert session.get(f"{live.url}{PREFIX}/users/me").json()["id"] == person.id

        second = dict(session.refresh_token())
        assert second["access_token"] != first["access_token"]
        assert second["refresh_token"] != first["refresh_token"]
        assert session.get(f"{live.url}{PREFIX}/users/me").status_code == 200

        # A token that has expired is refreshed on the way, which the caller does not notice.
        session.token = {**second, "expires_at": int(time.time()) - 1}
        assert session.get(f"{live.url}{PREFIX}/users/me").status_code == 200
        assert session.token["access_token"] != second["access_token"]

        answer = session.post(f"{live.url}{PREFIX}/auth/logout")
        assert answer.status_code == 204
        with pytest.raises(OAuthError) as refusal:
            session.refresh_token()
        assert refusal.value.error == "invalid_grant"


def test_authlib_understands_a_refusal(live: Live) -> None:
    """RFC 6749, section 5.2: `error` and `error_description` reach the program as it expects."""
    person = live.client.sign_up()
    with OAuth2Session(token_endpoint=f"{live.url}{PREFIX}/auth/token") as session:
        with pytest.raises(OAuthError) as refusal:
            session.fetch_token(username=person.email, password="a wrong Password")
        assert refusal.value.error == "invalid_grant"
        assert refusal.value.description

        with pytest.raises(OAuthError) as refusal:
            session.fetch_token(grant_type="client_credentials")
        assert refusal.value.error == "unsupported_grant_type"


def verified(live: Live, token: str, **wanted: Any) -> dict[str, Any]:
    """Verify an access token as another service does, which knows our public address alone."""
    key = jwt.PyJWKClient(f"{live.url}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    expected = {"issuer": live.url, "audience": "gatehouse", **wanted}
    required = ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "type", "auth_time", "amr"]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["EdDSA"], options={"require": required}, **expected
    )
    return claims


def test_pyjwt_verifies_an_access_token_from_the_jwks_alone(live: Live) -> None:
    person = live.client.sign_up()
    claims = verified(live, str(person.token))

    assert claims["sub"] == person.id
    assert (claims["type"], claims["amr"]) == ("access", ["pwd"])
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert abs(claims["iat"] - time.time()) < LEEWAY
    assert jwt.get_unverified_header(str(person.token))["typ"] == "at+jwt"

    with pytest.raises(jwt.InvalidIssuerError):
        verified(live, str(person.token), issuer="https://elsewhere.example.org")
    with pytest.raises(jwt.InvalidAudienceError):
        verified(live, str(person.token), audience="elsewhere")
    head, _, signature = str(person.token).split(".")
    _, other, _ = str(live.client.sign_up().token).split(".")
    with pytest.raises(jwt.InvalidSignatureError):
        verified(live, f"{head}.{other}.{signature}")


def test_a_refresh_token_is_nothing_that_others_could_verify(live: Live) -> None:
    """R7: it names no published key, so no service takes it for an access token."""
    with pytest.raises(jwt.PyJWTError):
        verified(live, live.client.sign_up().refresh_token)


def add_resource(app: Flask) -> None:
    """Add routes as the documentation of flask-jwt-extended writes them."""

    @app.get("/reports")
    @jwt_required()
    def reports() -> dict[str, Any]:
        return {
            "identity": get_jwt_identity(),
            "type": get_jwt()["type"],
            "user": str(current_user.user_id),
            "may_list": current_user.may("users:read"),
        }

    @app.get("/front")
    @jwt_required(optional=True)
    def front() -> dict[str, Any]:
        return {"identity": get_jwt_identity()}

    @app.get("/renewal")
    @jwt_required(refresh=True)
    def renewal() -> dict[str, Any]:
        return {}


@pytest.fixture
def resource(make_app: MakeApp) -> Api:
    """A client of the service with a resource of somebody's own beside `users`."""
    app = make_app()
    add_resource(app)
    return Api(InProcess(app))


def ask(person: Api, path: str = "/reports") -> Any:
    """Ask a route of the resource."""
    return person.request("GET", path)


def test_a_route_with_jwt_required_knows_the_caller(resource: Api) -> None:
    person = resource.at().sign_up()
    assert ask(person).expect(200).json == {
        "identity": person.id,
        "type": "access",
        "user": person.id,
        "may_list": False,
    }
    assert ask(person, "/front").expect(200).json == {"identity": person.id}
    assert ask(resource, "/front").expect(200).json == {"identity": None}


def test_a_route_with_jwt_required_refuses_what_the_locks_refuse(resource: Api) -> None:
    """R12, R20, R22: revoked sessions too, with a problem document and a challenge."""
    answer = ask(resource).expect(401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    person = resource.at().sign_up()
    for token in ("nonsense", person.refresh_token, str(person.token)[:-4] + "AAAA"):
        answer = ask(person.bearing(token)).expect(401, "invalid_token")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        ask(person.bearing(token), "/front").expect(401, "invalid_token")
    ask(person, "/renewal").expect(401)

    other = person.again()
    person.post("/auth/logout").expect(204)
    ask(person).expect(401, "invalid_token")
    ask(person, "/front").expect(401, "invalid_token")
    ask(other).expect(200)


def test_a_route_with_jwt_required_refuses_whose_account_is_closed(resource: Api) -> None:
    """R24: from the next request on."""
    person = resource.at().sign_up()
    ask(person).expect(200)
    person.delete("/users/me").expect(204)
    ask(person).expect(401, "invalid_token")
