"""The quick way to the User JSON says the same as the schema."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from gatehouse.core.ids import new_id
from gatehouse.users import PUBLIC_COLUMNS, UserOut, render
from gatehouse.web.json import dumps

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "at", [NOON, NOON.replace(microsecond=0), NOON + timedelta(microseconds=4)]
)
@pytest.mark.parametrize("roles", [[], ["user"], ["user", "super_admin", "admin"]])
@pytest.mark.parametrize("optional", [None, "text"])
def test_agrees_with_the_schema(at: datetime, roles: list[str], optional: str | None) -> None:
    row = {column.key: optional for column in PUBLIC_COLUMNS} | {
        "id": new_id(),
        "email": "jane@example.com",
        "is_active": True,
        "is_verified": False,
        "created_at": at,
        "updated_at": at + timedelta(days=1),
        "created_by": optional and new_id(),
        "version": 3,
    }
    document = render(row, roles)
    assert orjson.loads(dumps(document)) == UserOut().dump(document)
    assert list(document) == list(UserOut().fields)
    assert document["is_superuser"] is ("super_admin" in roles)
