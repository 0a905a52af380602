"""Is there a key that signs access tokens, can it be decrypted, and what comes after it?"""

from datetime import timedelta

from gatehouse.cli.doctor.finding import Findings, fine, odd, reading, wrong
from gatehouse.core import clock
from gatehouse.infra import keys
from gatehouse.infra.keys.key_set import UnusableKey
from gatehouse.settings import SettingsError, settings

_SOON = timedelta(days=1)


@reading("keys")
def findings() -> Findings:
    """Read the keys as a worker does."""
    try:
        found = keys.refresh()
    except (SettingsError, UnusableKey, OSError) as error:
        yield wrong("keys", str(error), "see JWT_KEYS_FILE and ALGORITHM")
        return
    if found.is_unreadable:
        yield wrong(
            "keys",
            "the signing key was encrypted with none of DATA_KEYS",
            "add the key that DATA_KEYS held before, or `flask keys generate`",
        )
        return
    signer = found.signer
    if signer is None:
        yield wrong(
            "keys", f"nothing signs with ALGORITHM={settings.algorithm}", "flask keys generate"
        )
        return
    yield fine("keys", f"{signer.kid} signs with {signer.algorithm}")
    if settings.algorithm == "HS256":
        yield odd(
            "keys",
            "with ALGORITHM=HS256 no other service can verify a token",
            "set ALGORITHM=EdDSA, unless everything is verified here",
        )
    elif settings.jwt_keys_file is None:
        yield from _succession(signer.kid)


def _succession(kid: str) -> Findings:
    every = keys.list_keys()
    signing = next(key for key in every if key.kid == kid)
    is_ending = signing.retires_at is not None and signing.retires_at < clock.now() + _SOON
    if is_ending and not any(key.state == "coming" for key in every):
        yield wrong(
            "keys", f"{kid} retires at {signing.retires_at}, and none follows", "flask keys rotate"
        )
