"""Scales: how many items, how reliable, how they spread, and each item's place in its scale."""

from __future__ import annotations

from peerstats.results import Results, address
from peerstats.results.blocks import Item, ReliabilityBlock
from peerstats.results.find import block_of
from peerstats.results.text import EMPTY, Cell, followed, number
from peerstats.tables.notes import gate_notes
from peerstats.tables.table import Column, Note, Row, Table

COLUMNS: tuple[tuple[str, str], ...] = (
    ("items", "Items"),
    ("n", "Women"),
    ("alpha", "Cronbach’s α"),
    ("omega", "McDonald’s ω"),
    ("mean", "Mean (SD)"),
    ("floor", "At floor, %"),
    ("ceiling", "At ceiling, %"),
    ("item_rest", "Item–rest r"),
)
ABOUT = (
    "Item–rest r: correlation of an item, turned to the scale’s direction, with the sum of the "
    "other items. At floor, at ceiling: women with the lowest and the highest possible score."
)


def build(results: Results, key: str) -> Table:
    """One row a scale with its coefficients, then one a item with its item–rest correlation."""
    block = block_of(results, key, ReliabilityBlock)
    rows: list[Row] = []
    for scale, items in block.scales:
        rows.append(_scale_row(results, address(key, scale.key), scale))
        rows += [_item_row(results, address(key, scale.key, item.key), item) for item in items]
    return Table(
        key=f"reliability-{key}",
        title=block.title,
        stub="Scale and items",
        columns=tuple(Column(key=name, label=(label,)) for name, label in COLUMNS),
        rows=tuple(rows),
        notes=(
            Note(text=(ABOUT,)),
            *gate_notes(results, tuple(c for row in rows for c in row.cells)),
        ),
    )


def _scale_row(results: Results, base: str, scale: Item) -> Row:
    cells: list[Cell] = []
    for name, _ in COLUMNS[:-1]:
        at = f"{base}.{name}"
        cells.append(followed(results, at, f"{base}.sd") if name == "mean" else number(results, at))
    return Row(kind="header", label=(scale.label,), cells=(*cells, EMPTY))


def _item_row(results: Results, base: str, item: Item) -> Row:
    rest = number(results, f"{base}.item_rest")
    return Row(label=(item.label,), cells=(EMPTY,) * (len(COLUMNS) - 1) + (rest,), indent=1)
