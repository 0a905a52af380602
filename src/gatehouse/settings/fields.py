"""The table of all settings: one field each, named as its variable in lower case."""

# ruff: noqa: RUF009 - `_setting` returns a dataclass field, as `dataclasses.field` does

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Self

from gatehouse.settings import loading
from gatehouse.settings import values as v
from gatehouse.settings.declaring import explained, shown_default
from gatehouse.settings.declaring import setting as _setting
from gatehouse.settings.values import Network, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may choose. Made by `load`, never changed afterwards."""

    app_env: str = _setting(
        v.choice("development", "production"),
        "development",
        "Where this is; production refuses every unsafe value at the start.",
    )
    host: str = _setting(v.text, "127.0.0.1", "Address that the server listens on.")
    port: int = _setting(v.integer(1, 65535), 8000, "Port that the server listens on.")
    workers: int = _setting(
        v.integer(1, 512), None, "Processes; SQLite allows one.", shown="1 on SQLite, else 2"
    )
    threads: int = _setting(
        v.integer(1, 1024), None, "Request threads a process.", shown="128 on SQLite, else 30"
    )
    queue_timeout_seconds: int = _setting(v.integer(1, 600), 1, "Longest wait for a thread.")
    instance_dir: Path = _setting(
        v.directory, Path("instance"), "Directory of the SQLite file, made secrets and kept mail."
    )
    public_url: str = _setting(
        v.origin,
        None,
        "Scheme, host and port by which people reach the service; links in mail begin with it.",
        shown="http://HOST:PORT; required in production, with https",
    )
    trusted_hosts: tuple[str, ...] = _setting(
        v.listed(v.host),
        (),
        "Host names that requests may carry; a leading dot covers subdomains.",
        shown="any; required in production",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        v.listed(v.network), (), "Addresses or networks of proxies whose X-Forwarded-For counts."
    )
    cors_origins: tuple[str, ...] = _setting(
        v.listed(v.cors_origin), (), "Origins of browser programs that may call the API, or *."
    )
    cors_credentials: bool = _setting(
        v.boolean, False, "Whether those origins may send credentials; never together with *."
    )
    max_body_bytes: int = _setting(
        v.integer(1024, 2**26), 65536, "Largest request body; a longer one is 413."
    )
    sockets_max: int = _setting(v.integer(0, 100_000), 1000, "Most WebSockets of a process.")
    ws_broadcast: bool = _setting(
        v.boolean, None, "Whether broadcasts are on at all.", shown="true; false in production"
    )
    product_name: str = _setting(v.text, "Gatehouse", "Name of the product in mail and pages.")
    shutdown_delay_seconds: int = _setting(
        v.integer(0, 300),
        None,
        "Time between 'not ready' and the end, for a proxy to notice.",
        shown="0; 5 in production",
    )

    database_url: str = _setting(
        v.database_url,
        None,
        "Database: sqlite:///path or postgresql://user:password@host/name.",
        shown="gatehouse.db in INSTANCE_DIR",
        file=True,
    )
    database_read_url: str | None = _setting(
        v.database_url, None, "PostgreSQL replica for lists, which may lag.", file=True
    )
    redis_url: str | None = _setting(
        v.redis_url,
        None,
        "Redis or Valkey for what processes share; required in production with several.",
        file=True,
    )
    db_statement_timeout_seconds: int = _setting(v.integer(1, 600), 2, "Longest run of SQL.")
    db_lock_timeout_seconds: int = _setting(v.integer(1, 600), 1, "Longest wait for a lock.")
    db_pool_timeout_seconds: int = _setting(v.integer(1, 600), 1, "Longest wait for a connection.")
    jobs: str = _setting(
        v.choice("embedded", "celery", "off"),
        "embedded",
        "Who does later work: a thread of the server, Celery, or whoever calls `flask jobs run`.",
    )
    broker_url: str | None = _setting(
        v.broker_url,
        None,
        "Where JOBS=celery leaves its messages: redis://, rediss://, amqp:// or amqps://.",
        shown="REDIS_URL",
        file=True,
    )

    secret_key: Secret = _setting(
        v.secret,
        None,
        "Root of all derived keys, 32 bytes or more (openssl rand -hex 32).",
        shown="made at the first start; required in production",
        file=True,
    )
    secret_key_previous: Secret | None = _setting(
        v.secret, None, "The SECRET_KEY before; still accepted for verification.", file=True
    )
    data_keys: tuple[Secret, ...] = _setting(
        v.listed(v.secret),
        (),
        "Fernet keys for stored secrets, `openssl rand -base64 32 | tr +/ -_` each; "
        "the first encrypts, all decrypt.",
        shown="made at the first start; required in production",
        file=True,
    )
    algorithm: str = _setting(
        v.choice("EdDSA", "RS256", "HS256"), "EdDSA", "How access tokens are signed."
    )
    jwt_keys_file: Path | None = _setting(
        v.directory, None, "Signing keys as PEM or JWK set, in place of those in the database."
    )
    issuer: str = _setting(v.text, None, "Claim iss of access tokens.", shown="PUBLIC_URL")
    audience: str = _setting(v.text, "gatehouse", "Claim aud of access tokens.")
    token_claims: tuple[str, ...] = _setting(
        v.listed(v.choice("roles", "scope")),
        (),
        "Additional claims of access tokens for services that cannot ask back: roles or scope.",
    )
    access_token_expire_minutes: int = _setting(v.integer(1, 1440), 15, "Life of an access token.")
    session_idle_days: int = _setting(v.integer(1, 3650), 7, "Unused sessions end after this.")
    session_absolute_days: int = _setting(v.integer(1, 3650), 30, "Every session ends after this.")
    refresh_reuse_grace_seconds: int = _setting(
        v.integer(0, 60), 10, "How long the client that rotated may repeat a refresh."
    )

    registration: str = _setting(
        v.choice("open", "closed"), "open", "Whether strangers may sign up."
    )
    registration_enumeration: str = _setting(
        v.choice("tell", "hide"),
        "tell",
        "hide answers alike for known and unknown addresses and mails the owner.",
    )
    password_min_length: int = _setting(v.integer(8, 64), 8, "Shortest password in characters.")
    bcrypt_rounds: int = _setting(
        v.integer(4, 18), 12, "Cost of a password hash (log2); production refuses less than 12."
    )
    hash_threads: int = _setting(
        v.integer(0, 256), 0, "Hashing threads a process; 0 shares the cores among the workers."
    )
    hash_queue_seconds: int = _setting(
        v.integer(1, 120), 8, "Most work waiting for a hashing thread; beyond it 503."
    )
    limits: Mapping[str, str] = _setting(
        v.limits,
        MappingProxyType({}),
        "Limits by name: sign_up=60/minute;300/hour,login=120/minute.",
    )
    retention_days: int = _setting(
        v.integer(1, 36500), 30, "How long a deleted account can be restored."
    )
    audit_retention_days: int = _setting(v.integer(1, 36500), 400, "How long the ledger is kept.")
    admin_email: str | None = _setting(
        v.address, None, "E-mail of the first administrator; used while there is no account."
    )
    admin_password: Secret | None = _setting(
        v.secret, None, "Password of the first administrator; random when unset.", file=True
    )

    mail_from: str = _setting(
        v.mailbox, "Gatehouse <no-reply@localhost>", "Sender of mail; must be set in production."
    )
    smtp_host: str | None = _setting(
        v.text, None, "Mail server; unset keeps mail in INSTANCE_DIR/mail. Required in production."
    )
    smtp_port: int = _setting(v.integer(1, 65535), 587, "Port of the mail server.")
    smtp_user: str | None = _setting(v.text, None, "Log-in name at the mail server.")
    smtp_password: Secret | None = _setting(
        v.secret, None, "Password at the mail server.", file=True
    )
    smtp_tls: str = _setting(
        v.choice("starttls", "tls", "none"), "starttls", "How mail travels encrypted."
    )
    smtp_timeout_seconds: int = _setting(v.integer(1, 120), 10, "Longest wait for the mail server.")
    storage: str = _setting(v.choice("local", "azure"), "local", "Where uploads are kept.")
    azure_storage_connection_string: Secret | None = _setting(
        v.secret, None, "Account of STORAGE=azure, with its key, which signs URLs.", file=True
    )
    avatar_container: str = _setting(v.container, "avatars", "Container of people's pictures.")
    max_upload_bytes: int = _setting(v.integer(1024, 2**27), 5 * 2**20, "Largest upload.")
    docs: bool = _setting(
        v.boolean, None, "Whether /docs shows Swagger UI.", shown="true; false in production"
    )
    metrics_token: Secret | None = _setting(
        v.secret, None, "Bearer token of /metrics; unset makes it 404.", file=True
    )
    metrics_dir: Path | None = _setting(
        v.directory, None, "Where processes count together.", shown="memory, or TMPDIR"
    )
    cache_ttl_seconds: int = _setting(
        v.integer(0, 86400), 3600, "Longest that the cache keeps anything; 0 switches it off."
    )
    log_level: str = _setting(
        v.choice("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "Least important lines to log."
    )
    log_format: str = _setting(
        v.choice("console", "json"),
        None,
        "Lines for people or for programs.",
        shown="console; json in production",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> Self:
        """Read, complete and check the settings; raise `SettingsError` with every bad variable.

        Without arguments the process environment counts, then `.env` of the current directory.
        With `environ` given, a file is read only when it is named too.
        """
        if environ is None:
            environ, env_file = os.environ, env_file or Path(".env")
        return cls(**loading.load(fields(cls), environ, env_file))

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.database_url.startswith("sqlite:")

    @property
    def is_production(self) -> bool:
        """Whether unsafe values are refused."""
        return self.app_env == "production"

    @classmethod
    def describe(cls) -> Iterator[tuple[str, str, str]]:
        """Give name, default and explanation of every setting, in order."""
        for one in fields(cls):
            yield one.name.upper(), shown_default(one), explained(one)
