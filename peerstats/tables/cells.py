"""How numbers are put together in a cell: intervals, "n (%)", "mean (SD)", a ratio with its CI.

Three rules hold everywhere. A number that the gate withheld stands alone as "[c]", never as
"[c] ([c] to [c])". A number that does not exist, because a fit was refused, is an en dash. What
must stay on one line is joined with no-break spaces.
"""

from __future__ import annotations

from peerstats.results import Results
from peerstats.results.formats import MISSING
from peerstats.tables.table import Cell, Note, Ref, Symbol

NBSP = "\u00a0"
LEVEL = "95%"  # the confidence level of every interval in Results
SYMBOLS = ("†", "‡", "§", "¶", "‖", "#")  # no asterisk: readers take it for significance
ABSENT: Cell = (MISSING,)


def number(results: Results, at: str) -> Cell:
    """The number at an address, or an en dash where there is none."""
    return (Ref(at),) if results.has(at) else ABSENT


def shown(results: Results, at: str) -> bool:
    """Whether the number exists, is not missing and is not withheld."""
    return results.has(at) and results.number(at).shown


def value_of(results: Results, at: str) -> float | None:
    """The value where it may be shown, else None."""
    return results.number(at).value if shown(results, at) else None


def any_has(results: Results, *addresses: str) -> bool:
    """Whether there is a number at any of the addresses."""
    return any(results.has(at) for at in addresses)


def followed(results: Results, at: str, second: str, unit: str = "") -> Cell:
    """A number with a second one in brackets: n (%), mean (SD).

    The second is left out when it does not exist or when the first is withheld.
    """
    first = number(results, at)
    if not shown(results, at) or not results.has(second):
        return first
    return (*first, f"{NBSP}(", Ref(second), f"{unit})")


def spread(results: Results, low: str, high: str) -> Cell:
    """Two bounds joined as "1.31 to 2.05", or an en dash if either does not exist."""
    if not (results.has(low) and results.has(high)):
        return ABSENT
    if not (shown(results, low) or shown(results, high)):
        return number(results, low)
    return (Ref(low), f"{NBSP}to{NBSP}", Ref(high))


def with_spread(results: Results, at: str, low: str, high: str) -> Cell:
    """An estimate with its interval: "1.64 (1.31 to 2.05)"; the estimate alone without one."""
    first = number(results, at)
    if not (shown(results, at) and shown(results, low) and shown(results, high)):
        return first
    return (*first, f"{NBSP}(", *spread(results, low, high), ")")


def estimate(results: Results, base: str, measure: str) -> Cell:
    """The measure of a model's term with its interval (addresses base.or, base.low, base.high)."""
    return with_spread(results, f"{base}.{measure}", f"{base}.low", f"{base}.high")


def interval(results: Results, at: str) -> Cell:
    """A number with the interval stored under it (addresses at, at.low, at.high)."""
    return with_spread(results, at, f"{at}.low", f"{at}.high")


def fraction(results: Results, at: str, of: str) -> Cell:
    """Two counts as "31/45"; one that is withheld withholds the pair."""
    if not results.has(of):
        return number(results, at)
    if results.has(at) and not shown(results, at):
        return (Ref(at),)
    return (*number(results, at), "/", Ref(of))


def p_phrase(results: Results, at: str) -> Cell:
    """A p-value in a sentence: "p = 0.046", "p < 0.001" (the sign is part of the number)."""
    signed = results.number(at).printed[:1] in "<>"
    return (f"p{NBSP}" if signed else f"p{NBSP}={NBSP}", Ref(at))


def symbol_for(index: int) -> str:
    """The note symbol in order: †, ‡, …, then doubled.

    >>> symbol_for(0), symbol_for(6)
    ('†', '††')
    """
    return SYMBOLS[index % len(SYMBOLS)] * (1 + index // len(SYMBOLS))


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


def withheld_note(results: Results, cells: tuple[Cell, ...]) -> tuple[Note, ...]:
    """Explain "[c]" with the gate's own reasons, where a cell shows one."""
    refs = [p.address for cell in cells for p in cell if isinstance(p, Ref)]
    reasons = {results.number(at).withheld for at in refs} - {None}
    if not reasons:
        return ()
    return (Note(text=(f"[c] withheld: {'; '.join(sorted(r for r in reasons if r))}.",)),)
