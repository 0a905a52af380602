"""Permissions, events, errors, limits and settings: spelled by their grammar, and all in use."""

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import gatehouse
from gatehouse.core.errors import Refusal
from gatehouse.core.events import Event
from gatehouse.core.permissions import GRAMMAR, Permission
from gatehouse.features import FEATURES
from gatehouse.infra.limits import Rule
from gatehouse.roles import BUILT_IN
from gatehouse.settings import Settings
from tests.servers.server import ROOT

SOURCE = Path(gatehouse.__file__).parent
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
EVENT = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")

Class = TypeVar("Class")


@cache
def modules() -> tuple[ModuleType, ...]:
    """Import the whole package and return its modules."""
    found = pkgutil.walk_packages(gatehouse.__path__, "gatehouse.")
    return tuple(importlib.import_module(one.name) for one in found)


def subclasses(base: type[Class]) -> Iterator[type[Class]]:
    """Yield every class of the project below another one."""
    modules()
    for one in base.__subclasses__():
        if one.__module__.startswith("gatehouse."):
            yield one
        yield from subclasses(one)


@cache
def names() -> Counter[str]:
    """Return how often each name or attribute is read anywhere in the project."""
    found: Counter[str] = Counter()
    for path in [*SOURCE.rglob("*.py"), ROOT / "gunicorn.conf.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found[node.attr] += 1
                owner = getattr(node.value, "attr", None) or getattr(node.value, "id", None)
                found[f"{owner}.{node.attr}"] += 1
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found[node.id] += 1
    return found


def test_permissions_are_spelled_right_unique_and_used() -> None:
    everything = [member for one in subclasses(Permission) for member in one]
    assert len({str(member) for member in everything}) == len(everything) > 5
    for member in everything:
        assert GRAMMAR.fullmatch(member), member
        used = names()[f"{type(member).__name__}.{member.name}"]
        assert used, f"{member!r} opens nothing"
    listed = {permission for feature in FEATURES for permission in feature.permissions or ()}
    assert listed == set(everything)


def test_built_in_roles_hold_permissions_that_exist() -> None:
    known = {str(member) for one in subclasses(Permission) for member in one}
    for _, permissions in BUILT_IN.values():
        assert set(permissions) <= known
    # Whoever may shape or hand out roles may have everything.
    assert not [name for name in BUILT_IN["admin"][1] if name.startswith("roles:")]
    assert BUILT_IN["user"][1] == ()


def test_events_are_spelled_right_and_used() -> None:
    listed = {member for feature in FEATURES for member in feature.events or ()}
    for one in subclasses(Event):
        for member in one:
            assert EVENT.fullmatch(member), member
            assert (
                member.value.rpartition(".")[2]
                .split("_")[-1]
                .endswith(("ed", "en", "started", "lost"))
            ), f"{member!r} does not say that something happened"
            assert names()[f"{one.__name__}.{member.name}"], f"{member!r} never happens"
            assert member in listed or one.__module__.startswith("gatehouse.cli")


def test_error_codes_are_spelled_right_and_unique() -> None:
    codes: Counter[str] = Counter()
    for one in {Refusal, *subclasses(Refusal)}:
        assert SNAKE.fullmatch(one.code), one
        assert 400 <= one.status < 600, one
        assert one.title, one
        if "code" in vars(one):
            codes[one.code] += 1
    repeated = {code for code, times in codes.items() if times > 1}
    assert repeated == set()


def test_every_error_is_raised_or_refined() -> None:
    # The server refuses some requests before the application sees them, by their code.
    server = "".join(path.read_text() for path in (SOURCE / "infra" / "server").glob("*.py"))
    by_server = re.findall(r'"([a-z_]+)"', server)
    unused = [
        one.__qualname__
        for one in subclasses(Refusal)
        if not names()[one.__name__] and not one.__subclasses__() and one.code not in by_server
    ]
    assert unused == []


def test_limits_are_unique_declared_and_used() -> None:
    rules = {
        (name, rule.name)
        for module in modules()
        for name, rule in vars(module).items()
        if isinstance(rule, Rule)
    }
    by_name = Counter(rule for _, rule in rules)
    assert all(SNAKE.fullmatch(name) for name in by_name)
    assert [name for name, times in by_name.items() if times > 1] == []
    declared = {rule.name for feature in FEATURES for rule in feature.limits}
    assert declared == set(by_name)
    for constant, name in rules:
        # Once where its feature lists it, and once at least where it holds.
        assert names()[constant] >= 2, f"the limit {name} limits nothing"


def test_every_setting_is_read() -> None:
    assert {one.name for one in fields(Settings) if not names()[one.name]} == set()
