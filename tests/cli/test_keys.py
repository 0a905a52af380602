"""`flask keys`: made, published before they sign, and retired."""

from base64 import urlsafe_b64encode
from secrets import token_bytes

import pytest
from flask import Flask

from gatehouse.infra import keys
from gatehouse.settings import Secret
from tests.cli.commands import run
from tests.conftest import MakeApp
from tests.support.api import Api
from tests.support.clocks import Clock
from tests.support.environment import change
from tests.users import records


def states(app: Flask) -> dict[str, str]:
    listed = run(app, "keys", "list", "--json").expect().json
    return {key["kid"]: key["state"] for key in listed}


def reread(app: Flask) -> None:
    with app.app_context():
        keys.refresh()


def test_a_rotation_logs_nobody_out(app: Flask, client: Api, clock: Clock) -> None:
    """R14: old and new are accepted together, and the old one is refused in the end."""
    person = client.sign_up()
    (old,) = states(app)
    said = run(app, "keys", "rotate").expect(0, "signs in 60 s", f"{old} is trusted until")
    new = said.out.split()[1].rstrip(",")
    assert states(app) == {old: "signing", new: "coming"}
    clock.forward(minutes=2)
    reread(app)
    assert states(app) == {old: "trusted", new: "signing"}
    assert person.is_in()
    assert person.again().is_in()
    run(app, "keys", "retire", old, "--yes").expect(0, "now")
    reread(app)
    assert states(app) == {old: "retired", new: "signing"}
    assert not person.is_in()
    assert person.refreshed().is_in()
    noted = [(e.type, e.target) for e in records.events(app, "key.generated", "key.retired")]
    assert noted == [("key.generated", new), ("key.retired", old)]


def test_the_last_key_stays(app: Flask) -> None:
    (kid,) = states(app)
    run(app, "keys", "retire", kid, "--yes").expect(1, "only key")
    run(app, "keys", "retire", "-no-such-key", "--yes").expect(1, "no such signing key")


def test_a_key_beside_the_others(app: Flask) -> None:
    (old,) = states(app)
    said = run(app, "keys", "generate", "--in", "120").expect(0, "in 120 s")
    kid = said.out.split()[1].rstrip(",")
    assert states(app) == {old: "signing", kid: "coming"}
    run(app, "keys", "list").expect(0, kid, "coming", "EdDSA")
    run(app, "keys", "generate", "--algorithm", "none").expect(2)
    run(app, "keys", "retire", old, "--after", "10", "--yes").expect(1, "only key")
    run(app, "keys", "retire", kid, "--yes").expect()


def test_stored_secrets_move_to_the_first_data_key(app: Flask) -> None:
    old = app.config["SETTINGS"].data_keys
    new = Secret(urlsafe_b64encode(token_bytes(32)).decode())
    change(app, data_keys=(new, *old))
    run(app, "keys", "reencrypt").expect(0, "rewrote 1, 0 had the first key already")
    run(app, "keys", "reencrypt").expect(0, "rewrote 0, 1 had the first key already")
    change(app, data_keys=(new,))
    with app.app_context():
        assert keys.refresh().signing
    change(app, data_keys=old)
    run(app, "keys", "reencrypt").expect(1, "1 were encrypted with none of DATA_KEYS")
    noted = [event.details for event in records.events(app, "secrets.reencrypted")]
    assert noted == [{"count": 1}, {"count": 0}, {"count": 0}]


@pytest.mark.parametrize("words", [["generate"], ["list"], ["rotate"], ["retire", "x"]])
def test_shared_secrets_are_no_keys(make_app: MakeApp, words: list[str]) -> None:
    run(make_app(ALGORITHM="HS256"), "keys", *words).expect(1, "SECRET_KEY")
