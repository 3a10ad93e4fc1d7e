"""The audit in words: whether the report's method keeps its level here, and which would not."""

from __future__ import annotations

from collections.abc import Iterator

from peerstats.report.words import sentence
from peerstats.results import Results, address
from peerstats.results.blocks import AuditBlock, AuditLevel, Item
from peerstats.results.text import Cell, Ref, as_noun, shown, value_of

LEVEL = 5.0
CLEARLY = 1.3  # times the level: 6.5 %, the edge of what is called nominal


def audit_sentences(results: Results, block: AuditBlock) -> Iterator[Cell]:
    """Yield a paragraph a level of the exposure and truth."""
    for scenario in block.scenarios:
        for level in block.levels:
            parts = list(_parts(results, block, level, scenario))
            if parts:
                yield tuple(piece for part in parts for piece in (*part, " "))[:-1]


def _parts(
    results: Results, block: AuditBlock, level: AuditLevel, scenario: Item
) -> Iterator[Cell]:
    own, *others = block.methods
    at = f"{level.base}.{address('audit', scenario.key, own.key)}"
    where = "" if len(block.scenarios) == 1 else f" ({scenario.label})"
    noun = as_noun(level.label)
    if not level.tested:
        yield (f"In studies like this one{where} the report tests no association of {noun}.",)
    elif shown(results, f"{at}.type1"):
        off = too_often(results, f"{at}.type1")
        yield (
            f"In studies like this one{where}, without an association of {noun}, {own.label} would "
            "find one in ",
            Ref(f"{at}.type1"),
            "%, more often than the one in twenty it promises."
            if off
            else "%, as it should (one in twenty).",
        )
    for method in others:
        found = f"{level.base}.{address('audit', scenario.key, method.key)}"
        if said := _misled(results, found, method):
            yield said


def _misled(results: Results, at: str, method: Item) -> Cell:
    """Name a usual method that would have misled, and by how much; nothing for one that is fine."""
    name = sentence(f"{method.label[0].upper()}{method.label[1:]}")[:-1]
    if too_often(results, f"{at}.type1"):
        tail: Cell = ()
        if shown(results, f"{at}.coverage"):
            tail = (", and ", Ref(f"{at}.coverage"), "% of its 95% intervals would hold the truth")
        return (f"{name}, would find one without any in ", Ref(f"{at}.type1"), "%", *tail, ".")
    if too_seldom(results, f"{at}.coverage"):
        held = Ref(f"{at}.coverage")
        return (f"{name}, would hold the truth in ", held, "% of its 95% intervals.")
    return ()


def too_often(results: Results, at: str) -> bool:
    """Whether a rate of errors is clearly above 5 %, by 2 Monte-Carlo standard errors."""
    rate, error = value_of(results, at), value_of(results, f"{at}.error")
    return rate is not None and error is not None and _off(rate, error)


def too_seldom(results: Results, at: str) -> bool:
    """Whether a coverage is clearly below 95 %."""
    rate, error = value_of(results, at), value_of(results, f"{at}.error")
    return rate is not None and error is not None and _off(100.0 - rate, error)


def _off(rate: float, error: float) -> bool:
    return rate - 2 * error > LEVEL and rate > CLEARLY * LEVEL
