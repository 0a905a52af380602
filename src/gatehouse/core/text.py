"""How names are compared: one folded form for every spelling a person may type."""

import unicodedata

# Zero-width and bidirectional controls, and everything else that is not drawn: the
# general categories "other" (control, format, surrogate, private use, unassigned) and
# the two separators that end a line.
_UNDRAWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def fold(text: str) -> str:
    """Return the form by which names and addresses are compared (NFKC, caseless, trimmed)."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def is_drawable(text: str) -> bool:
    """Tell whether every character is one that a reader can see (UTS 39, identifier profile)."""
    return not any(unicodedata.category(c) in _UNDRAWN for c in text)


def has_surrogates(text: str) -> bool:
    """Tell whether `text` holds a lone surrogate, which no encoder and no database accepts."""
    return any("\ud800" <= c <= "\udfff" for c in text)
