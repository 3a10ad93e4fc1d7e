"""How every fit of a model went: what a reviewer needs before trusting any of its numbers."""

from __future__ import annotations

from peerstats.results import Results
from peerstats.results.blocks import ModelBlock
from peerstats.results.find import block_of
from peerstats.results.results import FitRecord
from peerstats.results.text import Cell, number
from peerstats.tables.notes import Notes, gate_notes
from peerstats.tables.table import Column, Row, Table


def build(results: Results, key: str) -> Table:
    """One row a fit: formula, method, log-likelihood, whether it converged, what it warned of."""
    block = block_of(results, key, ModelBlock)
    records = [results.fits[name] for name in block.fits if name in results.fits]
    notes = Notes()
    rows = tuple(_row(results, record, notes) for record in records)
    return Table(
        key=f"fits-{key}",
        title=f"{block.title}: how each fit went",
        stub="Fit",
        columns=(
            Column(key="formula", label=("Formula",), align="left"),
            Column(key="method", label=("Family, link and method",), align="left"),
            Column(key="loglik", label=("Log-likelihood",)),
            Column(key="state", label=("State",), align="left"),
        ),
        rows=rows or (Row(kind="section", label=("No fit is shown.",)),),
        notes=(
            *notes.notes,
            *gate_notes(results, tuple(c for row in rows for c in row.cells)),
        ),
    )


def _row(results: Results, record: FitRecord, notes: Notes) -> Row:
    state = ["converged" if record.converged else "did not converge"]
    if record.singular:
        state.append("singular")
    cells: tuple[Cell, ...] = (
        (record.formula,),
        (f"{record.family}, {record.link}, {record.method}",),
        number(results, f"{record.key}.loglik"),
        ("; ".join(state), *notes.mark(*record.messages)),
    )
    return Row(label=(record.key,), cells=cells)
