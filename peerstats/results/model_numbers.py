"""The numbers of a model table: sizes, estimates of every level, and the random part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.data.codebook import Field
from peerstats.effects import EFFECTS, Effect
from peerstats.inference.estimates import Estimate, Estimates
from peerstats.model.fit import Fit
from peerstats.results.blocks import TermLevel
from peerstats.results.counting import constant, count
from peerstats.results.measures import MEASURES, Measure
from peerstats.results.number import Kind, Number, address
from peerstats.results.terms import Rows, TermRows

_MEASURES: Mapping[str, Measure] = {
    "odds_ratio": "or",
    "rate_ratio": "rr",
    "risk_ratio": "pr",
    "mean_difference": "b",
}
# Name in the address, kind and format of each measure of a grouping factor.
FACTOR_NUMBERS: Mapping[str, tuple[str, Kind, str]] = {
    "variance": ("variance", "variance", "decimal3"),
    "icc": ("icc", "icc", "decimal3"),
    "median_odds_ratio": ("mor", "mor", "ratio"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Women:
    """The sample of a model: whose each row is, who had the outcome (None if not yes/no).

    Sizes are of women, not of rows: ten visits of two women protect nobody. A woman of several
    visits has the outcome when she had it at any of them, and is in every level she was in.
    """

    person: NDArray[np.int_]  # (rows,), the number of the woman
    events: Rows | None
    sensitive: int
    fields: Mapping[str, Field]

    @property
    def repeated(self) -> bool:
        """Whether any woman has several rows."""
        return self.size(np.ones(len(self.person), dtype=bool)) < len(self.person)

    def size(self, rows: Rows) -> int:
        """The number of women in these rows."""
        return len(np.unique(self.person[rows]))

    def smallest(self, cells: tuple[Rows, ...]) -> int:
        """The smallest level-by-outcome cell; the smallest level when the outcome has no levels."""
        if self.events is None:
            return min(self.size(cell) for cell in cells)
        sides = [cell & side for cell in cells for side in (self.events, ~self.events)]
        return min(self.size(side) for side in sides)

    def sensitivity(self, variables: tuple[str, ...]) -> int:
        """How sensitive it is to know these variables together with the outcome."""
        own = [self.fields[v].sensitive for v in variables if v in self.fields]
        return max([self.sensitive, *own])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A converged fit under its key, with what inference made of it."""

    key: str
    fit: Fit
    estimates: Estimates
    also: Estimates | None = None  # by the method that the analysis asks for beside the rule's
    between: Estimates | None = (
        None  # variances of the grouping factors, where the table shows them
    )


def measure_key(effect: Effect | None) -> Measure:
    """Return the measure's name in addresses; `coef` for a coefficient on the link's scale."""
    return _MEASURES.get(effect.scale, "coef") if effect else "coef"


def level_base(model: str, rows: TermRows, level: TermLevel) -> str:
    """Return the address of a level of a term; `model` is the address of a model or M.crude."""
    at = address(rows.term.variable, *((level.key,) if level.key else ()))
    return f"{model}.{at}"


def size_numbers(model: str, women: Women, terms: tuple[TermRows, ...]) -> Iterator[Number]:
    """Yield n and events of the model and of every level.

    The totals name the levels of the first covariate that divides all women, so that a total can
    be made again from rounded levels.
    """
    divided = next((rows for rows in terms if rows.divides and not women.repeated), None)
    bases = [level_base(model, divided, level) for level in divided.term.levels] if divided else []
    everybody = np.ones(len(women.person), dtype=bool)
    yield from _counts(model, everybody, women, (women.sensitive, bases))
    if women.repeated:
        yield count(f"{model}.visits", len(women.person), sensitive=women.sensitive)
    for rows in terms:
        sensitive = women.sensitivity(rows.variables)
        for level, mask in zip(rows.term.levels, rows.rows, strict=True):
            yield from _counts(level_base(model, rows, level), mask, women, (sensitive, []))


