"""Features are entered by their front door: others import their package and nothing behind it."""

import grimp

from gatehouse.features import FEATURES


def test_nobody_reaches_behind_a_front_door() -> None:
    graph = grimp.build_graph("gatehouse", cache_dir=None)
    packages = [f"gatehouse.{feature.name}" for feature in FEATURES]
    assert graph.modules.issuperset(packages)
    found = [
        f"{importer} -> {module}"
        for package in packages
        for module in graph.find_descendants(package)
        for importer in graph.find_modules_that_directly_import(module)
        if not f"{importer}.".startswith(f"{package}.")
    ]
    assert found == []
