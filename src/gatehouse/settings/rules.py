"""What may not be combined, and what production refuses: one line for each bad variable."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Set
from typing import Any
from urllib.parse import parse_qsl

from gatehouse.settings import guessable
from gatehouse.settings.values import Secret

Found = Mapping[str, Any]
Line = tuple[str, str]

_OFF = frozenset({"", "0", "false", "no", "off"})
_LEAST_SECRET_BYTES = 32
_LEAST_TOKEN_BYTES = 16
_BROKER_OPTIONS = frozenset({"heartbeat", "connect_timeout", "login_method"})


def problems(found: Found, *, given: Set[str], flags: Mapping[str, str]) -> Iterator[Line]:
    """Give (variable, complaint) for all that is wrong; `given` names what the operator set."""
    yield from _always(found)
    if found["app_env"] == "production":
        yield from _secrets(found)
        yield from _edge(found, given)
        yield from _running(found, given, flags)


def _always(found: Found) -> Iterator[Line]:
    sqlite = found["database_url"].startswith("sqlite:")
    if sqlite and found["workers"] > 1:
        yield "WORKERS", "must be 1 on SQLite; several workers need PostgreSQL"
    if found["database_read_url"] is not None and (
        sqlite or found["database_read_url"].startswith("sqlite:")
    ):
        yield "DATABASE_READ_URL", "needs PostgreSQL, here and in DATABASE_URL"
    if found["jobs"] == "celery":
        if sqlite:
            yield "JOBS", "celery needs PostgreSQL; on SQLite leave it embedded"
        if found["broker_url"] is None:
            yield "BROKER_URL", "is required with JOBS=celery, unless REDIS_URL is set"
        elif _has_strange_query(found["broker_url"]):
            yield (
                "BROKER_URL",
                "has a ?query that Celery does not take, here or in REDIS_URL; a password stands "
                "before the host (redis://:password@host)",
            )
    if found["storage"] == "azure":
        yield from _azure(found)
    if "*" in found["cors_origins"]:
        if found["cors_credentials"]:
            yield "CORS_ORIGINS", "* cannot be combined with CORS_CREDENTIALS; list the origins"
        elif len(found["cors_origins"]) > 1:
            yield "CORS_ORIGINS", "* already covers every origin; leave it alone or list them"
    if found["session_idle_days"] > found["session_absolute_days"]:
        yield "SESSION_IDLE_DAYS", "cannot be more than SESSION_ABSOLUTE_DAYS"
    if found["metrics_token"] is not None and len(found["metrics_token"].value.split()) != 1:
        yield "METRICS_TOKEN", "must be one word, as a bearer token is (openssl rand -hex 32)"
    for key in found["data_keys"]:
        if not _is_fernet_key(key):
            how = "openssl rand -base64 32 | tr +/ -_"
            yield "DATA_KEYS", f"each must be 32 bytes in URL-safe base64 ({how})"
            break


def _has_strange_query(url: str) -> bool:
    """Tell whether a broker's URL holds options that redis-py may know and Celery refuses.

    Those of a socket it hands on, but for name and password.
    """
    names = [name for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)]
    if url.startswith(("unix:", "redis+socket:")):
        return not {"username", "password"}.isdisjoint(names)
    return any(name not in _BROKER_OPTIONS and not name.startswith("ssl_") for name in names)


def _azure(found: Found) -> Iterator[Line]:
    """Read as much of the connection string as signing needs: account, key and endpoint."""
    name, secret = "AZURE_STORAGE_CONNECTION_STRING", found["azure_storage_connection_string"]
    if secret is None:
        yield name, "is required with STORAGE=azure"
        return
    pairs = (part.partition("=") for part in secret.value.split(";"))
    parts = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if not parts.get("accountname") or not parts.get("accountkey"):
        yield name, "must hold AccountName and AccountKey; a shared access signature cannot sign"
    elif found["app_env"] == "production":
        endpoint = parts.get("blobendpoint") or f"{parts.get('defaultendpointsprotocol', 'https')}:"
        if not endpoint.startswith("https:"):
            yield name, "must lead to https in production (DefaultEndpointsProtocol=https)"
        elif parts["accountname"] == "devstoreaccount1":
            yield name, "names the sample account, whose key everybody knows"


def _secrets(found: Found) -> Iterator[Line]:
    if found["secret_key"] is None:
        yield "SECRET_KEY", "is required in production (openssl rand -hex 32)"
    for name in ("secret_key", "secret_key_previous"):
        yield from _weak(name, found[name], least=_LEAST_SECRET_BYTES)
    yield from _weak("metrics_token", found["metrics_token"], least=_LEAST_TOKEN_BYTES)
    if not found["data_keys"]:
        yield "DATA_KEYS", "is required in production (openssl rand -base64 32 | tr +/ -_)"
    for key in found["data_keys"]:
        if guessable.is_guessable(key.value) or (
            _is_fernet_key(key) and len(set(base64.urlsafe_b64decode(key.value))) < 8
        ):
            yield (
                "DATA_KEYS",
                "is guessable or a sample; make it with openssl rand -base64 32 | tr +/ -_",
            )


def _weak(name: str, secret: Secret | None, *, least: int) -> Iterator[Line]:
    if secret is None:
        return
    if len(secret.value.encode("utf-8", "surrogateescape")) < least:
        yield name.upper(), f"must be at least {least} bytes long in production"
    elif guessable.is_guessable(secret.value):
        yield name.upper(), "is guessable or a sample; make it with openssl rand -hex 32"


def _edge(found: Found, given: Set[str]) -> Iterator[Line]:
    if "public_url" not in given:
        yield "PUBLIC_URL", "is required in production (https://accounts.example.org)"
    elif not found["public_url"].startswith("https://"):
        yield "PUBLIC_URL", "must begin with https:// in production"
    if not found["trusted_hosts"]:
        yield "TRUSTED_HOSTS", "is required in production (accounts.example.org)"
    elif "*" in found["trusted_hosts"]:
        yield "TRUSTED_HOSTS", "must name the hosts in production, not *"
    if any(network.prefixlen == 0 for network in found["trusted_proxies"]):
        yield "TRUSTED_PROXIES", "must not cover every address; name the proxies"


def _running(found: Found, given: Set[str], flags: Mapping[str, str]) -> Iterator[Line]:
    for name, value in flags.items():
        if value.strip().casefold() not in _OFF:
            yield name, "must not be set in production"
    if "mail_from" not in given:
        yield "MAIL_FROM", "is required in production (Team <team@example.org>)"
    if found["smtp_host"] is None:
        yield "SMTP_HOST", "is required in production; without it mail stays in a directory"
    if found["smtp_tls"] == "none" and found["smtp_password"] is not None:
        yield "SMTP_TLS", "none would send SMTP_PASSWORD in the clear"
    if found["bcrypt_rounds"] < 12:
        yield "BCRYPT_ROUNDS", "must be at least 12 in production"
    if found["workers"] > 1 and found["redis_url"] is None:
        yield "REDIS_URL", f"is required with WORKERS={found['workers']} in production"


def _is_fernet_key(key: Secret) -> bool:
    try:
        return len(base64.b64decode(key.value, altchars=b"-_", validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
