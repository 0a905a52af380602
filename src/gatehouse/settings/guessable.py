"""Tell secrets that anybody could guess: samples of manuals, common words, mere patterns (R6)."""

import re
from itertools import pairwise

# Words that stand in samples. Each is long enough not to appear in a random secret by chance.
_WORDS = (
    *("changeme", "changethis", "changeit", "replaceme", "replacethis", "placeholder"),
    *("password", "passphrase", "secret", "default", "example", "sample", "insecure"),
    *("development", "production", "testing", "gatehouse", "qwerty", "letmein", "trustno1"),
    *("yourkey", "jwtkey", "privatekey", "signingkey", "securekey", "randomkey", "django"),
)

# Secrets printed in the manuals and tutorials of this field, folded as below.
_PRINTED = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "5f352379324c22463451387a0aec5d2f",
        "thisisaverylongstringthatshouldbeatleast256bitslong",
        "abcdefghijklmnopqrstuvwxyz",
        "0123456789abcdefghijklmnopqrstuvwxyz",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "abcdefghijklmnopqrstuvwxyz012345",
        "abcdefghijklmnopqrstuvwxyz123456",
    }
)
_LEAST_KINDS = 8


def is_guessable(secret: str) -> bool:
    """Tell whether a long enough `secret` is a sample, holds a sample's words or is a pattern."""
    folded = re.sub(r"[^a-z0-9]", "", secret.casefold())
    if folded in _PRINTED or any(word in folded for word in _WORDS):
        return True
    # A text that is found again inside its own doubling repeats one piece ("abcabcabc").
    if len(set(secret)) < _LEAST_KINDS or secret in (secret + secret)[1:-1]:
        return True
    points = [ord(character) for character in secret]
    steps = [b - a for a, b in pairwise(points)]
    return steps.count(1) + steps.count(-1) > len(steps) // 2
