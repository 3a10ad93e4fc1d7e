"""The table as meaning, not as characters: what each cell says and which number it shows.

A `Table` holds everything any renderer needs (HTML, Markdown, Word, LaTeX, Typst): spanners over
columns, indents, alignment on the decimal point, header rows to repeat on each page, notes tied to
their symbols, a caption and whether the page should be turned. Numbers appear only as `Ref`, the
address of a `Number`; a renderer looks them up, so no table can print a number of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from peerstats.errors import PeerstatsError
from peerstats.results.text import Cell, Ref, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of numbers; columns in a row with the same `group` share a spanner."""

    key: str
    label: Cell
    align: Literal["left", "right", "center", "decimal"] = "decimal"
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: its label, and one cell a column or none at all.

    `header` names a variable whose levels follow; `section` starts a part of the table;
    `reference` is the level that the others are compared with.
    """

    kind: Literal["header", "data", "reference", "section"] = "data"
    label: Cell
    cells: tuple[Cell, ...] = ()
    indent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line under the table; without a symbol it is about the whole table."""

    text: Cell
    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. `number` is given by the report, in order of appearance.

    Raises `PeerstatsError` when a row does not fit the columns, or when a symbol has no note or a
    note no place in the table.

    >>> Table(key="t", title="Ages", stub="Site", columns=(Column(key="n", label=("n",)),),
    ...       rows=(Row(label=("North",), cells=((Ref("t.north.n"),),)),)).refs
    ('t.north.n',)
    """

    key: str
    title: str
    stub: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()
    number: int | None = None
    landscape: bool = False  # ask for a turned page where the format has pages
    repeat_header: bool = True  # print the header rows again on every page

    def __post_init__(self) -> None:
        for row in self.rows:
            if row.cells and len(row.cells) != len(self.columns):
                raise PeerstatsError(
                    f"Table '{self.key}': a row has {len(row.cells)} cells for "
                    f"{len(self.columns)} columns."
                )
        used = {p.mark for cell in self.cells() for p in cell if isinstance(p, Symbol)}
        noted = {note.symbol for note in self.notes if note.symbol}
        if used != noted:
            odd = ", ".join(sorted(used ^ noted))
            raise PeerstatsError(f"Table '{self.key}': symbol and note do not match for {odd}.")

    def cells(self) -> Iterator[Cell]:
        """Yield the table's cells in reading order, without its notes."""
        for column in self.columns:
            yield column.label
        for row in self.rows:
            yield row.label
            yield from row.cells

    @property
    def refs(self) -> tuple[str, ...]:
        """Addresses of all the numbers printed, in reading order."""
        cells = (*self.cells(), *(note.text for note in self.notes))
        return tuple(p.address for cell in cells for p in cell if isinstance(p, Ref))

    @property
    def spans(self) -> tuple[tuple[str | None, int], ...]:
        """Neighbouring columns with the same group: (group, how many)."""
        spans: list[tuple[str | None, int]] = []
        for column in self.columns:
            if spans and column.group and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return tuple(spans)
