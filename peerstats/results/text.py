"""Text in which every number is an address: the words of tables, captions and sentences.

A `Cell` is words and `Ref`s in order; whoever renders it looks the numbers up, so no sentence can
say a number of its own. Three rules hold for every phrase built here. A number that the gate
withheld stands alone as "[c]", never as "[c] ([c] to [c])". A number that does not exist, because
a fit was refused, is an en dash. What must stay on one line is joined with no-break spaces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from peerstats.results.formats import MISSING, WITHHELD
from peerstats.results.results import Results

NBSP = "\u00a0"
LEVEL = "95%"  # the confidence level of every interval in Results


@dataclass(frozen=True, slots=True)
class Ref:
    """The number at an address; the renderer prints it and says where it came from."""

    address: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A raised note symbol (†, ‡, …) that ties a cell to one of the table's notes."""

    mark: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that is no result but a setting or how a fit went: its text and where it stands.

    `at` is its place in results.json: "clearance.threshold", "fits.m1.dropped".
    """

    text: str
    at: str


Part = str | Ref | Symbol | Fact
Cell = tuple[Part, ...]
EMPTY: Cell = ()
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
    """The measure of a model's term with its interval (addresses base.or, base.low, base.high).

    A term that the number of sites cannot test has its interval only.
    """
    at, low, high = f"{base}.{measure}", f"{base}.low", f"{base}.high"
    if not results.has(at) and shown(results, low) and shown(results, high):
        return (*ABSENT, f"{NBSP}(", *spread(results, low, high), ")")
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


def as_reason(text: str) -> str:
    """Put a reason into a sentence: no capital and no full stop.

    >>> as_reason("It is lme4's.")
    "it is lme4's"
    """
    return lower_first(text.strip().removesuffix("."))


def lower_first(text: str) -> str:
    """Begin a label in the middle of a sentence; an abbreviation stays as it is.

    >>> lower_first("Peer support"), lower_first("HIV test"), lower_first("")
    ('peer support', 'HIV test', '')
    """
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def as_noun(label: str) -> str:
    """Set a label that holds a comma in quotation marks, so that a sentence can carry it.

    >>> as_noun("Peer support"), as_noun("HIV test, last 12 months")
    ('peer support', '“HIV test, last 12 months”')
    """
    return f"“{label}”" if "," in label else lower_first(label)


def with_unit(label: str, unit: str | None) -> str:
    """Name a variable with its unit, unless the label says it already.

    >>> with_unit("Age", "years"), with_unit("Years in this city", "years")
    ('Age, years', 'Years in this city')
    """
    return label if not unit or unit.lower() in label.lower() else f"{label}, {unit}"


def withheld_words(results: Results, addresses: Iterable[str]) -> str:
    """Explain "[c]" with the gate's own reasons; empty where nothing was withheld."""
    found = {results.number(at).withheld for at in addresses if results.has(at)}
    reasons = sorted(reason for reason in found if reason)
    return f"{WITHHELD} withheld: {'; '.join(reasons)}." if reasons else ""


def plain(results: Results, cell: Cell) -> str:
    """The characters of a cell without markup, for a drawing or an alternative text."""
    return "".join(
        results.number(part.address).printed
        if isinstance(part, Ref)
        else part.mark
        if isinstance(part, Symbol)
        else part.text
        if isinstance(part, Fact)
        else part
        for part in cell
    )
