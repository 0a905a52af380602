"""What is done with the service's own code and settings: `python -m bench.inside WHAT`.

It runs beside the service, in a process of its own, and prints JSON.
"""

import argparse
import json
import sys
from typing import Any

from sqlalchemy import insert, select

from bench import plans
from gatehouse import create_app, roles, sessions
from gatehouse.auth import access_tokens
from gatehouse.core import clock
from gatehouse.core.principal import Origin
from gatehouse.infra import db
from gatehouse.users import listing
from gatehouse.users.models import users
from gatehouse.users.schemas import UserFilters
from gatehouse.web import cursors, pagination

ORIGIN = Origin(address="10.9.0.1", user_agent="bench", request_id="bench")
SUPPORT = "support"
ADMINS = 50


def tokens(count: int) -> dict[str, list[tuple[str, str]]]:
    """Open sessions for people, and for as many who hold a role that may list and read all.

    Few of them are administrators besides, so that there is a role that hardly anybody has.
    """
    statement = select(users.c.id, users.c.email, users.c.session_epoch).where(users.c.is_active)
    # By name: not the first who came, as a list sorted by age would find them all together.
    rows = db.reader.rows(statement.order_by(users.c.email_folded).limit(2 * count))
    people, readers = rows[:count], rows[count:]
    with db.unit():
        role = roles.Role(name=SUPPORT, description="", permissions=["users:read", "audit:read"])
        db.session.add(role)
        db.session.flush()
        held = [(role.id, row.id) for row in readers]
        held += [(roles.id_of("admin"), row.id) for row in readers[:ADMINS]]
        db.session.execute(
            insert(roles.UserRole),
            [
                {"role_id": role_id, "user_id": user_id, "granted_at": clock.now()}
                for role_id, user_id in held
            ],
        )
        return {"people": opened(people), "readers": opened(readers)}


def opened(rows: Any) -> list[tuple[str, str]]:
    """Open a session for each of these people; return their e-mails and access tokens."""
    found = []
    for row in rows:
        session = sessions.start(row.id, epoch=row.session_epoch, origin=ORIGIN, amr=("pwd",))
        token = access_tokens.issue(row.id, session.id, auth_time=session.auth_time, amr=("pwd",))
        found.append((row.email, token))
    return found


def cursor(offset: int) -> str:
    """Return the cursor of the list of people that goes on after so many."""
    filters = UserFilters().load({"per_page": "100"})
    window = pagination.window("users", filters)
    keys = listing.sort_keys(filters)
    order = [key.desc() for key in keys]
    with db.reader.engine.connect() as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        row = connection.execute(select(*keys).order_by(*order).offset(offset - 1).limit(1)).one()
        connection.invalidate()  # its limits are not those of a request
    return cursors.write(list(row), window.fingerprint)


def main() -> None:
    """Do what is asked for, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("tokens", "cursor", "plans"))
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--offset", type=int, default=0)
    given = parser.parse_args()
    app = create_app()
    with app.app_context():
        if given.what == "tokens":
            found: Any = tokens(given.people)
        elif given.what == "cursor":
            found = cursor(given.offset)
    if given.what == "plans":
        found = plans.buffers(app, json.load(sys.stdin))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