def _counts(
    at: str, mask: NDArray[np.bool_], women: Women, rest: tuple[int, list[str]]
) -> Iterator[Number]:
    sensitive, bases = rest
    parts = tuple(f"{base}.n" for base in bases)
    yield count(f"{at}.n", women.size(mask), parts=parts, sensitive=sensitive)
    if women.events is not None:
        parts = tuple(f"{base}.events" for base in bases)
        events = women.size(mask & women.events)
        yield count(f"{at}.events", events, parts=parts, sensitive=sensitive)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Behind:
    """What stands behind a fit's numbers: its key, the smallest cell and the sensitivity."""

    fit: str
    basis: int
    sensitive: int


def term_numbers(
    model: str, fitted: Fitted, rows: TermRows, women: Women, effect: Effect | None
) -> Iterator[Number]:
    """Yield measure, interval and p-value of a term's levels; of what was refused the interval."""
    behind = _Behind(
        fit=fitted.key,
        basis=women.smallest(rows.cells),
        sensitive=women.sensitivity(rows.variables),
    )
    for place, estimates in ((("",), fitted.estimates), (("also",), fitted.also)):
        if estimates is None:
            continue
        shown = effect.measure(fitted.fit, estimates) if effect else estimates
        found = {row.term: row for row in shown.rows()}
        for level in rows.term.levels:
            if level.term in found:
                base = ".".join([level_base(model, rows, level), *filter(None, place)])
                yield from _level_numbers(base, found[level.term], measure_key(effect), behind)


def _level_numbers(base: str, row: Estimate, measure: Measure, behind: _Behind) -> Iterator[Number]:
    """A refused coefficient has an interval, where it has one, and neither estimate nor p."""
    style = "ratio" if MEASURES[measure].ratio else "decimal2"
    numbers = tuple(
        _with_interval(
            (f"{base}.{measure}", f"{base}.low", f"{base}.high"), "estimate", row, style, behind
        )
    )
    if row.reason:
        yield from (n for n in numbers[1:] if not math.isnan(n.value))
        return
    yield from numbers
    yield Number(
        address=f"{base}.p",
        kind="p_value",
        scale="none",
        value=row.p_value,
        format="p",
        fit=behind.fit,
        basis=behind.basis,
        sensitive=behind.sensitive,
    )


def _with_interval(
    at: tuple[str, str, str], kind: Kind, row: Estimate, style: str, behind: _Behind
) -> Iterator[Number]:
    """Yield a value and the two ends of its interval, all with the value's standard error."""
    for place, own, value in (
        (at[0], kind, row.estimate),
        (at[1], "ci", row.conf_low),
        (at[2], "ci", row.conf_high),
    ):
        yield Number(
            address=place,
            kind=own,
            scale=row.scale,
            value=value,
            format=style,
            se=row.std_error if math.isfinite(row.std_error) else None,
            fit=behind.fit,
            basis=behind.basis,
            sensitive=behind.sensitive,
        )


def fit_numbers(model: str, fitted: Fitted, women: Women) -> Iterator[Number]:
    """Yield the log-likelihood and, for every grouping factor, groups, variance, ICC and MOR.

    What rests on too few groups, or has no interval because it stands at zero, is left out; the
    marks say why.
    """
    everybody = (np.ones(len(women.person), dtype=bool),)
    behind = _Behind(fit=fitted.key, basis=women.smallest(everybody), sensitive=women.sensitive)
    if not fitted.fit.penalty:  # a likelihood that is not at its maximum is not to be compared
        yield Number(
            address=f"{model}.loglik",
            kind="loglik",
            scale="log_likelihood",
            value=fitted.fit.llf,
            format="decimal2",
            fit=behind.fit,
            basis=behind.basis,
            sensitive=behind.sensitive,
        )
    if fitted.fit.method == "agq":
        yield constant(f"{model}.nodes", fitted.fit.nodes)
    for factor, groups in fitted.fit.groups.items():
        yield Number(
            address=f"{model}.{address(factor, 'groups')}",
            kind="constant",
            scale="count",
            value=float(groups),
            format="count",
            fit=behind.fit,
        )
    for name, (key, kind, style) in FACTOR_NUMBERS.items():
        if fitted.between is None or EFFECTS[name].why_not(fitted.fit.family):
            continue
        for row in EFFECTS[name].measure(fitted.fit, fitted.between).rows():
            at = f"{model}.{address(row.term, key)}"
            if not row.reason:
                ends = (f"{at}.low", f"{at}.high")
                yield from _with_interval((at, *ends), kind, row, style, behind)
