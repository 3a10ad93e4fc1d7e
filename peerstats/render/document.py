"""The report before it has characters: sections of pieces in reading order.

A template lays out a `Document` for formats that are text; a renderer of a binary format (Word) can
read it directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from peerstats.figures import Figure
from peerstats.results import Results
from peerstats.results.text import Cell
from peerstats.tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading inside a section (level 3: a model; the section's own heading is level 2)."""

    text: str
    level: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One paragraph."""

    text: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    """A list of short sentences."""

    items: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Pairs of a term and what it is."""

    pairs: tuple[tuple[str, Cell], ...]


Piece = Heading | Paragraph | Bullets | Facts | Table | Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report; `key` is its anchor."""

    key: str
    heading: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """A whole report with the results its addresses point into."""

    title: str
    results: Results
    facts: Facts
    sections: tuple[Section, ...]
    language: str = "en"

    @property
    def synthetic(self) -> bool:
        """Whether every page must say that no real woman is described."""
        return self.results.synthetic

    @property
    def released(self) -> bool:
        """Whether the numbers passed the gate; otherwise they are exact and private."""
        return self.results.clearance is not None

    def pieces(self) -> Iterator[Piece]:
        """Yield all pieces in reading order."""
        for section in self.sections:
            yield from section.pieces

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures in order."""
        return tuple(piece for piece in self.pieces() if isinstance(piece, Figure))
