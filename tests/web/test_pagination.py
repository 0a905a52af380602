"""Pages: every window of a list, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Column, Connection, MetaData, Table, create_engine, delete, insert, select

from gatehouse.core.errors import Unprocessable
from gatehouse.core.ids import new_id
from gatehouse.infra import db
from gatehouse.web import pagination
from gatehouse.web.refusals import InvalidCursor, UseCursor
from tests.web.conftest import Make

metadata = MetaData()
birds = Table(
    "birds",
    metadata,
    Column("id", db.Id(), primary_key=True),
    Column("username_folded", db.Key(50)),
    Column("email_folded", db.Key(320), nullable=False),
    Column("created_at", db.UtcDateTime(), nullable=False),
    prefixes=["TEMPORARY"],
)
SORTS = {
    "created_at": birds.c.created_at,
    "email": birds.c.email_folded,
    "username": birds.c.username_folded,
}


def _bird(random: Random) -> dict[str, Any]:
    name = random.choice([None, *("ab", "b", "Z", "é", "zz", "_", "10", "9")])
    return {
        "id": new_id(),
        "username_folded": name and f"{name}{random.randrange(3)}",
        "email_folded": f"{random.choice('abcxyz_')}{random.randrange(4)}@example.com",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(9)),
    }


@pytest.fixture
def app(make: Make) -> Flask:
    return make()


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A connection to each database, which alone sees the table."""
    url = f"sqlite:///{tmp_path / 'birds.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


@pytest.fixture
def random() -> Random:
    return Random(5)


def _page(connection: Connection, args: dict[str, Any], *, sort: str, descending: bool) -> Any:
    window = pagination.window("birds", args)
    keys = [SORTS[sort], birds.c.id]
    statement = pagination.apply(select(birds), window, keys=keys, descending=descending)
    response = pagination.answer(connection.execute(statement).all(), window, key="birds")
    return response.json, response.headers["Link"]


def _expected(rows: list[dict[str, Any]], *, sort: str, descending: bool) -> list[str]:
    """Sort as the databases should: bytes of the text, nulls as the largest."""
    column = SORTS[sort].key

    def place(row: dict[str, Any]) -> tuple[bool, Any, bytes]:
        value = row[column]
        known = value.encode() if isinstance(value, str) else value
        return value is None, known if value is not None else b"", row["id"].bytes

    return [str(row["id"]) for row in sorted(rows, key=place, reverse=descending)]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_every_way_of_paging_gives_the_same_rows(
    app: Flask, connection: Connection, random: Random, sort: str, descending: bool
) -> None:
    rows = [_bird(random) for _ in range(83)]
    connection.execute(insert(birds), rows)
    expected = _expected(rows, sort=sort, descending=descending)
    order: Any = {"sort": sort, "descending": descending}
    with app.test_request_context("/birds"):
        for size in (1, 7, 83, 100):
            seen: list[str] = []
            cursor: dict[str, Any] = {}
            while True:
                page, _ = _page(connection, {"per_page": size, **cursor}, **order)
                seen += [bird["id"] for bird in page["birds"]]
                assert len(page["birds"]) == size or page["next_cursor"] is None
                if page["next_cursor"] is None:
                    break
                cursor = {"cursor": page["next_cursor"]}
            assert seen == expected
        by_page = [_page(connection, {"page": n, "per_page": 30}, **order)[0] for n in (1, 2, 3)]
        assert [bird["id"] for page in by_page for bird in page["birds"]] == expected
        skipped, _ = _page(connection, {"skip": 5, "limit": 9}, **order)
        assert [bird["id"] for bird in skipped["birds"]] == expected[5:14]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
