"""Settings that were accepted and still may not be what was meant: names, proxies, environment.

Those that are refused outright stop every command, this one included, with a line each.
"""

import os
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from gatehouse.cli.doctor.finding import Finding, Findings, fine, odd, wrong
from gatehouse.settings import Settings, SettingsError, settings
from gatehouse.web.hosts import host_check

_PRODUCTION_COST = 12


def findings() -> Findings:
    """Look at what the settings say together."""
    yield fine("settings", f"accepted for APP_ENV={settings.app_env}")
    host = urlsplit(settings.public_url).netloc
    if not host_check(settings.trusted_hosts)(host):
        yield wrong(
            "settings",
            f"TRUSTED_HOSTS does not cover {host} of PUBLIC_URL: its visitors are refused",
            f"add {host.partition(':')[0]} to TRUSTED_HOSTS",
        )
    yield from _proxies()
    yield from _environment()
    if not settings.is_production:
        yield from _missing_for_production()


def _proxies() -> Findings:
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        yield wrong(
            "settings",
            "TRUSTED_PROXIES covers every address: any client may claim any address",
            "name the addresses of your proxies only",
        )
    elif settings.public_url.startswith("https:") and not settings.trusted_proxies:
        yield odd(
            "settings",
            "PUBLIC_URL is https, so a proxy stands before the service, and TRUSTED_PROXIES is "
            "empty: all visitors share the proxy's address and its limits",
            "set TRUSTED_PROXIES to the address from which the proxy calls",
        )


def _environment() -> Findings:
    is_local = _is_loopback(urlsplit(settings.public_url).hostname or "")
    if settings.is_production:
        if is_local:
            yield _unreachable()
        return
    if not _is_loopback(settings.host) or not is_local:
        yield odd(
            "settings",
            f"others can reach the service (HOST={settings.host}, PUBLIC_URL="
            f"{settings.public_url}) and APP_ENV is development",
            "set APP_ENV=production, which refuses unsafe values",
        )
    if not _is_loopback(settings.host) and is_local:
        yield _unreachable()
    if settings.bcrypt_rounds < _PRODUCTION_COST:
        yield odd(
            "settings",
            f"BCRYPT_ROUNDS={settings.bcrypt_rounds} makes hashes that are quick to guess",
            f"leave it at {_PRODUCTION_COST} where people's passwords are kept",
        )


def _missing_for_production() -> Findings:
    """Name what the other environment would refuse, so that nobody learns it one by one."""
    try:
        Settings.load({**os.environ, "APP_ENV": "production"}, Path(".env"))
    except SettingsError as error:
        names = ", ".join(dict.fromkeys(line.partition(":")[0] for line in error.problems))
        yield fine("settings", f"APP_ENV=production would still ask for {names}")


def _unreachable() -> Finding:
    return odd(
        "settings",
        f"links in mail begin with {settings.public_url}, which only this machine can follow",
        "set PUBLIC_URL to the address that people use",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
