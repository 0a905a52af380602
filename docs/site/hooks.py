"""What the site needs besides Markdown: drawings, and the two pages that lie above docs/."""

import re
from pathlib import Path
from typing import Any

import sequence
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
# Files of the project's top that are pages of the site as well.
ABOVE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_config(config: Any) -> Any:
    """Draw every block of Mermaid."""
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [
        {"name": "mermaid", "class": "sequence", "format": sequence.fence}
    ]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Take in the pages from above, whose links begin with docs/."""
    for source, page in ABOVE.items():
        text = (ROOT / source).read_text().replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leave out what only the tests of the pages read, and let links to the top arrive."""
    markdown = re.sub(r"^(```[a-z]+) .*$", r"\1", markdown, flags=re.MULTILINE)
    for source, page in ABOVE.items():
        markdown = re.sub(rf"\]\((?:\.\./)*{source}", f"]({page}", markdown)
    return markdown
