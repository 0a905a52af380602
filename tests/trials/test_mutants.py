"""What mutation testing leaves out is what it says, and nothing else."""

from pathlib import Path

import pytest

from tests.servers.server import ROOT

CODE = '''
"""A module."""


def refuse(count: int, *, name: str = "x") -> str:
    """Say no."""
    logger.warning("refused", count=count + 1)
    if count > 3:
        raise Refusal("Too many of them.", code="too_many")
    return cast("str", name)
'''


@pytest.mark.full
def test_sentences_log_lines_and_casts_are_left_alone(tmp_path: Path) -> None:
    made = pytest.importorskip(
        "trials._mutants_made", reason="mutmut is not installed: make test-full does it"
    )
    module = tmp_path / "src" / "shop.py"
    module.parent.mkdir()
    module.write_text(CODE)

    mutants = made.make(tmp_path, module)

    changed = {line[1:].strip() for one in mutants for line in one.diff.splitlines()[3:]}
    changed -= {line.strip() for line in CODE.splitlines()}
    assert changed == {
        'def refuse(count: int, *, name: str = "XXxXX") -> str:',
        'def refuse(count: int, *, name: str = "X") -> str:',
        "if count >= 3:",
        "if count > 4:",
        'raise Refusal("Too many of them.", code="XXtoo_manyXX")',
        'raise Refusal("Too many of them.", code="TOO_MANY")',
        'raise Refusal("Too many of them.", code=None)',
        'raise Refusal("Too many of them.", )',
        'return cast("str", None)',
        'return cast("str", )',
    }
    assert {one.function for one in mutants} == {"shop.x_refuse"}
    assert len({one.key for one in mutants}) == len(mutants)


@pytest.mark.full
def test_what_is_judged_exists() -> None:
    pytest.importorskip("mutmut", reason="mutmut is not installed: make test-full does it")
    from trials import mutants

    for place in mutants.PLACES:
        assert (ROOT / "src" / "gatehouse" / place).exists(), place
    for name in mutants.TESTS:
        assert (ROOT / "tests" / name).exists(), name
