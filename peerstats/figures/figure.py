"""The figure as a finished picture, with the words that must go wherever it goes."""

from __future__ import annotations

from dataclasses import dataclass, field

from peerstats.results.text import Cell, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure: PNG bytes, its size in pixels, and what to read aloud instead of it.

    `alt` is one or two sentences with the printed numbers as `Ref`s; `drawn` are the addresses of
    all numbers that the picture shows, drawn or written. `reading` is the sentence that says what a
    check of a model came to, for the report's text. `number` is given by the report.
    """

    key: str
    title: str
    alt: Cell
    png: bytes = field(repr=False)
    width: int
    height: int
    drawn: tuple[str, ...] = ()
    notes: tuple[Cell, ...] = ()
    reading: Cell = ()
    number: int | None = None

    @property
    def refs(self) -> tuple[str, ...]:
        """Addresses of the numbers written in words: in the alternative text and the notes."""
        return tuple(p.address for c in (self.alt, *self.notes) for p in c if isinstance(p, Ref))
