"""The audit as a table: one row a scenario, coefficient and method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from peerstats.inference.audit.methods import AUDITED
from peerstats.inference.audit.plan import AuditPlan, Item, Scenario
from peerstats.inference.audit.tally import Tally

LEVEL = 0.05
NONE = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """What one method does with one coefficient on this layout; shares are between 0 and 1.

    `coverage`, `power` and `bias` are at the fitted truth, `type1` where the coefficient is 0;
    each `_error` is its Monte-Carlo standard error. `bias` is on the link's scale, against what the
    method estimates. `reason` says why the chosen method gives no test.
    """

    scenario: str
    term: str
    method: str
    replicates: int
    coverage: float = NONE
    coverage_error: float = NONE
    type1: float = NONE
    type1_error: float = NONE
    power: float = NONE
    power_error: float = NONE
    bias: float = NONE
    bias_error: float = NONE
    unanswered: float = NONE
    reason: str = ""

    @property
    def misleads(self) -> bool:
        """Whether it rejects a true null, or misses the truth, clearly more often than 5 %.

        Clearly: by 2 Monte-Carlo standard errors, and in more than 6.5 % of the replicates, which
        is the edge of the coverages that are called nominal.
        """
        told = (
            (self.type1, self.type1_error),
            (1.0 - self.coverage, self.coverage_error),
        )
        return any(rate - 2 * error > LEVEL and rate > 1.3 * LEVEL for rate, error in told)


COLUMNS = tuple(field.name for field in fields(AuditRow))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """One model's audit: its scenarios in words and its rows in the order of the design."""

    model: str
    scenarios: tuple[Scenario, ...]
    rows: tuple[AuditRow, ...]


Sums = Mapping[tuple[str, str, str], tuple[Tally, ...]]


def summarise(plan: AuditPlan, sums: Sums) -> Audit:
    """Return the rows of one model from the sums of its cells."""
    rows = tuple(
        row
        for scenario in plan.scenarios
        for position, term in enumerate(plan.terms)
        if term
        for row in _rows(plan, scenario.key, position, sums)
    )
    return Audit(model=plan.model, scenarios=plan.scenarios, rows=rows)


def _rows(plan: AuditPlan, scenario: str, position: int, sums: Sums) -> Iterator[AuditRow]:
    cells = {cell.key: cell for cell in plan.cells}
    fitted = cells[f"{scenario}:"]
    null = cells.get(f"{scenario}:{plan.terms[position]}")
    estimates = plan.estimates.rows()
    offset = len(estimates) - len(plan.names)
    reason = estimates[position + offset].reason
    for method in AUDITED.values():
        at_truth = _tally(plan.model, fitted.key, fitted.items, (method.name, position), sums)
        at_zero = (
            _tally(plan.model, null.key, null.items, (method.name, position), sums)
            if null
            else Tally()
        )
        own = reason if method.name == "chosen" else ""
        if not at_truth.replicates and not at_zero.replicates and not own:
            continue
        truth = float(method.truth(fitted.setting)[position])
        yield AuditRow(
            scenario=scenario,
            term=plan.names[position],
            method=method.name,
            replicates=max(at_truth.replicates, at_zero.replicates),
            coverage=at_truth.coverage,
            coverage_error=at_truth.coverage_error,
            type1=NONE if own else at_zero.rejection,
            type1_error=NONE if own else at_zero.rejection_error,
            power=NONE if own else at_truth.rejection,
            power_error=NONE if own else at_truth.rejection_error,
            bias=at_truth.bias(truth),
            bias_error=at_truth.bias_error,
            unanswered=at_truth.unanswered,
            reason=own,
        )


def _tally(
    model: str, cell: str, items: Sequence[Item], asked: tuple[str, int], sums: Sums
) -> Tally:
    method, position = asked
    for item in items:
        found = sums.get((model, cell, item.key))
        if item.method == method and position in item.positions and found is not None:
            return found[item.positions.index(position)]
    return Tally()
