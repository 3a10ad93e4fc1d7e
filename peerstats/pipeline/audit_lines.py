"""An audit on a terminal: a table a coefficient, and a few sentences that read it out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from peerstats.inference.audit.methods import AUDITED
from peerstats.inference.audit.rows import AuditRow
from peerstats.pipeline.audit import Audited
from peerstats.results.formats import MISSING, fixed

HEADS = ("coverage %", "type I error %", "power %", "bias", "no interval %", "replicates")
WIDTHS = (13, 14, 13, 15, 13, 10)
STUB = 40
TOO_COARSE = 0.025  # Monte-Carlo standard error of a type I error that tells nothing of its level
NOTE = (
    "In brackets: Monte-Carlo standard errors. Nominal: coverage 95, type I error 5. Power and "
    "bias are at the fitted estimate; bias is on the link's scale, against what each method "
    "estimates. * misleads: clearly off its nominal level."
)


def audit_lines(one: Audited) -> Iterator[str]:
    """Yield the lines of one model, with an empty line at the end."""
    yield f"{one.section.key}: {one.title}"
    if one.audit is None:
        yield f"  No audit. {one.reason}"
        yield ""
        return
    for scenario in one.audit.scenarios:
        yield f"  Truth: {scenario.words}"
        yield "  " + "  ".join([" " * STUB, *map(str.rjust, HEADS, WIDTHS)])
        rows = [row for row in one.audit.rows if row.scenario == scenario.key]
        if not rows:
            yield "  Nothing was simulated in the time given: take more --seconds."
        for term in dict.fromkeys(row.term for row in rows):
            yield f"  {one.label(term)}"
            yield from (_line(row) for row in rows if row.term == term)
    yield f"  {NOTE}"
    for said in reading(one):
        yield f"  {said}"
    yield ""


def _line(row: AuditRow) -> str:
    name = ("* " if row.misleads else "  ") + AUDITED[row.method].short
    cells = (
        _percent(row.coverage, row.coverage_error),
        _percent(row.type1, row.type1_error),
        _percent(row.power, row.power_error),
        _with_error(row.bias, row.bias_error, 3),
        MISSING if math.isnan(row.unanswered) else fixed(100 * row.unanswered, 0),
        fixed(row.replicates, 0) if row.replicates else MISSING,
    )
    line = "  " + "  ".join([f"  {name}".ljust(STUB), *map(str.rjust, cells, WIDTHS)])
    return f"{line}  no test: {row.reason}" if row.reason else line


def _percent(share: float, error: float) -> str:
    return _with_error(100 * share, 100 * error, 1)


def _with_error(value: float, error: float, digits: int) -> str:
    if math.isnan(value):
        return MISSING
    return f"{fixed(value, digits)} ({fixed(error, digits)})"


def verdict(row: AuditRow) -> str:
    """What the type I error of the report's method says, which few replicates may leave open."""
    if row.misleads:
        return "more than the 5% it promises"
    if row.type1_error > TOO_COARSE:
        return "too few simulated studies to tell from 5%: take more --seconds"
    return "as it should (5%)"


def reading(one: Audited) -> Iterator[str]:
    """Say in words what the audit shows of the exposure: who keeps the level, who would mislead."""
    if one.audit is None:
        return
    exposed = [
        level.term
        for row in one.answer.block.terms
        if row.exposure
        for level in row.levels
        if level.term is not None
    ]
    for scenario in one.audit.scenarios:
        for term in exposed:
            rows = [
                row for row in one.audit.rows if (row.scenario, row.term) == (scenario.key, term)
            ]
            yield from _read(rows, f"{one.label(term)}; {scenario.words}")


def _read(rows: Sequence[AuditRow], where: str) -> Iterator[str]:
    for row in rows:
        name = AUDITED[row.method].words
        if row.method == "chosen":
            if row.reason:
                yield f"{where}: this report gives no test ({row.reason})."
            elif not math.isnan(row.type1):
                level = verdict(row)
                yield (
                    f"{where}: without an association, {name} would have found one in "
                    f"{_rate(row.type1, row.type1_error)} of such studies, {level}; it finds one "
                    f"of the size estimated here in {_rate(row.power, row.power_error)}."
                )
        elif row.misleads and row.type1 - 2 * row.type1_error > 0.05:
            yield (
                f"  {name[0].upper()}{name[1:]}, would have found one in "
                f"{_rate(row.type1, row.type1_error)}, and its 95% intervals would have held the "
                f"truth in {_rate(row.coverage, row.coverage_error)}."
            )
        elif row.misleads:
            yield (
                f"  {name[0].upper()}{name[1:]}, would have held the truth in "
                f"{_rate(row.coverage, row.coverage_error)} of its 95% intervals."
            )


def _rate(share: float, error: float) -> str:
    return f"{fixed(100 * share, 1)}% (±{fixed(100 * error, 1)})"