def test_c15_no_row_is_missed_or_seen_twice_while_others_come_and_go(
    app: Flask, connection: Connection, random: Random, sort: str, descending: bool
) -> None:
    staying = [_bird(random) for _ in range(60)]
    passing = [_bird(random) for _ in range(60)]
    connection.execute(insert(birds), staying + passing[:30])
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    with app.test_request_context("/birds"):
        for turn in range(200):
            page, _ = _page(connection, {"per_page": 4, **cursor}, sort=sort, descending=descending)
            seen += [bird["id"] for bird in page["birds"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
            if turn < 30:
                gone = passing[turn]["id"]
                connection.execute(delete(birds).where(birds.c.id == gone))
                connection.execute(insert(birds), [passing[30 + turn]])
    assert len(seen) == len(set(seen))
    assert {str(bird["id"]) for bird in staying} <= set(seen)


def test_links_and_numbers(app: Flask, connection: Connection, random: Random) -> None:
    connection.execute(insert(birds), [_bird(random) for _ in range(12)])
    order: Any = {"sort": "email", "descending": False}
    with app.test_request_context("/birds?q=a%20%22b&page=2&per_page=5"):
        page, link = _page(connection, {"page": 2, "per_page": 5}, **order)
        assert (page["page"], page["per_page"]) == (2, 5)
        assert '</birds?q=a+%22b&per_page=5>; rel="first"' in link
        assert '</birds?q=a+%22b&page=3&per_page=5>; rel="next"' in link
        page, link = _page(connection, {"skip": 10, "limit": 5}, **order)
        assert (page["page"], page["per_page"], page["next_cursor"]) == (3, 5, None)
        assert "next" not in link
        page, _ = _page(connection, {}, **order)
        assert (page["page"], page["per_page"], len(page["birds"])) == (1, 30, 12)
        first, _ = _page(connection, {"per_page": 5}, **order)
        page, link = _page(connection, {"per_page": 5, "cursor": first["next_cursor"]}, **order)
        assert page["page"] is None
        assert f"cursor={page['next_cursor']}" in link


@pytest.mark.parametrize(
    "args",
    [
        {"cursor": "x", "page": 1},
        {"cursor": "x", "skip": 0},
        {"page": 1, "skip": 0},
        {"per_page": 5, "limit": 5},
        {"page": 1, "limit": 5},
    ],
)
def test_contradicting_parameters_are_422(app: Flask, args: dict[str, Any]) -> None:
    with app.app_context(), pytest.raises(Unprocessable):
        pagination.window("birds", args)


@pytest.mark.parametrize(
    "args", [{"page": 335}, {"skip": 10_001}, {"page": 10**12, "per_page": 100}]
)
def test_deep_offsets_want_the_cursor(app: Flask, args: dict[str, Any]) -> None:
    with app.app_context(), pytest.raises(UseCursor):
        pagination.window("birds", args)
    with app.app_context():
        assert pagination.window("birds", {"skip": 10_000}).offset == 10_000


def _cursor_of(window: pagination.Window) -> str:
    row = type("Row", (), {"_mapping": {"email_folded": "a@example.com", "id": new_id()}})()
    window.keys = ["email_folded", "id"]
    pagination.cut([row] * (window.limit + 1), window)
    assert window.next_cursor is not None
    return window.next_cursor


def test_r89_a_cursor_belongs_to_its_list(app: Flask) -> None:
    keys = [birds.c.email_folded, birds.c.id]

    def use(cursor: str, name: str = "birds", scope: str = "", **filters: Any) -> None:
        window = pagination.window(name, {"cursor": cursor, **filters}, scope=scope)
        pagination.apply(select(birds), window, keys=keys, descending=False)

    with app.app_context():
        cursor = _cursor_of(pagination.window("birds", {"q": "a", "sort": "email"}))
        use(cursor, q="a", sort="email")
        packed, _, signature = cursor.partition(".")
        wrong: list[dict[str, Any]] = [
            {"q": "b", "sort": "email"},
            {"q": "a", "sort": "-email"},
            {"sort": "email"},
            {"q": "a", "sort": "email", "scope": "someone"},
            {"q": "a", "sort": "email", "name": "roles"},
        ]
        for one in wrong:
            with pytest.raises(InvalidCursor):
                use(cursor, **one)
        for forged in (
            "",
            ".",
            packed,
            f"{packed}.",
            f"{packed}A.{signature}",
            "é.\ud800",
            "x" * 2_000,
        ):
            with pytest.raises(InvalidCursor):
                use(forged or "-", q="a", sort="email")


def test_a_total_is_counted_when_asked_and_kept_for_a_while(app: Flask) -> None:
    calls: list[str] = []

    def count() -> int:
        calls.append("counted")
        return 1_234

    with app.test_request_context("/birds"):
        plain = pagination.answer([], _cut({}), key="birds", total=count)
        assert "total" not in plain.json
        assert not calls
        for _ in range(3):
            answer = pagination.answer([], _cut({"total": True}), key="birds", total=count)
            assert answer.json["total"] == 1_234
        pagination.answer([], _cut({"total": True, "q": "a"}), key="birds", total=count)
    assert len(calls) == 2


def _cut(args: dict[str, Any]) -> pagination.Window:
    window = pagination.window("birds", args)
    pagination.cut([], window)
    return window
