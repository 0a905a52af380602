"""The drawings of messages are drawn by the site itself, and every one of them is understood."""

from xml.etree import ElementTree

import pytest

from docs.site import sequence
from gatehouse.features import FEATURES
from tests.docs.pages import DOCS, blocks, pages

DRAWINGS = [
    (page.stem, block.text)
    for page in pages()
    for block in blocks(page.read_text())
    if block.words[:1] == ["mermaid"]
]


@pytest.mark.parametrize(("page", "source"), DRAWINGS)
def test_a_drawing_shows_all_its_words(page: str, source: str) -> None:
    drawing = ElementTree.fromstring(sequence.draw(source))
    shown = " ".join(
        "".join(text.itertext()) for text in drawing.iter() if text.tag.endswith("text")
    )
    _, names, rows = sequence.parse(source)
    for words in (*names, *(line for row in rows for line in row.lines)):
        assert words in shown


def test_an_unknown_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="not understood: loop forever"):
        sequence.parse("sequenceDiagram\naccTitle: A\nparticipant A\nloop forever")


def test_the_house_has_the_features_of_the_program_in_their_order() -> None:
    """The drawing need not show every one; what it shows is there, and stands in its place."""
    drawing = ElementTree.parse(DOCS / "architecture.svg")
    [group] = [one for one in drawing.iter() if one.get("id") == "features"]
    shown = ["".join(one.itertext()) for one in group if one.tag.endswith("text")]
    assert shown == [feature.name for feature in FEATURES if feature.name in shown]
