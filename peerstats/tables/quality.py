"""What the consistency checks found, most serious first."""

from __future__ import annotations

from peerstats.results import Results, address
from peerstats.results.blocks import QualityBlock, QualityRow
from peerstats.results.find import block_of
from peerstats.results.text import EMPTY, Cell, Fact, fraction, number
from peerstats.tables.notes import gate_notes
from peerstats.tables.table import Column, Note, Row, Table

SEVERITY = ("error", "warn", "note")


def build(results: Results, key: str) -> Table:
    """One row a finding: rule, what it says, how serious, where, and how many of how many."""
    block = block_of(results, key, QualityBlock)
    columns = (
        Column(key="message", label=("What was found",), align="left"),
        Column(key="severity", label=("Severity",), align="left"),
        Column(key="where", label=("Where",), align="left"),
        Column(key="count", label=("Found/checked",)),
    )
    ordered = sorted(block.rows, key=lambda row: _rank(row.severity))
    rows = tuple(_row(results, key, row) for row in ordered) + _site_rows(results, block)
    if not rows:
        rows = (Row(kind="section", label=("No check found anything.",)),)
    return Table(
        key=f"quality-{key}",
        title=block.title,
        stub="Check",
        columns=columns,
        rows=rows,
        notes=(
            Note(text=("Checks run: ", *_rules_run(results, block), ".")),
            *(Note(text=(note,)) for note in block.notes),
            *gate_notes(results, tuple(c for row in rows for c in row.cells)),
        ),
    )


def _rank(severity: str) -> int:
    return SEVERITY.index(severity) if severity in SEVERITY else len(SEVERITY)


def _rules_run(results: Results, block: QualityBlock) -> Cell:
    """The number of rules: addressed where it is, else a constant of the program."""
    at = address(block.key, "rules_run")
    if results.has(at):
        return number(results, at)
    return (Fact(str(block.rules_run), f"blocks.{block.key}.rules_run"),)


def _row(results: Results, key: str, row: QualityRow) -> Row:
    where = f"{row.table}: {', '.join(row.columns)}" if row.columns else row.table
    base = address(key, row.key)
    cells: tuple[Cell, ...] = (
        (row.message,),
        (row.severity,),
        (where,),
        fraction(results, f"{base}.count", f"{base}.checked"),
    )
    return Row(label=(row.rule,), cells=cells)


def _site_rows(results: Results, block: QualityBlock) -> tuple[Row, ...]:
    """The rates by site of those findings that have them."""
    if not block.site_rates:
        return ()
    rules = {row.key: row for row in block.rows}
    rows = [Row(kind="section", label=("By site, %",))]
    for finding, site in block.site_rates:
        rule = rules[finding].rule if finding in rules else finding
        at = address(block.key, finding, "site", site.key, "percent")
        cells: tuple[Cell, ...] = ((site.label,), EMPTY, EMPTY, number(results, at))
        rows.append(Row(label=(rule,), cells=cells, indent=1))
    return tuple(rows)
