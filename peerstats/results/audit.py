"""The inference audit of a model as numbers with addresses, for its exposure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from peerstats.inference.audit.methods import AUDITED
from peerstats.inference.audit.rows import Audit, AuditRow
from peerstats.results.blocks import AuditBlock, AuditLevel, Item, ModelBlock, Term, TermLevel
from peerstats.results.number import Number, address

RATES = ("coverage", "type1", "power", "unanswered")


def audit_results(
    block: ModelBlock, numbers: Mapping[str, Number], audit: Audit
) -> tuple[AuditBlock, dict[str, Number]]:
    """Return the block and the numbers of a model's audit.

    As many women stand behind them as behind the estimate: power and bias follow from it, so where
    the gate withholds the estimate it withholds these too.
    """
    found = [
        (term, level)
        for term in block.terms
        if term.exposure
        for level in term.levels
        if level.term
    ]
    made: dict[str, Number] = {}
    levels = []
    for term, level in found:
        base = _base(block, term, level)
        rows = [row for row in audit.rows if row.term == level.term]
        basis = _basis(block, term, numbers)
        for row in rows:
            made |= {n.address: n for n in _numbers(base, row, block.key, basis)}
        tested = not any(row.reason for row in rows)
        label = f"{term.label}: {level.label}" if level.key else term.label
        levels.append(AuditLevel(label=label, base=base, tested=tested))
    shown = {row.method for row in audit.rows}
    return (
        AuditBlock(
            key=address(block.key, "audit"),
            model=block.key,
            title=block.title,
            levels=tuple(levels),
            scenarios=tuple(Item(key=s.key, label=s.plain) for s in audit.scenarios),
            methods=tuple(
                Item(key=name, label=one.words) for name, one in AUDITED.items() if name in shown
            ),
        ),
        made,
    )


def _base(block: ModelBlock, term: Term, level: TermLevel) -> str:
    return address(block.key, term.variable, *((level.key,) if level.key else ()))


def _basis(block: ModelBlock, term: Term, numbers: Mapping[str, Number]) -> int:
    """The smallest level-by-outcome cell of a term, from the counts that are printed."""
    cells = []
    for level in term.levels:
        base = _base(block, term, level)
        women = _count(numbers, f"{base}.n")
        cells.append(women)
        if f"{base}.events" in numbers:
            events = _count(numbers, f"{base}.events")
            cells += [events, women - events]
    return min(cells, default=0)


def _count(numbers: Mapping[str, Number], at: str) -> int:
    return round(numbers[at].value) if at in numbers else 0


def _numbers(base: str, row: AuditRow, fit: str, basis: int) -> Iterator[Number]:
    at = f"{base}.{address('audit', row.scenario, row.method)}"

    def number(name: str, value: float, format: str) -> Number:
        return Number(
            address=f"{at}.{name}",
            kind="simulated",
            scale="link" if name.startswith("bias") else "percent",
            value=value,
            format=format,
            fit=fit,
            basis=basis,
        )

    for name in RATES:
        share = getattr(row, name)
        if math.isnan(share):
            continue
        yield number(name, 100.0 * share, "percent0" if name == "unanswered" else "percent1")
        if name != "unanswered":
            yield number(f"{name}.error", 100.0 * getattr(row, f"{name}_error"), "percent1")
    if not math.isnan(row.bias):
        yield number("bias", row.bias, "decimal3")
        yield number("bias.error", row.bias_error, "decimal3")
    yield Number(
        address=f"{at}.replicates",
        kind="constant",
        scale="count",
        value=float(row.replicates),
        format="count",
        fit=fit,
    )
