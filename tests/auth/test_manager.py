"""flask-jwt-extended inside our own locks: its words mean the caller there as well."""

from typing import Any

from flask import Flask
from flask_jwt_extended import current_user, get_jwt

from gatehouse.web import access
from tests.support.api import Api


def test_current_user_and_claims_behind_our_own_lock(app: Flask, client: Api) -> None:
    @app.get("/mine")
    @access.user
    def mine() -> dict[str, Any]:
        return {"user": str(current_user.user_id), "claims": get_jwt()}

    person = client.sign_up()
    said = person.request("GET", "/mine").expect(200).json
    assert said["user"] == said["claims"]["sub"] == person.id
    assert said["claims"]["type"] == "access"
