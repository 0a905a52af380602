"""Password hashes: exact, never cut, of one cost, imported forms taken over (R31 to R33, R41)."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import bcrypt
import pytest
from flask import Flask
from passlib.hash import (
    argon2,
    django_argon2,
    django_bcrypt,
    django_bcrypt_sha256,
    django_pbkdf2_sha256,
    pbkdf2_sha256,
    pbkdf2_sha512,
    scrypt,
)

from gatehouse.infra import hashing
from gatehouse.infra.hashing import Hasher, Verified, hash_password, verify_password
from gatehouse.settings import Settings

WRONG = Verified(False)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = Flask(__name__)
    settings = Settings.load({"INSTANCE_DIR": str(tmp_path), "BCRYPT_ROUNDS": "4"})
    app.config["SETTINGS"] = settings
    hashing.init_app(app, settings)
    with app.app_context():
        yield app


@pytest.mark.usefixtures("app")
class TestPasswords:
    def test_hash_and_verify(self) -> None:
        """R40: a pre-hash under bcrypt, and a salt of its own for each."""
        stored = hash_password("testpass123")
        assert stored.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")
        assert stored != hash_password("testpass123")
        assert verify_password("testpass123", stored) == Verified(True)
        assert verify_password("testpass124", stored) == WRONG
        assert hashing.hash_now("testpass123").startswith("$bcrypt-sha256$")

    @pytest.mark.parametrize("start", ["a" * 72, "é" * 36, "🦊" * 18, "a" * 71 + "\0"])
    def test_more_than_72_bytes_count(self, start: str) -> None:
        """R31: passwords equal in their first 72 bytes are not interchangeable."""
        stored = hash_password(start + "x")
        assert verify_password(start + "x", stored).ok
        for other in (start, start + "y", start + "xx"):
            assert verify_password(other, stored) == WRONG

    def test_nul_is_a_character_like_any(self) -> None:
        """R32"""
        stored = hash_password("before\0after")
        assert verify_password("before\0after", stored).ok
        assert verify_password("before\0other", stored) == WRONG
        assert verify_password("before", stored) == WRONG

    @pytest.mark.parametrize("other", ["pass Word", " Pass Word", "Pass Word ", "Pass  Word", ""])
    def test_every_code_point_counts(self, other: str) -> None:
        """R33: nothing is trimmed, folded or normalised."""
        assert verify_password(other, hash_password("Pass Word")) == WRONG
        assert verify_password("e\u0301tude", hash_password("\u00e9tude")) == WRONG

    @pytest.mark.parametrize(
        "password", ["\ud800", "pass\udfff", "x" * 1025, "é" * 2000, "", "y" * 1_000_000]
    )
    @pytest.mark.parametrize("stored", [None, "", "!", "$2b$04$", "x" * 255, "ünïcödé", "decoy"])
    def test_odd_input_is_wrong_and_costs_one_verification(
        self, app: Flask, password: str, stored: str | None
    ) -> None:
        """R38, R43: nothing raises, nothing long is hashed, every path costs the same."""
        hasher = app.extensions[hashing.EXTENSION].hasher
        with patch("bcrypt.hashpw", wraps=bcrypt.hashpw) as work:
            assert (
                verify_password(password, hasher._decoy if stored == "decoy" else stored) == WRONG
            )
        assert work.call_count == 1
        (secret, salt), _ = work.call_args
        assert len(secret) <= 72
        assert salt.startswith(b"$2b$04$")

    def test_a_text_that_cannot_be_a_password_is_never_stored(self) -> None:
        for text in ("\ud800", "x" * 1025):
            with pytest.raises(ValueError, match="cannot be a password"):
                hash_password(text)


@pytest.mark.usefixtures("app")
class TestImportedHashes:
    @pytest.mark.parametrize(
        "stored",
        [
            bcrypt.hashpw("pässword".encode(), bcrypt.gensalt(4)).decode(),
            bcrypt.hashpw("pässword".encode(), bcrypt.gensalt(4, b"2a")).decode(),
            bcrypt.hashpw("pässword".encode(), bcrypt.gensalt(4)).decode().replace("$2b", "$2y"),
            argon2.using(memory_cost=64, rounds=1).hash("pässword"),
            scrypt.using(rounds=4).hash("pässword"),
            pbkdf2_sha256.using(rounds=10).hash("pässword"),
            pbkdf2_sha512.using(rounds=10).hash("pässword"),
            django_pbkdf2_sha256.using(rounds=10).hash("pässword"),
            django_argon2.using(memory_cost=64, rounds=1).hash("pässword"),
            django_bcrypt.using(rounds=4).hash("pässword"),
            django_bcrypt_sha256.using(rounds=4).hash("pässword"),
        ],
        # Their salts are random, and parallel processes must agree on the names of tests.
        ids=lambda stored: stored.split("$")[0] or stored.split("$")[1],
    )
    def test_they_verify_once_and_are_replaced(self, stored: str) -> None:
        assert verify_password("passwort", stored) == WRONG
        verified = verify_password("pässword", stored)
        assert verified.ok
        assert verified.new_hash is not None
        assert verified.new_hash.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")
        assert verify_password("pässword", verified.new_hash) == Verified(True)

    @pytest.mark.parametrize("form", ["{}", "bcrypt${}"])
    def test_plain_bcrypt_never_cuts(self, form: str) -> None:
        """R31, R32: the importer's library may have cut; we do not let the rest be anything."""
        stored = form.format(bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4)).decode())
        assert verify_password("a" * 72, stored).ok
        for longer in ("a" * 73, "a" * 72 + "\0", "a" * 71 + "é"):
            assert verify_password(longer, stored) == WRONG
        stored = form.format(bcrypt.hashpw(b"before", bcrypt.gensalt(4)).decode())
        assert verify_password("before\0after", stored) == WRONG


@pytest.mark.usefixtures("app")
class TestCost:
    @pytest.mark.parametrize("before", [5, 6])
    def test_a_changed_cost_is_carried_to_old_hashes(self, before: int) -> None:
        """R41: at the next log-in, whether the cost rose or fell."""
        stored = Hasher(before).hash("testpass123")
        verified = verify_password("testpass123", stored)
        assert verified.new_hash is not None
        assert ",r=4$" in verified.new_hash
        assert verify_password("wrong", stored) == WRONG

    def test_the_decoy_has_the_cost_of_a_hash_and_opens_for_nothing(self, app: Flask) -> None:
        """R43, R44"""
        decoys = {Hasher(4)._decoy for _ in range(20)}
        assert len(decoys) == 20
        for decoy in decoys:
            assert verify_password("-", decoy) == WRONG
            assert verify_password("", decoy) == WRONG
