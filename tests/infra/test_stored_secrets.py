"""Stored secrets move to the first of DATA_KEYS, whichever table keeps them."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from secrets import token_bytes

import pytest
from flask import Flask
from sqlalchemy import update

from gatehouse.infra import db, keys, secrets, stored_secrets
from gatehouse.infra.keys.key_table import SigningKeyRow
from gatehouse.infra.stored_secrets import Counts
from gatehouse.settings import Secret
from tests.support.environment import change

NEW = Secret(urlsafe_b64encode(token_bytes(32)).decode())


@pytest.fixture
def old(app: Flask) -> Iterator[tuple[Secret, ...]]:
    """Have five signing keys, and return the DATA_KEYS with which they were encrypted."""
    with app.app_context():
        for _ in range(4):
            keys.generate()
        yield app.config["SETTINGS"].data_keys


def test_they_move_in_batches_and_once(
    app: Flask, old: tuple[Secret, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_secrets, "BATCH", 2)
    assert stored_secrets.reencrypt() == Counts(kept=5)
    change(app, data_keys=(NEW, *old))
    assert stored_secrets.reencrypt() == Counts(rewritten=5)
    assert stored_secrets.reencrypt() == Counts(kept=5)
    change(app, data_keys=(NEW,))
    assert keys.refresh().signing


def test_what_no_key_opens_is_counted_and_left(app: Flask, old: tuple[Secret, ...]) -> None:
    change(app, data_keys=(NEW,))
    mine = keys.generate()
    change(app, data_keys=(Secret(urlsafe_b64encode(token_bytes(32)).decode()), NEW))
    assert stored_secrets.reencrypt() == Counts(rewritten=1, unreadable=5)
    change(app, data_keys=old)
    assert keys.refresh().signing.kid != mine


def test_a_secret_that_changes_meanwhile_is_not_put_back(
    app: Flask, old: tuple[Secret, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(app, data_keys=(NEW, *old))
    newer, found = secrets.encrypt("newer"), secrets.reencrypt

    def slow(token: str) -> str | None:
        db.session.execute(update(SigningKeyRow).values(private_encrypted=newer))
        return found(token)

    monkeypatch.setattr(secrets, "reencrypt", slow)
    assert stored_secrets.reencrypt() == Counts(kept=5)
    assert {row.private_encrypted for row in db.reader.rows(SigningKeyRow.__table__.select())} == {
        newer
    }


def test_every_column_that_says_so_is_found() -> None:
    """What is encrypted and not found would be lost with the old key."""
    named = {
        column
        for table in db.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("encrypted")
    }
    assert named == set(stored_secrets.columns())
