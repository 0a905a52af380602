"""The text of `.env.example`: every setting with its explanation and default.

`python -m gatehouse.settings.example > .env.example` writes it anew.
"""

import sys
from dataclasses import fields

from gatehouse.settings import Settings

_HEAD = """\
# Every setting, with its default. Copy this file to .env and take the mark away from what you
# change; an empty value counts as unset. A variable of the environment wins over the file.
# Secrets and the URLs of databases are also read from files: SECRET_KEY_FILE, DATABASE_URL_FILE.
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


if __name__ == "__main__":
    sys.stdout.write(render())
