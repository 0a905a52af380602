"""People who are made behind the API's back, because somebody must be the first."""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask

from gatehouse import users
from gatehouse.core.permissions import SUPER_ADMIN
from gatehouse.core.principal import Origin
from tests.support.api import new_email

Result = TypeVar("Result")

ADMIN_PASSWORD = "a Password of an administrator"
NOWHERE = Origin(address="", user_agent="tests", request_id="")


def in_context(app: Flask, function: Callable[[], Result]) -> Result:
    """Call a function as a command of the service would."""
    with app.app_context():
        return function()


def make_super_admin(app: Flask, email: str | None = None) -> tuple[str, str]:
    """Make a super_admin as the command line does; return address and password."""
    body = {
        "email": email or new_email(),
        "password": ADMIN_PASSWORD,
        "roles": [SUPER_ADMIN],
    }
    with app.app_context():
        users.create(body, actor=None, origin=NOWHERE, is_permanent=True)
    return body["email"], ADMIN_PASSWORD
