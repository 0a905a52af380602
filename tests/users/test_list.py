"""The list of accounts: filters, order, pages, and what it costs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from gatehouse import roles
from gatehouse.core.ids import new_id
from gatehouse.core.text import fold
from gatehouse.infra import db
from tests.support.api import Api, Person
from tests.support.clocks import Clock
from tests.support.counting import Cost
from tests.users import records

Counted = Callable[[], AbstractContextManager[Cost]]
START = datetime(2026, 1, 1, tzinfo=UTC)


def insert(app: Flask, *people: dict[str, Any]) -> list[str]:
    """Put accounts straight into the table, a minute between them; return their ids."""
    rows = []
    for number, members in enumerate(people):
        at = START + timedelta(minutes=number)
        row = {
            "id": new_id(),
            "email": f"p{number:03}@example.org",
            "username": None,
            "is_active": True,
            "is_verified": False,
            "must_change_password": False,
            "session_epoch": 1,
            "version": 1,
            "created_at": at,
            "updated_at": at,
            "deleted_at": None,
            **members,
        }
        row["email_folded"] = fold(row["email"])
        row["username_folded"] = row["username"] and fold(row["username"])
        rows.append(row)
    with app.app_context(), db.unit():
        db.session.execute(db.metadata.tables["users"].insert(), rows)
    return [str(row["id"]) for row in rows]


def emails(answer: Any) -> list[str]:
    """Return the addresses on a page."""
    return [user["email"] for user in answer.expect(200).json["users"]]


def pages(person: Person, path: str) -> Iterator[list[str]]:
    """Follow the cursor to the end."""
    cursor = ""
    while cursor is not None:
        answer = person.get(f"{path}&cursor={cursor}" if cursor else path)
        yield emails(answer)
        cursor = answer.json["next_cursor"]


@pytest.fixture
def admin(app: Flask, client: Api) -> Person:
    """Return an administrator, whose own account no filter of these tests finds."""
    return records.with_roles(app, client, "admin", email="zz.admin@zz.example")


def test_at_most_two_queries_whatever_the_length(
    app: Flask, admin: Person, counted: Counted
) -> None:
    ids = insert(app, *({} for _ in range(100)))
    with app.app_context(), db.unit():
        for user_id in ids[:50]:
            roles.grant(UUID(user_id), "user", granted_by=None)
    admin.get("/users?q=p&per_page=100")
    with counted() as cost:
        found = admin.get("/users?q=p&per_page=100").expect(200).json["users"]
    assert len(found) == 100
    assert cost.queries == 2, "the access check and the list"
    assert (cost.commits, cost.redis_calls, cost.writer_checkouts) == (0, 0, 0)
    assert sum(user["roles"] == ["user"] for user in found) == 50


def test_shows_what_the_single_resource_shows(client: Api, admin: Person) -> None:
    person = client.sign_up(username="jane-doe", name="Jane", locale="de")
    [listed] = admin.get("/users?q=jane-doe").json["users"]
    assert listed == admin.get(f"/users/{person.id}").json == person.me()


def test_filters(app: Flask, client: Api, admin: Person) -> None:
    insert(
        app,
        {"is_active": False},
        {"is_verified": True},
        {"deleted_at": START},
        {"email": "role@example.org"},
    )
    with app.app_context():
        table = db.metadata.tables["users"]
        found = db.reader.row(table.select().where(table.c.email == "role@example.org"))
        with db.unit():
            roles.grant(found.id, "admin", granted_by=None)
    for query, expected in (
        ("q=p", ["p001@example.org", "p000@example.org"]),
        ("q=p&is_active=false", ["p000@example.org"]),
        ("q=p&is_active=true", ["p001@example.org"]),
        ("is_verified=true", ["p001@example.org"]),
        ("deleted=true", ["p002@example.org"]),
        ("role=admin", ["zz.admin@zz.example", "role@example.org"]),
        ("role=no-such", []),
        ("created_before=2026-01-01T00:01:00Z", ["p000@example.org"]),
        (
            "created_after=2026-01-01T00:01:00Z&created_before=2026-01-02T00:00:00%2B01:00",
            ["role@example.org", "p001@example.org"],
        ),
    ):
        assert emails(admin.get(f"/users?{query}")) == expected, query


def test_the_search_is_a_folded_prefix(app: Flask, admin: Person) -> None:
    insert(
        app,
        {"email": "Anna@example.org", "username": "ZOE_1"},
        {"email": "annb@example.org", "username": "zoe%2"},
        {"email": "ann@example.org", "username": "Zoe\u017f"},
    )
    for query, count in (
        ("anna", 1),
        ("ANN", 3),
        ("%C3%A4", 0),
        ("nna", 0),
        ("zoe", 3),
        ("zoe_", 1),
        ("zoe%25", 1),
        ("ZOES", 1),
        ("%25", 0),
        ("_", 0),
        ("'%20OR%201=1--", 0),
        ("%F4%8F%BF%BF", None),
    ):
        answer = admin.get(f"/users?q={query}")
        if count is None:
            assert answer.status == 422, "an unassigned character is none"
        else:
            assert len(emails(answer)) == count, query


def test_every_order_pages_alike(app: Flask, admin: Person) -> None:
    insert(
        app,
        *(
            {"email": f"{chr(122 - n % 26)}{n:02}@example.org", "username": name}
            for n, name in enumerate([None, "Beta", "alpha", None, "gamma", "Delta", None])
        ),
    )
    for sort, sign in product(("created_at", "email", "username"), ("", "-", "%2B")):
        path = f"/users?sort={sign}{sort}&created_before=2026-02-01T00:00:00Z"
        whole = emails(admin.get(path))
        assert len(whole) == 7
        for size in (1, 2, 3, 7):
            by_cursor = [e for page in pages(admin, f"{path}&per_page={size}") for e in page]
            by_page = [
                e
                for number in range(1, 8)
                for e in emails(admin.get(f"{path}&per_page={size}&page={number}"))
            ]
            by_skip = [
                e
                for skip in range(0, 7, size)
                for e in emails(admin.get(f"{path}&limit={size}&skip={skip}"))
            ]
            assert by_cursor == by_page == by_skip == whole
        if sort == "email":
            assert whole == sorted(whole, reverse=sign == "-")


def test_filters_hold_on_every_page(app: Flask, client: Api, admin: Person) -> None:
    insert(app, *({} for _ in range(3)))
    for name in ("Zed-1", "zed-2", None, "ZED-3", None):
        records.with_roles(app, client, "admin", **({"username": name} if name else {}))
    for sort in ("username", "-username", "created_at"):
        found = [
            e
            for page in pages(admin, f"/users?role=admin&q=person&per_page=1&sort={sort}")
            for e in page
        ]
        assert len(found) == len(set(found)) == 5
    for q, count in (("zed", 3), ("zed-3", 1)):
        found = [
            e
            for page in pages(admin, f"/users?role=admin&q={q}&per_page=2&sort=email")
            for e in page
        ]
        assert len(found) == count


def test_c15_rows_that_come_and_go_disturb_no_cursor(app: Flask, admin: Person) -> None:
    ids = insert(app, *({} for _ in range(20)))
    path = "/users?per_page=4&sort=email&created_before=2026-02-01T00:00:00Z"
    seen: list[str] = []
    for number, page in enumerate(pages(admin, path)):
        seen += page
        admin.delete(f"/users/{ids[2 * number]}").expect(204)
        insert(app, {"email": f"p{number:03}x@example.org"})
    assert len(seen) == len(set(seen))
    stayed = {f"p{n:03}@example.org" for n in range(20)} - {
        f"p{2 * n:03}@example.org" for n in range(10)
    }
    assert stayed <= set(seen)


def test_total_only_when_asked_for(app: Flask, admin: Person, clock: Clock) -> None:
    insert(app, *({} for _ in range(5)))
    assert "total" not in admin.get("/users?q=p0").json
    answer = admin.get("/users?q=p0&total=true&per_page=2").json
    assert (answer["total"], len(answer["users"])) == (5, 2)


ODD = [
    *("sort=password_hash", "sort=hashed_password", "sort=-id", "sort=-", "email=x"),
    *("per_page=0", "per_page=-1", "limit=101", "per_page=100000000", "skip=-1"),
    *("page=1&page=2", "page=1&skip=1", "is_active=1", "deleted=yes", "password_hash=x"),
    *("created_after=yesterday", "q=", "q=%00", "q=%ff"),
]


def test_r89_odd_parameters_are_refused(admin: Person) -> None:
    for query in (*ODD, "page=" + "9" * 5000, "q=" + "x" * 2000):
        assert admin.get(f"/users?{query}").status == 422, query[:50]


def test_r79_a_list_shows_no_secret(client: Api, admin: Person) -> None:
    client.sign_up()
    for user in admin.get("/users").json["users"]:
        assert not {"password", "password_hash", "session_epoch", "version"} & user.keys()
