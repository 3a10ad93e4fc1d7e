"""The house: imports point down, and nothing grows too big to be read at one sitting."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "peerstats"

# From the ground up. A room may use its own floor and the floors below it.
FLOORS = (
    ("errors", "resources"),
    ("spec",),
    ("data",),
    ("model",),
    ("inference",),
    ("effects",),
    ("results",),
    ("disclosure",),
    ("tables", "figures"),
    ("render",),
    ("report",),
    ("pipeline",),
    ("command",),
    ("run", "audit", "power", "synthetic", "__init__"),
)
APART = {("tables", "figures"), ("figures", "tables")}
MOST_LINES, MOST_FUNCTION_LINES, MOST_ARGUMENTS = 400, 40, 6


def floor_of(room: str) -> int | None:
    return next((i for i, rooms in enumerate(FLOORS) if room in rooms), None)


def room_of(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((f"{node.module}.{a.name}", node.lineno) for a in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, node.lineno) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "peerstats.__relative__", node.lineno


def violations(package: Path) -> list[str]:
    """Every place where the house rules are broken, as file:line: what."""
    found: list[str] = []
    graph: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package.parent)
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        if (lines := text.count("\n")) > MOST_LINES:
            found.append(f"{place}:1: {lines} lines, at most {MOST_LINES}")
        found += [f"{place}:{line}: {what}" for line, what in wrong_imports(tree, path, package)]
        found += [f"{place}:{line}: {what}" for line, what in too_big(tree)]
        graph[module_of(path, package)] = {
            name for name, _ in imports(top_level(tree)) if name.startswith("peerstats.")
        }
    return found + cycles(graph)


def wrong_imports(tree: ast.AST, path: Path, package: Path) -> Iterator[tuple[int, str]]:
    here = room_of(path, package)
    if floor_of(here) is None:
        yield 1, f"'{here}' is in no floor"
        return
    for name, line in imports(tree):
        if not name.startswith("peerstats."):
            continue
        there = name.split(".")[1]
        if there == "__relative__":
            yield line, "imports are written in full"
        elif (floor := floor_of(there)) is not None and here != "__init__":
            if floor > floor_of(here):
                yield line, f"{here} reaches up to {there}"
            elif (here, there) in APART:
                yield line, f"{here} and {there} never meet"


def too_big(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if lines > MOST_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines, at most {MOST_FUNCTION_LINES}"
            a = node.args
            count = len(a.posonlyargs + a.args + a.kwonlyargs)
            count -= bool(a.args) and a.args[0].arg in ("self", "cls")
            if count > MOST_ARGUMENTS:
                yield node.lineno, f"{node.name} has {count} arguments, at most {MOST_ARGUMENTS}"


def top_level(tree: ast.Module) -> ast.Module:
    """Only what is imported when the module is: an import inside a function closes no cycle."""
    kept = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return ast.Module(body=kept, type_ignores=[])


def module_of(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other, found by leaving out again and again those that need none."""
    edges = {
        name: {
            t
            for i in needs
            if (t := resolve(i, graph)) and t != name and not name.startswith(f"{t}.")
        }
        for name, needs in graph.items()
    }
    while free := [name for name, needs in edges.items() if not needs & edges.keys()]:
        for name in free:
            del edges[name]
    return [f"these modules import each other: {', '.join(sorted(edges))}"] if edges else []


def resolve(name: str, graph: dict[str, set[str]]) -> str | None:
    return (
        name
        if name in graph
        else name.rpartition(".")[0]
        if name.rpartition(".")[0] in graph
        else None
    )


def test_house_stands():
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("data/a.py", "from peerstats.results import x\n", "data reaches up to results"),
        ("data/a.py", "def f():\n    import peerstats.run\n", "data reaches up to run"),
        ("tables/a.py", "from peerstats.figures import x\n", "tables and figures never meet"),
        ("data/a.py", "from . import b\n", "imports are written in full"),
        ("attic/a.py", "", "'attic' is in no floor"),
        ("data/a.py", "x = 1\n" * 401, "401 lines"),
        ("data/a.py", "def f():\n" + "    x = 1\n" * 41, "f has 42 lines"),
        ("data/a.py", "def f(a, b, c, *, d, e, g, h): ...\n", "f has 7 arguments"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, file, text, told):
    path = tmp_path / "peerstats" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert any(told in line for line in violations(tmp_path / "peerstats"))


def test_a_planted_cycle_is_found(tmp_path):
    room = tmp_path / "peerstats" / "data"
    room.mkdir(parents=True)
    (room / "a.py").write_text("from peerstats.data.b import x\n")
    (room / "b.py").write_text("from peerstats.data.a import y\n")
    assert any("import each other" in line for line in violations(tmp_path / "peerstats"))
