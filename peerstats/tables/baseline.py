"""Table 1: who the women are, for everybody and by group.

Levels print as n (%), numeric variables as mean (SD) and median (IQR). Where an item was not asked
of everybody, or not answered by all, a row gives answered/asked, since that is the denominator.
"""

from __future__ import annotations

from collections.abc import Iterator

from peerstats.results import Results, address
from peerstats.results.blocks import ALL, BaselineBlock, BaselineVariable, Group
from peerstats.results.find import block_of
from peerstats.results.text import (
    EMPTY,
    NBSP,
    Cell,
    Part,
    any_has,
    followed,
    fraction,
    number,
    spread,
    value_of,
    with_spread,
    with_unit,
)
from peerstats.tables.notes import EXACT, Notes, gate_notes
from peerstats.tables.table import Column, Note, Row, Table

ONLY_ALL = "Shown for all women only, because of small numbers."
SMD = "SMD: standardised mean difference; with more than two groups, the largest between any two."
STATISTICS: tuple[tuple[str, str, str, str], ...] = (
    ("mean", "Mean (SD)", "sd", ""),
    ("median", "Median (IQR)", "q1", "q3"),
    ("minimum", "Range", "minimum", "maximum"),
)


def build(results: Results, key: str) -> Table:
    """One column a group, with its number of women; standardised differences where they exist."""
    block = block_of(results, key, BaselineBlock)
    notes = Notes()
    has_smd = any_has(results, *(address(key, v.name, "smd") for v in block.variables))
    columns = tuple(_column(results, block, group) for group in block.groups)
    if has_smd:
        columns += (Column(key="smd", label=("SMD",)),)
    rows = tuple(
        row
        for variable in block.variables
        for row in _variable_rows(results, block, variable, notes, has_smd)
    )
    general = [Note(text=(SMD,))] if has_smd else []
    general += [Note(text=(remark,)) for remark in block.remarks]
    cells = tuple(c for row in rows for c in row.cells) + tuple(c.label for c in columns)
    return Table(
        key=f"baseline-{key}",
        title=block.title,
        stub="Characteristic",
        columns=columns,
        rows=rows,
        notes=(*general, *notes.notes, *gate_notes(results, cells)),
        landscape=len(columns) > 6,
    )


def _column(results: Results, block: BaselineBlock, group: Group) -> Column:
    """A group's column, headed by its label and its number of women."""
    total = number(results, address(block.key, group.key, "n"))
    by = None if group.key == ALL else block.by_label
    label: Cell = (group.label, " ", f"(n{NBSP}={NBSP}", *total, ")")
    return Column(key=group.key, label=label, group=by)


def _variable_rows(
    results: Results, block: BaselineBlock, variable: BaselineVariable, notes: Notes, smd: bool
) -> Iterator[Row]:
    """The header row of a variable (with its SMD), then its levels or statistics."""
    width = len(block.groups)
    at = address(block.key, variable.name, "smd")
    difference = number(results, at) if results.has(at) else EMPTY
    yield Row(
        kind="header",
        label=_label(block, variable, notes),
        cells=(EMPTY,) * width + ((difference,) if smd else ()),
    )
    lines = _statistic_lines if variable.numeric else _level_lines
    for label, cells in (
        *lines(results, block, variable),
        *_denominators(results, block, variable),
    ):
        yield Row(label=(label,), cells=cells + ((EMPTY,) if smd else ()), indent=1)


def _label(block: BaselineBlock, variable: BaselineVariable, notes: Notes) -> Cell:
    """The variable's name with unit and kind of number, and the symbols of its notes."""
    words = [with_unit(variable.label, variable.unit if variable.numeric else None)]
    if not variable.numeric:
        words.append(f"n{NBSP}(%)")
    marks: list[Part] = []
    if variable.skip_rule:
        marks += notes.mark(f"Not asked of everybody: {variable.skip_rule.rstrip('.')}.")
    for remark in variable.remarks:
        marks += notes.mark(remark)
    if block.by_label and not variable.by_group:
        marks += notes.mark(ONLY_ALL)
    return (", ".join(words), *marks)


def _groups(block: BaselineBlock, variable: BaselineVariable) -> Iterator[Group | None]:
    """The groups in order; None where this variable may not be shown by group."""
    for group in block.groups:
        yield group if variable.by_group or group.key == ALL else None


def _level_lines(
    results: Results, block: BaselineBlock, variable: BaselineVariable
) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    """n (%) of each level in each group."""
    for level in variable.levels:
        cells = []
        for group in _groups(block, variable):
            base = address(block.key, variable.name, level.key, group.key) if group else None
            cells.append(followed(results, f"{base}.n", f"{base}.percent") if base else EMPTY)
        yield level.label, tuple(cells)


def _statistic_lines(
    results: Results, block: BaselineBlock, variable: BaselineVariable
) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    """Mean (SD), median (IQR) and, in exact results, the range: those that exist."""
    for statistic, label, second, third in STATISTICS:
        cells, found = [], False
        for group in _groups(block, variable):
            base = address(block.key, variable.name, group.key) if group else None
            found = found or (base is not None and results.has(f"{base}.{statistic}"))
            cells.append(_statistic(results, base, (statistic, second, third)) if base else EMPTY)
        if found:
            yield label, tuple(cells)


def _statistic(results: Results, base: str, names: tuple[str, str, str]) -> Cell:
    """One of "33.1 (6.8)", "33 (28 to 38)" and "20 to 47"."""
    first, second, third = (f"{base}.{name}" for name in names)
    if not names[2]:
        return followed(results, first, second)
    if names[0] == names[1]:
        return spread(results, second, third)
    return with_spread(results, first, second, third)


def _denominators(
    results: Results, block: BaselineBlock, variable: BaselineVariable
) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    """Answered/asked, when that is not simply everybody in every group shown."""
    pairs = []
    for group in _groups(block, variable):
        base = address(block.key, variable.name, group.key) if group else ""
        total = address(block.key, group.key, "n") if group else ""
        pairs.append((f"{base}.answered", f"{base}.asked", total) if group else None)
    slack = _slack(results, variable)
    if not any(p and _differ(results, p, slack) for p in pairs):
        return
    cells = tuple(fraction(results, p[0], p[1]) if p else EMPTY for p in pairs)
    yield "Answered/asked", cells


def _slack(results: Results, variable: BaselineVariable) -> float:
    """How far counts of the same women can differ by rounding: answered is a sum of levels."""
    if results.clearance is None or results.clearance.rounding == EXACT or variable.skip_rule:
        return 0.0
    return results.clearance.threshold / 2 * (len(variable.levels) + 1)


def _differ(results: Results, places: tuple[str, str, str], slack: float) -> bool:
    """Whether the counts that may be shown differ by more than rounding explains."""
    found = [value for at in places if (value := value_of(results, at)) is not None]
    return bool(found) and max(found) - min(found) > slack
