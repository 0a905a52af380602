"""Signing keys: made, published before they sign, rotated, retired, read from files (R3, R14)."""

import hashlib
import json
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from flask import Flask
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from gatehouse.core import clock
from gatehouse.infra import db, keys
from gatehouse.infra.db import engines
from gatehouse.infra.keys import LastSigningKey, NoSigningKey, NoSuchKey, key_set, key_table
from gatehouse.settings import Secret, Settings, SettingsError
from tests.support.environment import change

NOW = timedelta(0)
OTHER_DATA_KEY = Secret(urlsafe_b64encode(b"another key of 32 bytes, really!").decode())


@contextmanager
def application(instance: Path, **variables: str) -> Iterator[Flask]:
    app = Flask(__name__)
    settings = Settings.load({"INSTANCE_DIR": str(instance), **variables})
    app.config["SETTINGS"] = settings
    db.init_app(app, settings)
    keys.init_app(app)
    with app.app_context():
        table = key_table.SigningKeyRow.metadata.tables["signing_keys"]
        table.create(db.sqlalchemy.engine, checkfirst=True)
        try:
            yield app
        finally:
            db.sqlalchemy.engine.dispose()
            engines.dispose(app)


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    if request.param == "sqlite":
        with application(tmp_path) as app:
            yield app
        return
    server = request.getfixturevalue("postgres_url")
    name = f"keys_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            url = server.rpartition("/")[0] + f"/{name}"
            with application(tmp_path, DATABASE_URL=url) as app:
                yield app
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def lone_app(tmp_path: Path) -> Iterator[Flask]:
    with application(tmp_path) as app:
        yield app


def state(kid: str) -> str:
    return next(key.state for key in keys.list_keys() if key.kid == kid)


def test_the_first_key_is_made_in_development(app: Flask) -> None:
    keys.ensure()
    first = keys.current()
    assert first.signing.algorithm == "EdDSA"
    keys.ensure()
    assert keys.current().signing.kid == first.signing.kid
    assert len(keys.list_keys()) == 1


def test_production_makes_no_key_and_does_not_start_without(app: Flask) -> None:
    change(app, app_env="production")
    with pytest.raises(SettingsError, match="flask keys generate") as caught:
        keys.ensure()
    assert len(caught.value.problems) == 1
    with pytest.raises(NoSigningKey):
        _ = keys.current().signing
    keys.generate(activates_in=NOW)
    keys.ensure()


def test_the_private_part_is_stored_encrypted(app: Flask) -> None:
    """R40"""
    keys.ensure()
    (row,) = key_table._rows()
    assert "PRIVATE" not in str(row)
    assert "d" not in row.public_jwk
    change(app, data_keys=(OTHER_DATA_KEY,))
    with pytest.raises(SettingsError, match="DATA_KEYS"):
        keys.ensure()


