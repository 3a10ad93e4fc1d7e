"""Missing values by type, so that "refused" is never mistaken for "not asked"."""

from __future__ import annotations

from peerstats.results import Results, address
from peerstats.results.blocks import MissingBlock
from peerstats.results.find import block_of
from peerstats.results.text import Cell, followed, number, value_of
from peerstats.tables.notes import gate_notes
from peerstats.tables.table import Column, Note, Row, Table

TYPES: tuple[tuple[str, str], ...] = (
    ("refused", "Refused"),
    ("dont_know", "Don’t know"),
    ("not_collected", "Not collected"),
    ("unknown", "Unknown"),
    ("not_asked", "Not asked"),
    ("not_applicable", "Not applicable"),
)


def occurs(results: Results, key: str, block: MissingBlock, sort: str) -> bool:
    """Whether any variable has such values, or a number of them that was withheld."""
    places = [address(key, v.key, sort) for v in block.variables]
    return any(results.has(at) and value_of(results, at) != 0 for at in places)


def build(results: Results, key: str) -> Table:
    """One row a variable: rows, asked, answered (% of asked), then each type that occurs."""
    block = block_of(results, key, MissingBlock)
    present = [(t, label) for t, label in TYPES if occurs(results, key, block, t)]
    absent = [label.lower() for t, label in TYPES if (t, label) not in present]
    columns = (
        Column(key="rows", label=("Records",)),
        Column(key="asked", label=("Asked",)),
        Column(key="answered", label=("Answered, n\u00a0(%)",)),
        *(Column(key=t, label=(label,), group="Missing, by type") for t, label in present),
    )
    rows = tuple(
        Row(label=(v.label,), cells=_cells(results, address(key, v.key), [t for t, _ in present]))
        for v in block.variables
    )
    notes = [Note(text=("Percentages are of those who were asked.",))]
    if absent:
        notes.append(Note(text=(f"No values of these types occur: {', '.join(absent)}.",)))
    cells = tuple(c for row in rows for c in row.cells)
    return Table(
        key=f"missingness-{key}",
        title=block.title,
        stub="Variable",
        columns=columns,
        rows=rows,
        notes=(*notes, *gate_notes(results, cells)),
        landscape=len(columns) > 8,
    )


def _cells(results: Results, base: str, types: list[str]) -> tuple[Cell, ...]:
    """The counts of one variable in the order of the columns."""
    answered = followed(results, f"{base}.answered", f"{base}.answered_percent")
    counts = (number(results, f"{base}.{t}") for t in types)
    return (
        number(results, f"{base}.rows"),
        number(results, f"{base}.asked"),
        answered,
        *counts,
    )
