"""Secrets that can be guessed, and signing keys that change under load (R6, R14)."""

import hmac
import os
import subprocess
import sys
import threading
from base64 import urlsafe_b64encode
from functools import partial
from pathlib import Path

import jwt
import pytest
from flask import Flask

from gatehouse.infra import keys
from gatehouse.settings import Settings, SettingsError
from tests.conftest import MakeApp
from tests.servers.server import ROOT
from tests.support import forge
from tests.support.answers import InProcess
from tests.support.api import PASSWORD, Api
from tests.support.clocks import Clock
from tests.support.environment import DATA_KEYS, SECRET_KEY
from tests.support.people import in_context

WORDS = """
    secret SECRET Secret secretkey secret_key secret-key SECRET_KEY my_secret mysecret
    my-secret my_secret_key mysecretkey supersecret super-secret super_secret supersecretkey
    topsecret changeme change-me change_me changethis CHANGE_ME ChangeMe password Password
    passw0rd password123 admin root default test testing dev development production example
    sample key private privatekey private_key jwt jwtsecret jwt_secret jwt-secret JWT_SECRET
    jwt_secret_key JWT_SECRET_KEY jwt-secret-key-change-in-production flask flask-secret
    django-insecure gatehouse Gatehouse gatehouse-secret token tokensecret auth authsecret
    signing signing-key hmac hs256 HS256 key123 secret123 123456 12345678 1234567890 qwerty
    letmein abc123 abcdef none null undefined true your-256-bit-secret your-secret-key
    your_secret_key replace-me replaceme insecure notsecret shhhhh keyboard-cat
""".split()  # noqa: SIM905 - words read better without their quotes
COMMON = [*WORDS, "", " ", "0" * 32, "a" * 32, "x" * 64, "0123456789abcdef" * 2]

OTHER_DATA_KEYS = urlsafe_b64encode(b"another key of 32 bytes, really!").decode()

PRODUCTION = {
    "APP_ENV": "production",
    "PUBLIC_URL": "https://accounts.example.org",
    "TRUSTED_HOSTS": "accounts.example.org",
    "MAIL_FROM": "Team <team@example.org>",
    "SMTP_HOST": "mail.example.org",
    "DATABASE_URL": "postgresql://gatehouse@127.0.0.1/gatehouse",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SECRET_KEY": SECRET_KEY,
    "DATA_KEYS": DATA_KEYS,
}


def test_r6_production_refuses_secrets_that_can_be_guessed(tmp_path: Path) -> None:
    environ = {**PRODUCTION, "INSTANCE_DIR": str(tmp_path)}
    Settings.load(environ)
    for secret in [*COMMON, SECRET_KEY[:31], (WORDS[0] * 6)[:32], (WORDS[17] * 5)[:40]]:
        with pytest.raises(SettingsError) as refusal:
            Settings.load({**environ, "SECRET_KEY": secret})
        (line,) = refusal.value.problems
        assert line.startswith("SECRET_KEY")
        assert len(secret) < 12 or secret not in line


def test_r6_the_process_does_not_start(tmp_path: Path) -> None:
    environ = {**PRODUCTION, "INSTANCE_DIR": str(tmp_path), "SECRET_KEY": "changeme" * 5}
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stdout + done.stderr
    assert "changemechangeme" not in done.stdout + done.stderr


@pytest.mark.parametrize("algorithm", ["EdDSA", "HS256"])
def test_r6_no_token_verifies_against_common_secrets(make_app: MakeApp, algorithm: str) -> None:
    assert len(COMMON) >= 80
    person = Api(InProcess(make_app(ALGORITHM=algorithm))).sign_up()
    for token in (person.token, person.refresh_token):
        signing_input, _, signature = token.rpartition(".")
        for secret in [*COMMON, SECRET_KEY, DATA_KEYS]:
            for digest in ("sha256", "sha512"):
                mac = hmac.digest(secret.encode(), signing_input.encode(), digest)
                assert forge.b64(mac) != signature


def test_r14_keys_rotate_under_load(app: Flask, client: Api, clock: Clock) -> None:
    """Old and new are good while both are published, nobody is logged out, the old one ends."""
    person = client.sign_up()
    old_kid = jwt.get_unverified_header(person.token)["kid"]
    failures: list[str] = []
    stop = threading.Event()

    def use() -> None:
        someone = person
        while not stop.is_set():
            for answer in (someone.get("/users/me"), person.get("/users/me")):
                if answer.status != 200:
                    failures.append(str(answer))
            someone = person.again()

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        new_kid = in_context(app, keys.rotate)
        in_context(app, keys.refresh)
        published = client.request("GET", "/.well-known/jwks.json").json["keys"]
        assert {key["kid"] for key in published} == {old_kid, new_kid}
        assert jwt.get_unverified_header(person.again().token)["kid"] == old_kid
        clock.forward(seconds=keys.PUBLISHED_AHEAD.total_seconds() + 1)
        in_context(app, keys.refresh)
        newer = person.again()
        assert jwt.get_unverified_header(newer.token)["kid"] == new_kid
        assert person.is_in()
        assert newer.is_in()
        assert jwt.get_unverified_header(newer.refreshed().token)["kid"] == new_kid
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    # By the time the old key ends, its last token has expired and its sessions go on.
    successor = person.refreshed()
    clock.forward(minutes=18)
    in_context(app, keys.refresh)
    published = client.request("GET", "/.well-known/jwks.json").json["keys"]
    assert [key["kid"] for key in published] == [new_kid]
    person.get("/users/me").expect(401, "invalid_token")
    assert successor.refreshed().is_in()


def test_r14_a_retired_key_is_refused_at_once(
    app: Flask, make_app: MakeApp, client: Api, clock: Clock
) -> None:
    person = client.sign_up()
    old_kid = jwt.get_unverified_header(person.token)["kid"]
    in_context(app, partial(keys.rotate, activates_in=keys.PUBLISHED_AHEAD))
    clock.forward(seconds=90)
    in_context(app, keys.refresh)
    newer = person.refreshed()
    assert person.is_in()
    in_context(app, partial(keys.retire, old_kid))
    in_context(app, keys.refresh)
    person.get("/users/me").expect(401, "invalid_token")
    assert newer.is_in()
    # Another process that reads the keys for the first time sees the same.
    other = InProcess(make_app())
    assert Api(other, token=newer.token).get("/users/me").status == 200
    Api(other, token=person.token).get("/users/me").expect(401, "invalid_token")


def test_a_signing_key_that_cannot_be_opened_is_told(
    app: Flask, make_app: MakeApp, client: Api
) -> None:
    """DATA_KEYS changed at one instance alone: another answers there, nobody gets a 500."""
    person = client.sign_up()
    other = Api(InProcess(make_app(DATA_KEYS=OTHER_DATA_KEYS)))
    credentials = {"username": person.email, "password": PASSWORD}
    other.post("/auth/login", credentials).expect(503, "no_signing_key")
    other.request("GET", "/ready").expect(503, "not_ready")
    # What was issued is still good there.
    assert Api(other.transport, token=person.token).get("/users/me").status == 200
    # Nothing was counted as a wrong password.
    client.post("/auth/login", credentials).expect(200)
    client.request("GET", "/ready").expect(200)