def test_a_key_that_cannot_be_opened_stops_no_verification(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DATA_KEYS of this process are older than those that wrote the key that signs now."""
    keys.ensure()
    kid = keys.current().signing.kid
    change(app, data_keys=(OTHER_DATA_KEY,))
    monkeypatch.setattr(keys, "_REREAD_SECONDS", 0.0)
    with capture_logs() as logged:
        found = keys.current()
        assert found.is_unreadable

    assert kid in found.by_kid
    with pytest.raises(NoSigningKey):
        _ = found.signing
    (line,) = logged
    assert (line["event"], line["log_level"], line["kid"]) == (
        "signing_key_unreadable",
        "error",
        kid,
    )
    assert "DATA_KEYS" in line["remedy"]


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_a_token_verifies_from_the_published_keys_alone(lone_app: Flask, algorithm: str) -> None:
    change(lone_app, algorithm=algorithm)
    keys.ensure()
    signing = keys.current().signing
    token = jwt.encode({"sub": "1"}, signing.private, algorithm, headers={"kid": signing.kid})
    published = json.loads(json.dumps(keys.current().jwks()))
    key = jwt.PyJWKSet.from_dict(published)[signing.kid]
    assert jwt.decode(token, key, algorithms=[algorithm]) == {"sub": "1"}
    (jwk,) = published["keys"]
    assert (jwk["use"], jwk["alg"]) == ("sig", algorithm)
    assert not {"d", "p", "q", "k"} & jwk.keys()
    assert keys.find(signing.kid) is not None


def test_the_kid_is_the_thumbprint() -> None:
    """RFC 8037, appendix A.3, and RFC 7638, section 3.1."""
    octets = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    key = key_set.public_key({"kty": "OKP", "crv": "Ed25519", "x": octets})
    assert key_set.thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key_set.public_jwk(key)["x"] == octets
    private = rsa.generate_private_key(65537, 2048)
    jwk = key_set.public_jwk(private.public_key())
    members = json.dumps({name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
    digest = hashlib.sha256(members.encode()).digest()
    assert (
        key_set.thumbprint(private.public_key()) == urlsafe_b64encode(digest).rstrip(b"=").decode()
    )
    assert (
        int.from_bytes(urlsafe_b64decode(jwk["n"] + "=="))
        == private.public_key().public_numbers().n
    )


def test_rotation_publishes_first_then_signs_then_lets_the_old_one_go(app: Flask) -> None:
    """R14: nobody is logged out, and the old key is refused in the end."""
    keys.ensure()
    old = keys.current().signing.kid
    new = keys.rotate()
    published = keys.refresh()
    assert published.signing.kid == old, "other processes do not know the new one yet"
    assert {key["kid"] for key in published.jwks()["keys"]} == {old, new}
    assert (state(old), state(new)) == ("signing", "coming")
    with clock.shifted(timedelta(minutes=2)):
        assert keys.refresh().signing.kid == new
        assert keys.find(old) is not None
        assert (state(old), state(new)) == ("trusted", "signing")
    with clock.shifted(timedelta(minutes=17)):
        assert keys.refresh().by_kid.keys() == {old, new}, "tokens of 15 minutes still live"
    with clock.shifted(timedelta(minutes=20)):
        assert keys.refresh().by_kid.keys() == {new}
        assert (state(old), state(new)) == ("retired", "signing")


def test_retiring_is_immediate_and_spares_the_last_key(app: Flask) -> None:
    keys.ensure()
    first = keys.current().signing.kid
    with pytest.raises(LastSigningKey):
        keys.retire(first)
    second = keys.generate(activates_in=NOW)
    before = keys.refresh().version
    keys.retire(first)
    after = keys.refresh()
    assert after.by_kid.keys() == {second}
    assert after.version != before
    keys.retire(first)
    with pytest.raises(NoSuchKey):
        keys.retire("unknown")


def test_a_key_of_another_algorithm_verifies_but_does_not_sign(lone_app: Flask) -> None:
    """R3: each key is trusted for its own algorithm only."""
    keys.ensure()
    old = keys.current().signing.kid
    change(lone_app, algorithm="RS256")
    keys.ensure()
    current = keys.current()
    assert current.signing.algorithm == "RS256"
    assert current.by_kid[old].algorithm == "EdDSA"


def test_unknown_kids_read_the_table_once_a_second(app: Flask) -> None:
    """R4: strangers may write anything into the header and cost us nothing."""
    keys.ensure()
    with (
        patch.object(keys, "monotonic", return_value=1e9),
        patch.object(key_table, "load", wraps=key_table.load) as load,
    ):
        assert keys.find("x") is None
        for kid in ("x", "../../etc/passwd", "' OR 1=1 --", "k" * 5000, ["x"], {"k": 1}, None, 7):
            assert keys.find(kid) is None
        assert load.call_count == 1
        new = keys.generate()
        assert keys.find(new) is None
    with patch.object(keys, "monotonic", return_value=1e9 + 1.1):
        assert keys.find(new) is not None


def test_the_table_is_read_again_after_thirty_seconds(app: Flask) -> None:
    keys.ensure()
    began = keys._cache().known[1]  # type: ignore[index]
    new = keys.generate(activates_in=NOW)
    with patch.object(keys, "monotonic", return_value=began + 29):
        assert new not in keys.current().by_kid
    with patch.object(keys, "monotonic", return_value=began + 30):
        assert keys.current().signing.kid == new


def test_without_the_database_the_known_keys_stay(lone_app: Flask) -> None:
    keys.ensure()
    known = keys.current()
    gone = OperationalError("select", {}, Exception("gone"))
    far = keys._cache().known[1] + 100  # type: ignore[index]
    with patch.object(key_table, "load", side_effect=gone) as load:
        with patch.object(keys, "monotonic", return_value=far):
            assert [keys.current() for _ in range(10)] == [known] * 10
        assert load.call_count == 1
        with patch.object(keys, "monotonic", return_value=far + 1.1):
            assert keys.current() is known
        assert load.call_count == 2


def test_no_thread_sees_half_a_set(app: Flask) -> None:
    """C16: whoever asks while the keys are replaced gets one complete state."""
    keys.ensure()
    end = threading.Event()
    broken: list[object] = []

    def ask() -> None:
        with app.app_context():
            while not end.is_set():
                current = keys.current()
                if current.signing.kid not in current.by_kid:
                    broken.append(current)
                time.sleep(0.0005)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        kid = keys.generate(activates_in=NOW)
        keys.refresh()
        for info in keys.list_keys():
            if info.kid != kid and info.state != "retired":
                keys.retire(info.kid)
        keys.refresh()
    end.set()
    for thread in threads:
        thread.join()
    assert broken == []
    assert len(keys.current().by_kid) == 1


def test_a_shared_secret_is_derived_and_never_published(lone_app: Flask) -> None:
    change(lone_app, algorithm="HS256")
    keys.ensure()
    before = keys.current().signing
    assert before.algorithm == "HS256"
    assert keys.current().jwks() == {"keys": []}
    assert keys.list_keys() == []
    old = lone_app.config["SETTINGS"].secret_key
    change(lone_app, secret_key=Secret("another secret of enough bytes.."), secret_key_previous=old)
    after = keys.refresh()
    assert after.signing.kid != before.kid
    assert after.by_kid[before.kid].key == before.private


class TestKeyFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "keys"

    def use(self, app: Flask, file: Path, content: str) -> key_set.KeySet:
        file.write_text(content)
        change(app, jwt_keys_file=file)
        keys.ensure()
        return keys.current()

    def test_pem(self, lone_app: Flask, file: Path) -> None:
        signs, other = key_set.new_private_key("EdDSA"), key_set.new_private_key("EdDSA")
        public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        found = self.use(lone_app, file, public.decode() + "a note\n" + key_set.to_pem(signs))
        assert found.signing.kid == key_set.thumbprint(signs.public_key())
        assert found.by_kid.keys() == {
            key_set.thumbprint(key.public_key()) for key in (signs, other)
        }
        assert keys.list_keys() == [], "the table stays empty"

    def test_json_web_key_set(self, lone_app: Flask, file: Path) -> None:
        private = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
        private |= {"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "kid": "ours"}
        found = self.use(lone_app, file, json.dumps({"keys": [private]}))
        assert found.signing.kid == "ours"
        assert "d" not in found.jwks()["keys"][0]

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "{",
            "{}",
            '{"keys": 1}',
            '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
            '{"kty": "OKP", "crv": "Ed25519", "x": "short"}',
            "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----",
        ],
    )
    def test_odd_files_are_one_line(self, lone_app: Flask, file: Path, content: str) -> None:
        with pytest.raises(SettingsError) as caught:
            self.use(lone_app, file, content)
        (line,) = caught.value.problems
        assert line.startswith("JWT_KEYS_FILE: ")
        assert "\n" not in line

    def test_weak_and_foreign_keys_are_refused(self, lone_app: Flask, file: Path) -> None:
        weak = rsa.generate_private_key(65537, 1024)
        curve = ec.generate_private_key(ec.SECP256R1())
        for key in (weak, curve):
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with pytest.raises(SettingsError, match="JWT_KEYS_FILE"):
                self.use(lone_app, file, pem.decode())

    def test_a_missing_file(self, lone_app: Flask, file: Path) -> None:
        change(lone_app, jwt_keys_file=file)
        with pytest.raises(SettingsError, match="no such file"):
            keys.ensure()
