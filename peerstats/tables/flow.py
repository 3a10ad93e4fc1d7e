"""The study's flow: how many women at each step, and how many left and why."""

from __future__ import annotations

from peerstats.results import Results, address
from peerstats.results.blocks import FlowBlock
from peerstats.results.find import block_of
from peerstats.results.text import number
from peerstats.tables.notes import gate_notes
from peerstats.tables.table import Column, Row, Table


def build(results: Results, key: str) -> Table:
    """One row a step; those who left are indented under the step they left from."""
    block = block_of(results, key, FlowBlock)
    rows = tuple(
        Row(
            label=(f"Excluded: {label}" if excluded else label,),
            cells=(number(results, address(key, step, "n")),),
            indent=int(excluded),
        )
        for step, label, excluded in block.steps
    )
    return Table(
        key=f"flow-{key}",
        title=block.title,
        stub="Step",
        columns=(Column(key="n", label=("Women",)),),
        rows=rows,
        notes=gate_notes(results, tuple(c for row in rows for c in row.cells)),
    )
