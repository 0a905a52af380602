"""The pages of error codes name what the code can refuse, and nothing else."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import gatehouse
from gatehouse.core.errors import Refusal
from gatehouse.infra.server import responses
from gatehouse.pages import catalogue, markdown
from gatehouse.web import problem
from tests.servers.server import ROOT

DOCS = ROOT / "docs"
ROW = re.compile(
    r"^\| \[`([a-z_]+)`\]\(errors/\1\.md\) \| ([0-9]{3}) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE
)
ANSWER = re.compile(r"\b([45][0-9]{2}) `([a-z_]+)`")


@pytest.fixture(autouse=True, scope="module")
def whole() -> None:
    """Import every module: a refusal is known once its class is made."""
    for found in pkgutil.walk_packages(gatehouse.__path__, "gatehouse."):
        importlib.import_module(found.name)


def refusals(base: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Yield every refusal of the project, all of which is imported."""
    yield base
    for one in base.__subclasses__():
        if one.__module__.startswith("gatehouse."):
            yield from refusals(one)


def in_code() -> dict[str, int]:
    """Return the status of each code: of our refusals, of the framework, of the server."""
    found = {one.code: one.status for one in refusals()}
    found |= {code: status for status, (code, _) in problem.KNOWN.items()}
    return found | {code: status for _, status, code, _ in responses._REFUSALS}


def on_page() -> dict[str, int]:
    """Return the status of each code as the page has it."""
    rows = ROW.findall((DOCS / "errors.md").read_text())
    codes = [code for code, *_ in rows]
    assert len(codes) == len(set(codes)), "a code stands on the page twice"
    return {code: int(status) for code, status, *_ in rows}


def test_the_pages_are_those_of_the_code() -> None:
    """`python -m gatehouse.pages.markdown docs` brings them up to date."""
    written = {"errors.md", *(f"errors/{path.name}" for path in (DOCS / "errors").glob("*.md"))}
    assert {name: (DOCS / name).read_text() for name in sorted(written)} == markdown.pages()


def test_the_page_names_every_code_with_its_status() -> None:
    assert on_page() == in_code()


def test_one_code_means_one_status() -> None:
    known = in_code()
    for one in refusals():
        assert known[one.code] == one.status, one


def test_every_code_says_what_it_means_and_what_to_do() -> None:
    for one in catalogue.entries().values():
        assert re.fullmatch(r"[A-Z`].+\.", one.means), one.code
        assert re.fullmatch(r"[A-Z`].+\.", one.remedy), one.code
        assert one.document["code"] == one.code


def test_the_other_pages_name_answers_that_exist() -> None:
    """Where a page says "409 `email_taken`", that is an answer of the service."""
    known = {(str(status), code) for code, status in on_page().items()}
    for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        unknown = set(ANSWER.findall(page.read_text())) - known
        assert unknown == set(), page.name
