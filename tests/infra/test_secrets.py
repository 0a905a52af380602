"""Derived keys and encrypted secrets."""

import secrets as random
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from gatehouse.infra import secrets
from gatehouse.infra.secrets import Purpose
from gatehouse.settings import Secret, Settings
from tests.support.environment import change

OLD, NEW = "c0a1f7e29b4d8356af10e2c7d95b3648", "7d95b36481ee4720b9dc0a1f7e29b4d8"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = Flask(__name__)
    app.config["SETTINGS"] = Settings.load({"INSTANCE_DIR": str(tmp_path), "SECRET_KEY": OLD})
    with app.app_context():
        yield app


def test_every_purpose_has_a_key_of_its_own(app: Flask) -> None:
    """R7: what was made for one purpose verifies for no other."""
    keys = {secrets.derive(purpose) for purpose in Purpose}
    assert len(keys) == len(Purpose)
    assert {len(key) for key in keys} == {32}
    assert OLD.encode() not in keys
    made = secrets.mac(Purpose.ONE_TIME, "id")
    assert secrets.mac_matches(Purpose.ONE_TIME, made, "id")
    assert not secrets.mac_matches(Purpose.CURSOR, made, "id")


def test_labels_never_change(app: Flask) -> None:
    """A changed label would end every session and link of a running service."""
    assert secrets.derive(Purpose.REFRESH).hex() == (
        "e907885c5e66f35f5c246d70b2bb29bfe0b4c73cf4954684d6ba2c30f6aef414"
    )


def test_the_parts_of_a_message_are_told_apart(app: Flask) -> None:
    assert secrets.mac(Purpose.COUNTER, "ab", "c") != secrets.mac(Purpose.COUNTER, "a", "bc")
    assert secrets.mac(Purpose.COUNTER, "ab") != secrets.mac(Purpose.COUNTER, "ab", "")


@pytest.mark.parametrize("given", ["", "x", "é", "\ud800", "0" * 64, "a" * 10_000])
def test_a_wrong_mac_is_only_wrong(app: Flask, given: str) -> None:
    assert not secrets.mac_matches(Purpose.CURSOR, given, "\ud800 any text")


def test_the_previous_key_still_verifies_and_makes_nothing(app: Flask) -> None:
    before = secrets.mac(Purpose.ONE_TIME, "id")
    change(app, secret_key=Secret(NEW), secret_key_previous=Secret(OLD))
    assert secrets.mac(Purpose.ONE_TIME, "id") != before
    assert secrets.mac_matches(Purpose.ONE_TIME, before, "id")
    assert len(secrets.derive_all(Purpose.REFRESH)) == 2
    change(app, secret_key_previous=None)
    assert not secrets.mac_matches(Purpose.ONE_TIME, before, "id")


def test_stored_secrets_are_encrypted_and_move_to_the_first_key(app: Flask) -> None:
    """R40: a dump of the database holds nothing to use."""
    stored = secrets.encrypt("a secret, ünïcödé")
    assert "secret" not in stored
    assert secrets.encrypt("a secret, ünïcödé") != stored
    assert secrets.decrypt(stored) == "a secret, ünïcödé"
    old = app.config["SETTINGS"].data_keys
    new = Secret(urlsafe_b64encode(random.token_bytes(32)).decode())
    change(app, data_keys=(new, *old))
    moved = secrets.reencrypt(stored)
    assert moved is not None
    assert secrets.reencrypt(moved) is None
    change(app, data_keys=(new,))
    assert secrets.decrypt(moved) == "a secret, ünïcödé"
    for function in (secrets.decrypt, secrets.reencrypt):
        with pytest.raises(secrets.Undecryptable):
            function(stored)
        with pytest.raises(secrets.Undecryptable):
            function("damaged")


def test_a_key_is_not_shown_by_accident(app: Flask) -> None:
    assert OLD not in repr(app.config["SETTINGS"])
