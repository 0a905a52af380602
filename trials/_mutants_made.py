"""The mutants: small changes of the code, made by mutmut and written into a copy of the tree.

mutmut keeps all mutants of a function beside it, and a trampoline in its place calls the one that
is under test: hence no module is loaded anew for a mutant. It leaves out decorated functions and
what is executed while a module is imported.

Of what mutmut makes, three kinds are left out here and nothing else is, because no promise of the
service stands in them:

- sentences: strings with a space between two words. They are details of refusals and reasons of
  exceptions for people, and clients go by `code` (docs/errors.md);
- what is told to `logger`: lines of the log are for people too;
- the type that `cast` is told, which nothing reads when the program runs.
"""

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from mutmut.mutation.file_mutation import (
    MutatedFile,
    Mutation,
    combine_mutations_to_source,
    create_mutations,
)
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

_SENTENCE = re.compile(r"\w[,;:.]? \w")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the name that switches it on, where it is, and what differs.

    `lines` are the first and the last line of the unchanged function in the file that was
    written, and the one that the mutant changes. `key` stays the same as long as the function
    and the change do.
    """

    name: str
    function: str
    path: str
    lines: tuple[int, int, int]
    diff: str
    key: str


def make(tree: Path, path: Path) -> list[Mutant]:
    """Put the mutants of a module into the module, and return them."""
    code = path.read_text()
    module, mutations, *ignored = create_mutations(str(path), code)
    inert = _inert(module)
    kept = [
        mutation
        for mutation in mutations
        if id(mutation.original_node) not in inert and not _is_left_out(mutation)
    ]
    made = combine_mutations_to_source(module, kept, *ignored)
    path.write_text(made.code)
    relative = path.relative_to(tree)
    return [_described(relative, made, name) for name in made.mutant_names]


def _described(path: Path, made: MutatedFile, mangled: str) -> Mutant:
    function = mangled_name_from_mutant_name(mangled)
    before = _source(made, f"{function}__mutmut_orig", function)
    after = _source(made, mangled, function)
    pairs = zip(before, after, strict=False)
    first = next((n for n, (one, other) in enumerate(pairs) if one != other), len(after) - 1)
    span = made.line_span_by_function_name[f"{function}__mutmut_orig"]
    changed = difflib.unified_diff(before, after, str(path), str(path), lineterm="", n=1)
    text = "\n".join([str(path), *before, *after])
    return Mutant(
        name=get_mutant_name(path, mangled),
        function=get_mutant_name(path, function),
        path=str(path),
        lines=(span.start, span.end, span.start + first),
        diff="\n".join(changed),
        key=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def _source(made: MutatedFile, name: str, function: str) -> list[str]:
    """Return the lines of a generated function under the name of the written one."""
    span = made.line_span_by_function_name[name]
    plain = re.split("_|ǁ", function, maxsplit=1)[1].rpartition("ǁ")[2]
    return [line.replace(name, plain) for line in made.code.splitlines()[span.start - 1 : span.end]]


def _inert(module: cst.Module) -> set[int]:
    """Return the nodes, by identity, of calls of the logger and of the types of casts."""
    found: set[int] = set()
    waiting: list[tuple[cst.CSTNode, bool]] = [(module, False)]
    while waiting:
        node, is_inside = waiting.pop()
        is_inside |= isinstance(node, cst.Call) and _is_named(node.func, "logger")
        if is_inside:
            found.add(id(node))
        is_cast = isinstance(node, cst.Call) and _is_named(node.func, "cast")
        waiting += [
            (child, is_inside or (is_cast and child is node.args[0])) for child in node.children
        ]
    return found


def _is_left_out(mutation: Mutation) -> bool:
    before, after = mutation.original_node, mutation.mutated_node
    if isinstance(before, cst.SimpleString):
        return _is_sentence(before)
    if not isinstance(before, cst.Call) or not isinstance(after, cst.Call):
        return False
    kept = {id(argument) for argument in after.args}
    changed = [argument for argument in before.args if id(argument) not in kept]
    is_type = _is_named(before.func, "cast") and before.args[0] in changed
    return is_type or any(_is_sentence(argument.value) for argument in changed)


def _is_sentence(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleString) and bool(_SENTENCE.search(node.value))


def _is_named(node: cst.CSTNode, name: str) -> bool:
    """Tell whether an expression is this name or an attribute of it."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name) and node.value == name
