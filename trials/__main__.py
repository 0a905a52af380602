"""Run one trial: `python trials NAME [arguments]`. Without a name, list them."""

import ast
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the trial that is named, else say which exist."""
    trials = {path.stem: path for path in sorted(HERE.glob("*.py")) if path.stem[0] != "_"}
    name = sys.argv[1] if len(sys.argv) > 1 else None
    if name not in trials:
        if name:
            print(f"There is no trial {name}.", file=sys.stderr)
        print("make trial NAME=...", file=sys.stderr)
        for stem, path in trials.items():
            lines = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines() or [""]
            print(f"  {stem:<20} {lines[0]}", file=sys.stderr)
        return 2
    # A trial may use what the tests use: tests.servers, for one.
    sys.path.insert(0, str(HERE.parent))
    sys.argv = [str(trials[name]), *sys.argv[2:]]
    runpy.run_path(str(trials[name]), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
