"""How answers look: tables that fit, nothing broken that is copied, no escapes into a pipe."""

from pathlib import Path

import pytest
from flask import Flask

from gatehouse.cli.tables import laid_out
from tests.cli.commands import drawn, program, run
from tests.support.api import Api

ID = "01a1f9ce-0deb-738f-bb98-f2320bec0775"
EMAIL = "ada.lovelace@mail.example.com"
HEADINGS = ("id", "email", "active", "note")
ROW = (ID, EMAIL, "yes", "one two three four five six seven eight nine ten eleven")


def shown(width: int | None, *rows: tuple[str, ...]) -> str:
    headings, lines = laid_out(HEADINGS, rows or [ROW], width=width, prose=("note",))
    return "\n".join(["", *headings, *lines, ""])


def test_a_pipe_has_a_line_for_each_row() -> None:
    assert (
        shown(None)
        == f"""
id                                    email                          active  note
{ID}  {EMAIL}  yes     {ROW[3]}
"""
    )


def test_prose_wraps_where_the_rest_fits() -> None:
    assert (
        shown(110)
        == f"""
id                                    email                          active  note
{ID}  {EMAIL}  yes     one two three four five six seven
{" " * 77}eight nine ten eleven
"""
    )


def test_a_narrow_terminal_has_several_aligned_lines_for_each_row() -> None:
    assert (
        shown(72, ROW, (ID, "x@example.com", "no", "-"))
        == f"""
id                                    email
  active  note
{ID}  {EMAIL}
  yes     one two three four five six seven eight nine ten eleven
{ID}  x@example.com
  no      -
"""
    )


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 160])
def test_what_is_copied_is_never_broken(width: int) -> None:
    text = shown(width, ROW, (ID, EMAIL, "no", "東京" * 50))
    assert text.count(ID) == text.count(EMAIL) == 2
    if width >= 60:
        assert max(len(line) for line in text.splitlines()) <= width


def test_lists_at_a_terminal(database_url: str, tmp_path: Path) -> None:
    """80 columns: headings, a rule, a long address in one piece; a wide one has a line each."""
    email = "somebody.with.a.long.name@accounts.of.a.department.example.com"
    made = ("users", "create", email, "--generate", "--json")
    id_ = program(tmp_path, database_url, *made).expect().json["id"]

    narrow = drawn(tmp_path, database_url, "users", "list", NO_COLOR="1").splitlines()
    assert narrow[0] == "id"
    assert narrow[1].split() == ["email", "username"]
    assert set(narrow[3]) == {"─"}
    assert narrow[4] == id_
    assert narrow[5].split() == [email, "-"]
    assert max(map(len, narrow)) <= 80

    wide = drawn(tmp_path, database_url, "users", "list", columns=200).splitlines()
    assert wide[0].startswith("\x1b[1mid ")
    assert wide[2].split()[:2] == [id_, email]


def test_an_old_terminal_shows_question_marks(database_url: str, tmp_path: Path) -> None:
    made = ("users", "create", "x@example.com", "--name", "Łukasz 東京", "--generate")
    program(tmp_path, database_url, *made).expect()
    text = drawn(tmp_path, database_url, "users", "list", PYTHONIOENCODING="latin-1")
    assert "----" in text
    shows = ("users", "show", "x@example.com")
    outcome = program(tmp_path, database_url, *shows, PYTHONIOENCODING="latin-1")
    outcome.expect(0, "?ukasz ??")


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["no-color", "dumb"])
def test_colours_only_where_they_are_wanted(
    database_url: str, tmp_path: Path, more: dict[str, str]
) -> None:
    coloured = drawn(tmp_path, database_url, "doctor")
    assert "\x1b[32mfine \x1b[0m" in coloured
    lines = coloured.replace("\x1b[32m", "").splitlines()
    # A path is never broken, and how long it is depends on where the tests run.
    assert [line for line in lines if len(line) > 100 and " " in line.strip()] == []
    assert "\x1b" not in drawn(tmp_path, database_url, "doctor", **more)


LISTS = [
    ("users", "list"),
    ("users", "show", "{id}"),
    ("sessions", "list", "{id}"),
    ("roles", "list"),
    ("keys", "list"),
    ("jobs", "list"),
    ("doctor",),
    ("users", "create", "new@example.com", "--generate"),
    ("keys", "generate"),
    ("keys", "rotate"),
    ("seed", "--users", "3"),
]


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_what_is_shown_or_made_speaks_json_too(
    app: Flask, client: Api, words: tuple[str, ...]
) -> None:
    person = client.sign_up()
    outcome = run(app, *(word.format(id=person.id) for word in words), "--json")
    assert outcome.json
    assert "\x1b" not in outcome.out


def test_an_empty_list_says_what_makes_an_entry(app: Flask) -> None:
    outcome = run(app, "users", "list").expect()
    assert "flask users create" in outcome.err
    assert outcome.out.split()[0] == "id", "a pipe has its headings all the same"


def test_what_cannot_be_undone_is_asked(app: Flask, client: Api) -> None:
    """Without a terminal that could answer, `--yes` is needed and nothing happens without."""
    person = client.sign_up()
    run(app, "users", "deactivate", person.email).expect(2, "--yes", person.email)
    run(app, "sessions", "revoke", person.email).expect(2, "--yes", "(1)")
    assert person.is_in()
    kid = run(app, "keys", "list", "--json").json[0]["kid"]
    run(app, "keys", "retire", kid).expect(2, "--yes", kid)
    run(app, "sessions", "revoke", person.email, "--yes").expect(0, "(1)")
    assert not person.is_in()


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("y\n", 0)])
def test_an_answer_counts(
    app: Flask, client: Api, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("gatehouse.cli.consent._can_answer", lambda: True)
    person = client.sign_up()
    outcome = run(app, "users", "deactivate", person.email, stdin=answer)
    assert (outcome.code, person.is_in()) == (code, bool(code))
    assert outcome.out == ("" if code else f"{person.email} is inactive\n")
