"""Which passwords a person may choose: long enough, not common, not their own name.

There are no rules of composition, and nothing is trimmed or normalised: a password is its exact
code points. Only the comparison with forbidden ones is folded, so that `PassWord1` is `password1`.
"""

import ast
import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gatehouse.core.text import fold, has_surrogates

MAX_LENGTH = 128
MAX_LOGIN_LENGTH = 1024  # what log-in reads at all; longer ones are wrong without being hashed


def check(password: str, *, min_length: int, own: Iterable[str], product: str) -> list[str]:
    """Return what is wrong with a new password, empty when nothing is.

    `own` are the person's e-mail, username and name; the local part of an e-mail counts too.
    """
    if has_surrogates(password):
        return ["Contains a character that is not valid Unicode."]
    problems = []
    if len(password) < min_length:
        problems.append(f"Shorter than minimum length {min_length}.")
    if len(password) > MAX_LENGTH:
        return [f"Longer than maximum length {MAX_LENGTH}."]
    folded = fold(password)
    if len(set(password)) == 1:
        problems.append("Repeats a single character.")
    elif folded in _names(own):
        problems.append("Is the same as your e-mail address, username or name.")
    elif folded == fold(product):
        problems.append("Is the name of this product.")
    elif is_common(password):
        problems.append("Is one of the most common passwords.")
    return problems


def is_common(password: str) -> bool:
    """Tell whether a password, folded, is one of the 30,000 commonest."""
    folded = fold(password)
    return "\n" not in folded and f"\n{folded}\n" in _common()


def _names(own: Iterable[str]) -> set[str]:
    """Return the folded names, and the local parts of those that are addresses."""
    names = {fold(name) for name in own}
    return names | {name.rpartition("@")[0] for name in names if "@" in name}


@cache
def _common() -> str:
    """Return the list of common passwords, one a line, as a single string.

    A string of 240 kB is searched in less than 0.1 ms, and is a tenth of the size of a set.
    zxcvbn's file is read as text: to import the package would keep all its dictionaries.
    """
    spec = find_spec("zxcvbn")
    if spec is None or spec.origin is None:
        raise RuntimeError("the list of common passwords is missing: install zxcvbn")
    source = Path(spec.origin).with_name("frequency_lists.py").read_text(encoding="utf-8")
    found = re.search(r'"passwords":\s*("(?:[^"\\]|\\.)*")', source)
    if found is None:
        raise RuntimeError("the list of common passwords is not where zxcvbn keeps it")
    listed: str = ast.literal_eval(found[1])
    return "\n" + "\n".join(fold(word) for word in listed.split(",")) + "\n"
