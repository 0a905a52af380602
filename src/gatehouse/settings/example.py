"""The text of `.env.example` and of `docs/settings.md`: every setting, explained, with its default.

`python -m gatehouse.settings.example > .env.example` writes the one anew, and
`python -m gatehouse.settings.example --markdown > docs/settings.md` the other.
"""

import sys
from dataclasses import fields

from gatehouse.settings import Settings

_HEAD = """\
# Every setting, with its default. Copy this file to .env and take the mark away from what you
# change; an empty value counts as unset. A variable of the environment wins over the file.
# Secrets and the URLs of databases are also read from files: SECRET_KEY_FILE, DATABASE_URL_FILE.
"""

_PAGE = """\
# Settings

Every setting with its default. All are read once, at the start, from the environment and then from
`.env`; an empty value counts as unset. Secrets and the URLs of databases are also read from files:
`SECRET_KEY_FILE`, `DATABASE_URL_FILE`.

| variable | default | meaning |
|---|---|---|
"""


def render() -> str:
    """Return the whole file."""
    parts = [_HEAD]
    plain = {one.name.upper() for one in fields(Settings) if one.metadata["shown"] is None}
    for name, default, text in Settings.describe():
        if name in plain:
            parts.append(f"# {text}\n# {name}={default}\n")
        else:
            parts.append(f"# {text}\n# Default: {default}.\n# {name}=\n")
    return "\n".join(parts)


def markdown() -> str:
    """Return the page of the documentation."""
    plain = {one.name.upper() for one in fields(Settings) if one.metadata["shown"] is None}
    rows = []
    for name, default, text in Settings.describe():
        shown = f"`{default}`" if default and name in plain else default
        cells = (f"`{name}`", shown, text.replace("|", "\\|"))
        rows.append(f"| {' | '.join(cells)} |\n")
    return _PAGE + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(markdown() if "--markdown" in sys.argv else render())
