"""Where in a model's table each mark belongs.

A mark's `where` names a fit (M, M.null, M.crude.V) or a fit and a term (M.V). From that and its
sort follows the spot: a missing p-value belongs on the p, a singular fit on the variance it made
zero, everything else on the estimate, or on the column's head when the whole fit is meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from peerstats.results import address
from peerstats.results.blocks import Mark, ModelBlock
from peerstats.tables.notes import Notes

Place = tuple[str, str, str]  # side (crude, adjusted, null, table), variable or "", spot


def place(block: ModelBlock, mark: Mark) -> Place:
    """Return side, variable and spot of one mark."""
    side, variable = _side(block, mark.where)
    if mark.sort == "no_p_value":
        return side, variable, "p"
    if mark.sort == "singular" and not variable and block.factors:
        return side, variable, "variance"
    return ("null", "", "variance") if side == "null" else (side, variable, "estimate")


def _side(block: ModelBlock, where: str) -> tuple[str, str]:
    """Read a mark's `where`; what cannot be placed is about the whole table."""
    known = {
        block.key: ("adjusted", ""),
        address(block.key, "null"): ("null", ""),
        address(block.key, "crude"): ("crude", ""),
    }
    for term in block.terms:
        known[address(block.key, term.variable)] = ("adjusted", term.variable)
        known[address(block.key, "crude", term.variable)] = ("crude", term.variable)
        known[address(block.key, "crude", term.variable, term.variable)] = ("crude", term.variable)
    return known.get(address(*where.split(".")), ("table", ""))


def sentences(block: ModelBlock, side: str, variable: str, spot: str) -> tuple[str, ...]:
    """The sentences of all marks at one place."""
    return tuple(m.sentence for m in block.marks if place(block, m) == (side, variable, spot))


def unplaced(block: ModelBlock, notes: Notes) -> Iterator[str]:
    """Sentences that no cell carries, so that none is lost."""
    said = {part for note in notes.notes for part in note.text}
    for sentence in dict.fromkeys(mark.sentence for mark in block.marks):
        if sentence not in said:
            yield sentence
