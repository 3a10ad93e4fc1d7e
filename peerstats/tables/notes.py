"""The notes under a table and the symbols that tie them to cells."""

from __future__ import annotations

from peerstats.results import Results
from peerstats.results.text import Cell, Fact, Ref, Symbol, withheld_words
from peerstats.tables.table import Note

SYMBOLS = ("†", "‡", "§", "¶", "‖", "#")  # no asterisk: readers take it for significance


def symbol_for(index: int) -> str:
    """The note symbol in order: †, ‡, …, then doubled.

    >>> symbol_for(0), symbol_for(6)
    ('†', '††')
    """
    return SYMBOLS[index % len(SYMBOLS)] * (1 + index // len(SYMBOLS))


EXACT = "none"  # what a clearance says when it rounds nothing


class Notes:
    """Collects the sentences of one table and gives each its symbol, the same sentence once."""

    def __init__(self) -> None:
        self._symbols: dict[str, str] = {}

    def mark(self, *sentences: str) -> tuple[Symbol, ...]:
        """Return the symbols of these sentences, to be put at the end of a cell."""
        return tuple(
            Symbol(self._symbols.setdefault(sentence, symbol_for(len(self._symbols))))
            for sentence in sentences
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """The notes in the order of their symbols."""
        return tuple(Note(text=(text,), symbol=mark) for text, mark in self._symbols.items())


def gate_notes(results: Results, cells: tuple[Cell, ...]) -> tuple[Note, ...]:
    """Explain what the gate did to these cells: rounded counts, and "[c]" where one shows it."""
    refs = [part.address for cell in cells for part in cell if isinstance(part, Ref)]
    notes = []
    rule = results.clearance.rounding if results.clearance else EXACT
    if rule != EXACT and any(results.number(at).kind == "count" for at in refs):
        rule_fact = Fact(rule, "clearance.rounding")
        notes.append(Note(text=("Counts are rounded, ", rule_fact, "; they need not add up.")))
    words = withheld_words(results, refs)
    return (*notes, Note(text=(words,))) if words else tuple(notes)
