"""What the settings accept, complete and refuse, one clear line for each variable (R6, R115)."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from threading import Barrier

import pytest

from gatehouse.settings import Settings, SettingsError, example

AZURE, KEY = "AZURE_STORAGE_CONNECTION_STRING", "c2FtcGxl"
HTTP = "DefaultEndpointsProtocol=http"
SAFE = {
    "APP_ENV": "production",
    "SECRET_KEY": "c0a1f7e29b4d8356af10e2c7d95b36481ee4720b9d",
    "DATA_KEYS": "pX3v0Yk2m9QbT7sLr5uWc1eZ8gJ4hN6aFdVyKoRiUEs=",
    "PUBLIC_URL": "https://accounts.acme.org",
    "TRUSTED_HOSTS": "accounts.acme.org",
    "MAIL_FROM": "Acme <no-reply@acme.org>",
    "SMTP_HOST": "mail.acme.org",
}


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return tmp_path / "instance"


def load(instance: Path, **variables: str) -> Settings:
    return Settings.load({"INSTANCE_DIR": str(instance), **variables})


def refused(instance: Path, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(instance, **variables)
    assert str(caught.value).splitlines() == caught.value.problems
    return caught.value.problems


def test_nothing_needs_to_be_set(instance: Path) -> None:
    settings = load(instance)
    assert (settings.host, settings.port, settings.workers, settings.threads) == (
        "127.0.0.1",
        8000,
        1,
        128,
    )
    assert settings.database_url == f"sqlite:///{instance}/gatehouse.db"
    assert settings.is_sqlite
    assert settings.public_url == settings.issuer == "http://127.0.0.1:8000"
    assert (settings.log_format, settings.shutdown_delay_seconds) == ("console", 0)
    assert settings.docs
    with pytest.raises(FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("box", "http://box:8000"),
    ],
)
def test_links_lead_to_where_the_server_listens(instance: Path, host: str, url: str) -> None:
    assert load(instance, HOST=host).public_url == url


def test_postgresql_is_spelled_one_way_and_gets_more_processes(instance: Path) -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        settings = load(instance, DATABASE_URL=f"{scheme}://u:p@db/accounts")
        assert settings.database_url == "postgresql+psycopg://u:p@db/accounts"
        assert (settings.workers, settings.threads, settings.is_sqlite) == (2, 30, False)


def test_a_safe_production_starts(instance: Path) -> None:
    settings = load(instance, **SAFE, TRUSTED_PROXIES="10.0.0.0/8, ::1", CORS_ORIGINS="*")
    assert (settings.log_format, settings.shutdown_delay_seconds) == ("json", 5)
    assert not settings.docs
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


def test_an_empty_variable_counts_as_unset(instance: Path) -> None:
    assert load(instance, PORT="", SMTP_HOST="").port == 8000


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "k3y-of-31-bytes-is-too-short-00"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 64}, "SECRET_KEY"),
        ({"SECRET_KEY": "abc123DEF" * 8}, "SECRET_KEY"),
        ({"SECRET_KEY": "please-change-me-before-the-first-start"}, "SECRET_KEY"),
        ({"SECRET_KEY": "your-256-bit-secret-your-256-bit-secret"}, "SECRET_KEY"),
        ({"SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz"}, "SECRET_KEY"),
        (
            {"SECRET_KEY": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"},
            "SECRET_KEY",
        ),
        ({"SECRET_KEY_PREVIOUS": "short"}, "SECRET_KEY_PREVIOUS"),
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN"),
        ({"DATA_KEYS": ""}, "DATA_KEYS"),
        ({"DATA_KEYS": "not a key"}, "DATA_KEYS"),
        ({"DATA_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "DATA_KEYS"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
        ({"CORS_ORIGINS": "*", "CORS_CREDENTIALS": "true"}, "CORS_ORIGINS"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "http://accounts.acme.org"}, "PUBLIC_URL"),
        ({"TRUSTED_HOSTS": ""}, "TRUSTED_HOSTS"),
        ({"TRUSTED_HOSTS": "*"}, "TRUSTED_HOSTS"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES"),
        ({"MAIL_FROM": ""}, "MAIL_FROM"),
        ({"SMTP_HOST": ""}, "SMTP_HOST"),
        ({"SMTP_PASSWORD": "x", "SMTP_TLS": "none"}, "SMTP_TLS"),
        ({"BCRYPT_ROUNDS": "11"}, "BCRYPT_ROUNDS"),
        ({"DATABASE_URL": "postgresql://db/accounts", "WORKERS": "2"}, "REDIS_URL"),
        ({"WORKERS": "2"}, "WORKERS"),
        ({"STORAGE": "azure"}, AZURE),
        ({"STORAGE": "azure", AZURE: f"AccountName=acme;AccountKey={KEY};{HTTP}"}, AZURE),
        ({"STORAGE": "azure", AZURE: f"AccountName=devstoreaccount1;AccountKey={KEY}"}, AZURE),
        (
            {"STORAGE": "azure", AZURE: f"AccountName=acme;AccountKey={KEY};BlobEndpoint=http:"},
            AZURE,
        ),
        ({"STORAGE": "azure", AZURE: "AccountName=acme;SharedAccessSignature=x"}, AZURE),
    ],
)
def test_production_refuses_what_is_unsafe(
    instance: Path, changed: dict[str, str], named: str
) -> None:
    """R6, R115: one line that names the variable, and never the value of a secret."""
    (line,) = [
        line for line in refused(instance, **SAFE | changed) if line.startswith(f"{named}: ")
    ]
    assert "Traceback" not in line
    for name in ("SECRET_KEY", "SECRET_KEY_PREVIOUS", "METRICS_TOKEN", "DATA_KEYS"):
        assert not changed.get(name) or changed[name] not in line


def test_every_problem_is_told_at_once(instance: Path) -> None:
    """R115: an operator should not have to start ten times to learn ten things."""
    lines = refused(instance, APP_ENV="production", DEBUG="1", PORT="abc")
    assert [line.partition(":")[0] for line in lines] == [
        "PORT",
        "SECRET_KEY",
        "DATA_KEYS",
        "PUBLIC_URL",
        "TRUSTED_HOSTS",
        "DEBUG",
        "MAIL_FROM",
        "SMTP_HOST",
    ]
    assert not instance.exists(), "a refused start leaves nothing behind"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("PORT", "70000"),
        ("PORT", "8_000"),
        ("PORT", "٣"),
        ("PORT", "9" * 5000),
        ("WORKERS", "0"),
        ("WORKERS", "2"),
        ("APP_ENV", "staging"),
        ("ALGORITHM", "none"),
        ("CORS_CREDENTIALS", "perhaps"),
        ("CORS_ORIGINS", "*, https://acme.org"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "https://acme.org/app"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "proxy"),
        ("TRUSTED_HOSTS", "https://acme.org"),
        ("PUBLIC_URL", "accounts.acme.org"),
        ("PUBLIC_URL", "ftp://acme.org"),
        ("PUBLIC_URL", "https://acme.org/accounts"),
        ("PUBLIC_URL", "https://acme.org?x=1"),
        ("PUBLIC_URL", "https://user@acme.org"),
        ("PUBLIC_URL", "http://[::1"),
        ("PUBLIC_URL", "http://acme.org:port"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///file:x?mode=memory&uri=true"),
        ("DATABASE_URL", "mysql://db/accounts"),
        ("DATABASE_URL", "postgresql://"),
        ("DATABASE_READ_URL", "postgresql://replica/accounts"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@acme.org\r\nBcc: b@acme.org"),
        ("ADMIN_EMAIL", "Admin <admin@acme.org>"),
        ("BCRYPT_ROUNDS", "3"),
        ("SESSION_IDLE_DAYS", "31"),
        ("LIMITS", "sign_up"),
        ("LIMITS", "sign_up=many"),
        ("LIMITS", "sign_up=0/minute"),
        ("TOKEN_CLAIMS", "email"),
        ("DATA_KEYS", "c2hvcnQ="),
        ("SECRET_KEY_FILE", "/nowhere/secret"),
        ("PRODUCT_NAME", "two\nlines"),
        ("INSTANCE_DIR", "~nobody-of-this-name/instance"),
    ],
)
def test_an_odd_value_is_one_line(instance: Path, name: str, value: str) -> None:
    (line,) = refused(instance, **{name: value})
    assert line.startswith(f"{name.removesuffix('_FILE')}: ")
    assert len(line) < 250
    assert line.isprintable()


def test_a_url_with_a_password_is_not_repeated(instance: Path) -> None:
    (line,) = refused(instance, DATABASE_URL="mysql://root:hunter2@db/x")
    assert "hunter2" not in line
    settings = load(instance, DATABASE_URL="postgresql://u:hunter2@db/x", SMTP_PASSWORD="hunter2")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in f"{settings.smtp_password}"


def test_secrets_are_read_from_files(instance: Path, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  spaces stay  \n")
    assert load(instance, SECRET_KEY_FILE=str(file)).secret_key.value == "  spaces stay  "
    assert "set twice" in refused(instance, SECRET_KEY_FILE=str(file), SECRET_KEY="x")[0]
    file.write_text("\n")
    assert "empty" in refused(instance, SECRET_KEY_FILE=str(file))[0]
    file.write_bytes(b"\xff\xfe")
    assert "UTF-8" in refused(instance, SECRET_KEY_FILE=str(file))[0]
    assert "directory" in refused(instance, SECRET_KEY_FILE=str(tmp_path))[0]


def test_lists_and_limits(instance: Path) -> None:
    settings = load(
        instance,
        LIMITS="sign_up=60/minute;300/hour, login=10 per 5 minutes",
        CORS_ORIGINS="https://A.acme.org, http://localhost:3000",
        TOKEN_CLAIMS="roles,scope",
    )
    assert dict(settings.limits) == {"sign_up": "60/minute;300/hour", "login": "10 per 5 minutes"}
    assert settings.cors_origins == ("https://a.acme.org", "http://localhost:3000")
    assert settings.token_claims == ("roles", "scope")


def test_the_environment_wins_over_the_file(
    instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"INSTANCE_DIR={instance}\nPORT=9000\nHOST=0.0.0.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "9001")
    settings = Settings.load()
    assert (settings.host, settings.port) == ("0.0.0.0", 9001)
    assert settings.public_url == "http://127.0.0.1:9001"
    explicit = Settings.load({"INSTANCE_DIR": str(instance)})
    assert explicit.port == 8000, "variables that were given replace the environment"


def test_secrets_are_made_once_and_kept_private(instance: Path) -> None:
    first, second = load(instance), load(instance)
    assert first == second
    assert len(first.secret_key.value) == 64
    for name in ("secret_key", "data_keys"):
        assert stat.S_IMODE((instance / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    assert sorted(path.name for path in instance.iterdir()) == ["data_keys", "secret_key"]


def test_processes_that_start_together_agree(instance: Path) -> None:
    barrier = Barrier(16)

    def start(_: int) -> Settings:
        barrier.wait()
        return load(instance)

    with ThreadPoolExecutor(16) as pool:
        loaded = list(pool.map(start, range(16)))
    assert len({settings.secret_key.value for settings in loaded}) == 1
    assert len({settings.data_keys for settings in loaded}) == 1
    assert len(list(instance.iterdir())) == 2


def test_production_makes_no_secrets_and_needs_no_directory(instance: Path) -> None:
    load(
        instance,
        **SAFE,
        DATABASE_URL="postgresql://db/accounts",
        REDIS_URL="redis://localhost",
    )
    assert not instance.exists()


def test_an_unusable_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (line,) = refused(tmp_path / "file" / "instance")
    assert line.startswith("INSTANCE_DIR: ")
    (line,) = refused(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/file/accounts.db")
    assert line.startswith("DATABASE_URL: ")
    (tmp_path / "secret_key").write_text("")
    (line,) = refused(tmp_path)
    assert line.startswith("INSTANCE_DIR: ")
    assert "secret_key is empty" in line


def test_an_unwritable_directory_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    (line,) = refused(tmp_path)
    assert "permission denied" in line


def test_the_example_file_is_complete(instance: Path) -> None:
    """`python -m gatehouse.settings.example > .env.example` brings it up to date."""
    path = Path(__file__).parents[1] / ".env.example"
    assert path.read_text() == example.render()
    names = {line[2:].partition("=")[0] for line in path.read_text().splitlines() if "=" in line}
    assert {one.name.upper() for one in fields(Settings)} <= names
    for name, _, text in Settings.describe():
        assert text.endswith("."), name


def test_the_example_file_works_when_every_line_is_used(instance: Path, tmp_path: Path) -> None:
    lines = example.render().splitlines()
    named = tuple(f"# {name}=" for name, _, _ in Settings.describe())
    used = [line[2:] if line.startswith(named) else line for line in lines]
    file = tmp_path / "used.env"
    file.write_text("\n".join(used))
    assert Settings.load({"INSTANCE_DIR": str(instance)}, file) == load(instance)


def test_uploads_go_to_azure_with_an_account_and_its_key(instance: Path) -> None:
    (line,) = refused(instance, STORAGE="azure")
    assert line == f"{AZURE}: is required with STORAGE=azure"
    for text in (
        f"AccountName=acme;AccountKey={KEY}",
        f"{HTTP}s;AccountName=acme;AccountKey={KEY}",
    ):
        found = load(instance, **SAFE, STORAGE="azure", **{AZURE: text})
        assert KEY not in str(found)
    # In development Azurite will do.
    load(
        instance,
        STORAGE="azure",
        **{AZURE: f"{HTTP};AccountName=devstoreaccount1;AccountKey={KEY}"},
    )
    for name in ("ab", "Avatars", "a--b", "-ab", "ab-", "a_b", "x" * 64):
        (line,) = refused(instance, AVATAR_CONTAINER=name)
        assert line.startswith("AVATAR_CONTAINER: ")
