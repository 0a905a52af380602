"""Writes the list of decisions: python docs/site/decisions.py"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "decisions"
HEAD = """# Decisions

What cost thought: the question, what was decided, and what follows. The code does not repeat it.

"""


def text() -> str:
    """Return the list, by number, each with the title of its page."""
    lines = []
    for path in sorted(FOLDER.glob("0*.md")):
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    (FOLDER / "index.md").write_text(text())
