"""What docs/deploying.md says one can type, with containers."""

import re
import shlex

from tests.docs.pages import DOCS, blocks

BLOCKS = [
    block.text for block in blocks((DOCS / "deploying.md").read_text()) if "compose" in block.words
]
_RUN = re.compile(
    r"^(?:echo (?P<typed>'.*') \| )?docker compose run --rm (?:-T )?migrate(?P<words>.*)$"
)


def commands() -> list[list[str]]:
    """Return the words behind each `docker compose`."""
    lines = "\n".join(BLOCKS).splitlines()
    return [
        shlex.split(line.partition("docker compose ")[2])
        for line in lines
        if "docker compose " in line
    ]


def first_start() -> list[tuple[list[str], str]]:
    """Return what is carried out in `migrate` before the first start, and what is typed into it.

    Without words it is the command of the service.
    """
    found = (_RUN.match(line) for line in BLOCKS[0].splitlines())
    return [
        (shlex.split(one["words"]), "".join(shlex.split(one["typed"] or "")))
        for one in found
        if one
    ]
