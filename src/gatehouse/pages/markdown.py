"""The pages of docs/ about errors, from the same source as `/problems`.

`python -m gatehouse.pages.markdown docs` writes docs/errors.md and a page for each code anew.
"""

import json
import sys
from itertools import groupby
from pathlib import Path

from gatehouse.pages import catalogue
from gatehouse.pages.catalogue import Entry

_HEAD = """\
# Errors

Every error is a problem document (RFC 9457, `application/problem+json`), also one that the
framework or the server raises before the program is asked:

```json
{example}
```

Decide by `code`: it never changes its meaning. `title` and `detail` are for people and may change.
`type` is the path of a page about the code, which the service itself has. `instance` is the request
id, the same as in `X-Request-ID` and in the log. `errors` names at most 20 members, nested ones
with dots (`roles.0`). Every 429 and 503 says in `Retry-After` how many seconds to wait
([limits](limits.md)).

`POST /api/v1/auth/token` speaks RFC 6749: its problem documents also carry `error` and
`error_description`.
"""
_TABLE = """
## {title}

| code | status | means | what to do |
|---|---|---|---|
"""
_FOOT = "\nA status that is not in these tables carries the phrase of its status as code.\n"
_PAGE = """\
# `{one.code}`

**{one.status}** {one.phrase}

{one.means}

## What to do

{one.remedy}

## What it looks like

```json
{document}
```
{headers}
[All errors](../errors.md)
"""


def pages() -> dict[str, str]:
    """Return the text of every page by its path below docs/."""
    found = sorted(catalogue.entries().values(), key=lambda one: one.place)
    texts = {f"errors/{one.code}.md": _page(one) for one in found}
    example = catalogue.entries()["validation_failed"].document
    parts = [_HEAD.replace("{example}", _json(example))]
    for place, many in groupby(found, key=lambda one: one.place):
        title = place.replace("_", " ").capitalize() if place else "Any request"
        parts += [_TABLE.format(title=title), *map(_row, many)]
    return {"errors.md": "".join([*parts, _FOOT]), **texts}


def write(docs: Path) -> None:
    """Write every page, and remove those of codes that are no more."""
    for path in (docs / "errors").glob("*.md"):
        path.unlink()
    (docs / "errors").mkdir(exist_ok=True)
    for name, text in pages().items():
        (docs / name).write_text(text)


def _row(one: Entry) -> str:
    link = f"[`{one.code}`](errors/{one.code}.md)"
    return f"| {link} | {one.status} | {one.means} | {one.remedy} |\n"


def _page(one: Entry) -> str:
    headers = "".join(f"- `{name}`: {text}\n" for name, text in one.headers.items())
    headers = f"\n## Header fields\n\n{headers}" if headers else ""
    return _PAGE.format(one=one, document=_json(one.document), headers=headers)


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
