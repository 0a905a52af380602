"""`flask audit`: the ledger, filtered as over the API."""

from datetime import timedelta

import pytest
from flask import Flask

from tests.cli.commands import run
from tests.support.api import Api, Person
from tests.support.clocks import Clock


def test_the_ledger_is_listed_like_over_the_api(app: Flask, client: Api, admin: Person) -> None:
    person = client.sign_up()
    run(app, "users", "grant", person.email, "admin").expect()
    told = admin.get(f"/audit-events?subject_id={person.id}").expect(200).json["events"]
    assert run(app, "audit", "list", "--subject", person.email, "--json").expect().json == told
    own = run(app, "audit", "list", "--actor", person.id, "--type", "user.registered").expect()
    heading, line = own.out.splitlines()
    assert heading.split() == ["when", "event", "by", "to", "address", "times"]
    assert line.split()[2:5] == ["user.registered", person.id, person.id]


def test_moments_and_numbers_narrow_it(app: Flask, client: Api, clock: Clock) -> None:
    now = clock.now()
    person = client.sign_up()
    subject = ("audit", "list", "--subject", person.email)
    for option, day in (("--since", now + timedelta(days=1)), ("--until", now)):
        found = run(app, *subject, option, f"{day:%Y-%m-%d}").expect()
        assert "there is no such event" in found.err
    assert run(app, *subject, "--since", f"{now:%Y-%m-%d}").expect().out
    cut = run(app, *subject, "--limit", "1").expect()
    assert len(cut.out.splitlines()) == 2
    assert "there are more than 1; --limit shows more" in cut.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--type", "login.nonsense"], 1, "login.failed"),
        (["--subject", "nobody"], 1, "there is no account nobody"),
        (["--since", "yesterday"], 2, ""),
    ],
)
def test_what_cannot_be_meant_is_refused(
    app: Flask, words: list[str], code: int, said: str
) -> None:
    run(app, "audit", "list", *words).expect(code, said)
