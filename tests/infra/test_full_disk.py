"""F11: a database without room says so, can be read, and goes on by itself."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from gatehouse.infra import db
from tests.support.answers import InProcess
from tests.support.api import Api
from tests.support.databases import Sqlite

MOST_PAGES = 2**32 - 2


def allow(app: Flask, pages: int) -> None:
    """Let the file of the one writing connection grow to so many pages, and no further."""
    with app.app_context(), db.unit():
        db.session.execute(text(f"PRAGMA max_page_count = {pages}"))


@pytest.mark.parametrize("database", [Sqlite.name], indirect=True)
def test_f11_what_finds_no_room_is_507_and_reading_goes_on(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    client = Api(InProcess(app))
    person = client.sign_up()
    allow(app, 1)  # that is, as many as it has
    sign_up = {"password": "a long password of tests"}
    for number in range(100):
        answer = client.at().post("/users", {**sign_up, "email": f"{number}@example.org"})
        if answer.status != 201:
            break
    answer.expect(507, "database_full")
    person.get("/users/me").expect(200)
    client.request("GET", "/ready").expect(200)
    allow(app, MOST_PAGES)
    client.at().post("/users", {**sign_up, "email": f"{number}@example.org"}).expect(201)
