"""`flask seed`: believable, reproducible, and as good as people who signed up."""

from itertools import pairwise
from uuid import UUID

import psycopg
import pytest
from flask import Flask

from gatehouse.cli.seed import people
from tests.cli.commands import run
from tests.conftest import MakeApp
from tests.support.api import Api
from tests.users import records


def test_a_seeded_person_logs_in(app: Flask, client: Api) -> None:
    outcome = run(app, "seed", "--users", "30").expect(0, "made 30 accounts")
    first = next(people.batches(30, seed=0))
    for one in first[:3]:
        person = client.log_in(one.email.upper(), outcome.password)
        me = person.me()
        assert me["id"] == str(UUID(one.id))
        assert me["roles"] == ["user"]
        assert (me["username"], me["name"], me["locale"]) == (one.username, one.name, one.locale)
        assert me["created_at"] == one.created_at.isoformat().replace("+00:00", "Z")
        changed = person.patch("/users/me", {"name": "Another"}).expect(200).json
        assert changed["name"] == "Another"
    assert records.mails(app) == []
    event = records.events(app, "users.seeded")[0]
    assert event.details == {"users": 30, "seed": 0}


def test_the_same_seed_is_the_same_people() -> None:
    count = people.BATCH + 5
    one, again, other = (
        [person for batch in people.batches(count, seed=seed) for person in batch]
        for seed in (3, 3, 4)
    )
    assert one == again
    assert len(one) == count
    assert not {p.email for p in one} & {p.email for p in other}
    assert not {p.username for p in one if p.username} & {p.username for p in other}
    for column in ("id", "email"):
        assert len({getattr(person, column) for person in one}) == count
    names = [person.username for person in one if person.username]
    assert len(set(names)) == len(names)
    assert all(a.id < b.id and a.created_at < b.created_at for a, b in pairwise(one))
    for person in one[::997]:
        assert UUID(person.id).version == 7
        assert UUID(person.id).variant == "specified in RFC 4122"
        assert UUID(person.id).int >> 80 == int(person.created_at.timestamp() * 1000)


def test_names_pass_the_rules_of_sign_up(app: Flask, client: Api) -> None:
    """Whoever was seeded could have signed up: same folding, same grammar."""
    for person in next(people.batches(40, seed=12)):
        body = {"email": person.email, "password": "a fine Password", "username": person.username}
        body |= {"name": person.name, "locale": person.locale}
        given = {name: value for name, value in body.items() if value is not None}
        made = client.at().post("/users", given).expect(201).json
        assert made.items() >= {k: v for k, v in given.items() if k != "password"}.items()


def test_a_seed_is_used_once(app: Flask) -> None:
    run(app, "seed", "--users", "10", "--password", "a fine Password").expect()
    run(app, "seed", "--users", "99").expect(1, "for others: flask seed --users 99 --seed 1")
    run(app, "seed", "--users", "10", "--seed", "1").expect()
    assert len(run(app, "users", "list", "--json").json) == 20


def test_a_name_that_is_taken_undoes_the_batch(app: Flask, client: Api) -> None:
    wanted = next(people.batches(10, seed=0))
    client.sign_up(username=next(p.username for p in wanted[1:] if p.username))
    run(app, "seed", "--users", "10").expect(1)
    assert len(run(app, "users", "list", "--json").json) == 1


def test_a_weak_password_is_refused(app: Flask) -> None:
    run(app, "seed", "--password", "password1").expect(1, "password: ")
    run(app, "seed", "--users", "0").expect(2)


def test_who_keeps_statistics_already_is_not_waited_for(app: Flask, database_url: str) -> None:
    """PostgreSQL comes by itself to look at tables that grow, and holds the lock meanwhile."""
    if app.config["SETTINGS"].is_sqlite:
        pytest.skip("SQLite has no lock of this kind")
    with psycopg.connect(database_url) as vacuum:
        vacuum.execute("LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE")
        run(app, "seed", "--users", "3").expect(0, "made 3 accounts")


@pytest.mark.full
def test_a_hundred_thousand(make_app: MakeApp) -> None:
    app = make_app()
    run(app, "seed", "--users", "100000").expect(0, "made 100,000 accounts")
    assert len(records.rows(app, "users")) == 100_000
    assert len(run(app, "users", "list", "--json", "--limit", "5000").json) == 5_000


def test_production_wants_to_be_sure(make_app: MakeApp) -> None:
    """Accounts with one shared password are nothing for real people's neighbours."""
    app = make_app(
        APP_ENV="production",
        PUBLIC_URL="https://accounts.example.org",
        TRUSTED_HOSTS="accounts.example.org",
        MAIL_FROM="accounts@example.org",
        SMTP_HOST="mail.example.org",
        BCRYPT_ROUNDS="12",
    )
    run(app, "seed", "--users", "3").expect(1, "--force")
    run(app, "seed", "--users", "3", "--force").expect()
