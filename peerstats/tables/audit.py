"""The inference audit: what each method does on this study's own layout, simulated."""

from __future__ import annotations

from peerstats.results import Results, address
from peerstats.results.blocks import AuditBlock, AuditLevel, Item
from peerstats.results.find import block_of
from peerstats.results.text import ABSENT, NBSP, Cell, Ref, number, shown
from peerstats.tables.notes import gate_notes
from peerstats.tables.table import Column, Note, Row, Table

ABOUT = (
    "Simulated from the fitted model on the sites, venues, sizes and covariates of this study, and "
    "fitted again. In brackets: Monte-Carlo standard errors. Coverage should be 95% and the type I "
    "error (tests that find an association where there is none) one in twenty. Power and bias are "
    "at the fitted estimate; bias is on the link’s scale, against what each method estimates in "
    "endless data. “No interval”: data sets from which the method gives none."
)
UNTESTED = "The report gives no test of this exposure, so it has neither type I error nor power."


def build(results: Results, key: str) -> Table:
    """One part a truth, one row a method, for every level of the exposure of model `key`."""
    block = block_of(results, address(key, "audit"), AuditBlock)
    rows: list[Row] = []
    for scenario in block.scenarios:
        if len(block.scenarios) > 1:
            rows.append(Row(kind="section", label=(f"Truth: {scenario.label}",)))
        for level in block.levels:
            rows.append(Row(kind="header", label=(level.label,)))
            for method in block.methods:
                rows.append(_row(results, level, scenario, method))
    return Table(
        key=f"audit-{key}",
        title=f"{block.title}: what each method does on this study’s layout",
        stub="Method",
        columns=(
            Column(key="coverage", label=("Coverage, %",)),
            Column(key="type1", label=("Type I error, %",)),
            Column(key="power", label=("Power, %",)),
            Column(key="bias", label=("Bias",)),
            Column(key="unanswered", label=("No interval, %",)),
            Column(key="replicates", label=("Replicates",)),
        ),
        rows=tuple(rows),
        notes=(
            Note(text=(ABOUT,)),
            *((Note(text=(UNTESTED,)),) if not all(v.tested for v in block.levels) else ()),
            *gate_notes(results, tuple(cell for row in rows for cell in row.cells)),
        ),
    )


def _row(results: Results, level: AuditLevel, scenario: Item, method: Item) -> Row:
    at = f"{level.base}.{address('audit', scenario.key, method.key)}"
    return Row(
        label=(f"{method.label[0].upper()}{method.label[1:]}",),
        indent=1,
        cells=(
            *(
                _with_error(results, f"{at}.{name}")
                for name in ("coverage", "type1", "power", "bias")
            ),
            number(results, f"{at}.unanswered"),
            number(results, f"{at}.replicates"),
        ),
    )


def _with_error(results: Results, at: str) -> Cell:
    if not results.has(at):
        return ABSENT
    if not shown(results, f"{at}.error"):
        return (Ref(at),)
    return (Ref(at), f"{NBSP}(", Ref(f"{at}.error"), ")")
