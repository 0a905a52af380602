"""GET /audit-events: who sees what, in which order, through which filter."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gatehouse import audit
from gatehouse.core import clock
from gatehouse.core.ids import new_id
from gatehouse.core.principal import Origin
from gatehouse.infra import db
from tests.audit.house import ORIGIN, Happening, House

OUT = {
    "id",
    "type",
    "occurred_at",
    "actor_id",
    "subject_id",
    "target",
    "address",
    "user_agent",
    "request_id",
    "details",
    "occurrences",
}


def happen(
    house: House,
    *,
    actor_id: UUID | None = None,
    subject_id: UUID | None = None,
    times: int = 1,
    **more: Any,
) -> None:
    """Let something happen."""
    more = {"origin": ORIGIN, **more}
    with house.app.app_context(), db.unit():
        for _ in range(times):
            audit.record(Happening.HAPPENED, actor_id=actor_id, subject_id=subject_id, **more)


def test_an_event_says_who_whom_what_from_where_and_when(house: House) -> None:
    """R76, R112: a fact is whole, in UTC."""
    admin, target = house.person("admin"), new_id()
    happen(house, actor_id=admin, subject_id=target, target="thing", details={"before": 1})
    answer = house.ask("GET", "/audit-events", by=admin)
    assert answer.status_code == 200
    assert answer.json is not None
    (event,) = answer.json["events"]
    assert set(event) == OUT
    assert event["type"] == "test.happened"
    assert (event["actor_id"], event["subject_id"]) == (str(admin), str(target))
    assert (event["target"], event["details"]) == ("thing", {"before": 1})
    assert (event["address"], event["user_agent"]) == (ORIGIN.address, ORIGIN.user_agent)
    assert event["occurred_at"].endswith("Z")
    assert event["occurrences"] == 1


def test_nobody_reads_the_ledger_without_logging_in(house: House) -> None:
    assert house.ask("GET", "/audit-events").status_code == 401


def test_others_see_only_what_they_did_or_suffered(house: House) -> None:
    """R79: without `audit:read` the list holds one's own events, and no address of others."""
    me, other = house.person("user"), house.person("user")
    happen(house, actor_id=me, subject_id=other)
    happen(house, actor_id=other, subject_id=me)
    happen(house, subject_id=me)
    happen(house, actor_id=other, subject_id=other)
    shown = house.ask("GET", "/audit-events?sort=occurred_at", by=me).json["events"]
    # The plus arrives as a blank.
    plus = house.ask("GET", "/audit-events?sort=+occurred_at", by=me)
    assert plus.json["events"] == shown
    assert [(e["actor_id"], e["subject_id"]) for e in shown] == [
        (str(me), str(other)),
        (str(other), str(me)),
        (None, str(me)),
    ]
    assert [e["address"] for e in shown] == [ORIGIN.address, None, ORIGIN.address]
    path = f"/audit-events?actor_id={other}&subject_id={other}"
    assert house.ask("GET", path, by=me).json["events"] == []


def test_the_newest_come_first_and_a_cursor_goes_on(house: House) -> None:
    """C15: a row that is there throughout is seen once, whatever is added meanwhile."""
    admin = house.person("admin")
    happen(house, times=7)
    everything = house.ask("GET", "/audit-events", by=admin).json["events"]
    ids = [event["id"] for event in everything]
    assert ids == sorted(ids, reverse=True)
    seen, cursor = [], ""
    while cursor is not None:
        page = house.ask("GET", f"/audit-events?per_page=3{cursor}", by=admin).json
        seen += [event["id"] for event in page["events"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        happen(house)
    assert seen == ids


def test_a_cursor_is_good_for_its_own_list_only(house: House) -> None:
    admin, me = house.person("admin"), house.person("user")
    happen(house, actor_id=me, times=3)
    cursor = house.ask("GET", "/audit-events?per_page=1", by=admin).json["next_cursor"]
    foreign = house.ask("GET", f"/audit-events?per_page=1&cursor={cursor}", by=me)
    assert (foreign.status_code, foreign.json["code"]) == (422, "invalid_cursor")


def test_filters_narrow_the_list(house: House) -> None:
    admin, someone = house.person("admin"), new_id()
    happen(house, actor_id=someone)
    happen(house, subject_id=someone)
    with clock.shifted(timedelta(days=2)):
        happen(house)

    def number(**filters: Any) -> int:
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        answer = house.ask("GET", f"/audit-events?total=true&{query}", by=admin).json
        assert answer["total"] == len(answer["events"])
        return len(answer["events"])

    later = (clock.now() + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert number(type="test.happened") == 3
    assert number(type="test.other") == 0
    assert number(actor_id=someone) == number(subject_id=someone) == 1
    assert number(since=later) == 1
    assert number(until=later) == 2
    occurred_at = house.ask("GET", "/audit-events", by=admin).json["events"][0]["occurred_at"]
    assert number(since=occurred_at) == 1
    assert number(until=occurred_at) == 2


@pytest.mark.parametrize(
    "query",
    [
        "type=%00",
        "type=Not a type",
        "actor_id=1",
        "subject_id=me",
        "since=yesterday",
        "until=2026-01-01",
        "sort=address",
        "per_page=101",
        "address=192.0.2.1",
    ],
)
def test_what_is_no_filter_is_refused(house: House, query: str) -> None:
    """R89: no filter and no sort but those that are named."""
    answer = house.ask("GET", f"/audit-events?{query}", by=house.person("admin"))
    assert answer.status_code == 422


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_the_ends_of_time_are_moments(house: House, moment: str) -> None:
    admin = house.person("admin")
    for name in ("since", "until"):
        assert house.ask("GET", f"/audit-events?{name}={moment}", by=admin).status_code == 200


def test_what_a_client_sent_is_cleaned_and_cut(house: House) -> None:
    """R93: no control character, NUL or surrogate reaches the ledger, and no overlong text."""
    origin = Origin("192.0.2.1\n", "a\x00b\ud800\u202e" + "x" * 500, "r" * 100)
    happen(house, origin=origin, target="t" * 300)
    (event,) = house.events("test.happened")
    assert event["address"] == "192.0.2.1\ufffd"
    assert event["user_agent"].startswith("a\ufffdb\ufffd\ufffdxxx")
    assert len(event["user_agent"]) == 255
    assert (len(event["request_id"]), len(event["target"])) == (64, 100)
