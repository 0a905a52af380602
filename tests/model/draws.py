"""What the rules draw: few names and passwords, so that they meet."""

from hypothesis import strategies as st

from tests.model.stage import ANY, FRESH, LIVING

FREE_EMAIL = "cleo@example.com"
EMAILS = ("ann@example.com", "ben@example.com", FREE_EMAIL)
USERNAMES = ("ann-lee", "ben.fox", "cleo_1")
PASSWORDS = ("the first Password", "the second Password")
WRONG = "nobody's Password at all"
MOST_ACCOUNTS = 5

# The first account is a super_admin; acts that need rights are mostly tried by those with some.
WHO = st.integers(0, 5)
WHOM = st.sampled_from((1, 2, 0, 3, 4, 5))
ADMINISTRATOR = st.sampled_from((0, 0, 0, 1, 2))
HOW = st.sampled_from((FRESH, FRESH, LIVING, ANY))
NUMBERS = st.integers(0, 5)

SPELLINGS = st.sampled_from(("plain", "odd"))
GUESSES = st.sampled_from(("right", "right", "right", "other", "wrong", "often wrong"))
TIMES = {"right": 1, "other": 1, "wrong": 1, "often wrong": 11}
IF_MATCH = st.sampled_from((None, None, "present", "stale"))


def spelled(name: str, spelling: str) -> str:
    """Return a name as sign-up or log-in may meet it; the domain stays as it is."""
    if spelling == "plain":
        return name
    local, at, domain = name.partition("@")
    return local.swapcase() + at + domain


def guess(kind: str, right: str) -> str:
    """Return a password: the right one, one that others have or had, or nobody's."""
    if kind == "right":
        return right
    return PASSWORDS[right == PASSWORDS[0]] if kind == "other" else WRONG
