"""Counting the outcomes that leave each site's number of yes and the other columns' totals.

Women of one site with equal covariates form a cell: n women with (x, w) give the polynomial

    Σ_k C(n, k) z^k u^(k x) v^(k w),

the product over a site's cells counts all its outcomes by number of yes, Σ y x and Σ y w, and its
part with z to the site's own number of yes is kept. The product over sites is then counted by Σ y x
and Σ y w, and its part at the observed Σ y w is the answer (Hirji, Mehta & Patel 1987, J Am Stat
Assoc 82:1110). Exponents must be small whole numbers, so columns are counted in units of their
smallest step from their least value. Counts are kept to a factor, so that none overflows.

With several levels of clustering the sites here are the innermost clusters with an effect of their
own, since only their women are exchangeable. Sites without both outcomes say nothing and are left
out; columns constant inside the rest cancel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from peerstats.errors import ModelError
from peerstats.inference.layout import Level
from peerstats.inference.method import Question

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

MOST_STEPS = 50  # of one column from its least value to its greatest
MOST_WOMEN = 1_000  # beyond it the smallest counts fall out of the range of numbers
MOST_WORK = 1e8  # multiplications, about a second


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """Relative counts of outcomes by T = 0, 1, ..., in steps of the column, and the observed T."""

    counts: Array
    observed: int
    step: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Site:
    """One site's cells: columns (cells, d) in steps with x first, women, yes."""

    columns: Whole
    women: Whole
    yes: Whole

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the site's array by number of yes and column totals."""
        total = int(self.yes.sum())
        return (total + 1, *(total * self.columns.max(axis=0) + 1))


def count_outcomes(question: Question, position: int) -> Counts:
    """Return the counts of one column; ModelError where they cannot be had, with their size."""
    _check_model(question)
    X, women, yes, strata = _rows(question)
    within = _varying(X, strata)
    if position not in within:
        level = _stratum(question)
        noun = "site" if level is None else level.noun
        raise ModelError(f"it is constant within every {noun} that holds both outcomes")
    order = [position, *(k for k in within if k != position)]
    names = question.fit.design.names
    coded, steps = zip(*(_in_steps(X[:, k], names[k]) for k in order), strict=True)
    columns = np.column_stack(coded)
    sites = [
        _cells(columns[rows], women[rows], yes[rows])
        for rows in (strata == code for code in np.unique(strata))
    ]
    _check_work(sites)
    combined = np.ones((1,) * len(order))
    for site in sites:
        combined = _times(combined, _outcomes(site))
        combined /= combined.max()
    observed = np.sum([site.yes @ site.columns for site in sites], axis=0)
    place: tuple[slice | int, ...] = (slice(None), *map(int, observed[1:]))
    return Counts(
        counts=combined[place],
        observed=int(observed[0]),
        step=float(steps[0]),
    )


def _check_model(question: Question) -> None:
    """Refuse models under which women of one stratum with equal covariates are not alike."""
    random = question.fit.formula.random
    if question.fit.design.offset is not None:
        raise ModelError("with an offset no two outcomes are equally likely")
    if not all(term.intercept_only for term in random):
        raise ModelError("conditioning on totals does not remove random slopes")
    if len(random) > sum(level.random for level in question.where.levels):
        raise ModelError("conditioning on totals does not remove effects that cross the sites")


def _stratum(question: Question) -> Level | None:
    """The innermost clusters with an effect of their own, else the sites if there are any."""
    levels = question.where.levels
    return next((level for level in reversed(levels) if level.random), question.where.top)


def _rows(question: Question) -> tuple[Array, Whole, Whole, Whole]:
    """X, women and yes of each row, and its stratum, of strata with both outcomes."""
    design = question.fit.design
    ones = np.ones(design.n)
    trials = ones if design.trials is None else design.trials
    weights = ones if design.weights is None else design.weights
    women = np.round(trials * weights).astype(np.int64)
    if not np.allclose(women, trials * weights, rtol=0, atol=1e-9):
        raise ModelError("its weights are no numbers of women")
    yes = np.round(design.y * women).astype(np.int64)
    level = _stratum(question)
    strata = np.zeros(design.n, dtype=np.int64) if level is None else level.codes.astype(np.int64)
    total, of_yes = np.bincount(strata, weights=women), np.bincount(strata, weights=yes)
    both = ((of_yes > 0) & (of_yes < total))[strata]
    if not both.any():
        raise ModelError("no site holds both outcomes")
    return design.X[both], women[both], yes[both], strata[both]


def _varying(X: Array, strata: Whole) -> list[int]:
    """Columns that vary inside a stratum."""
    found = []
    for k, column in enumerate(X.T):
        low, high = (np.full(strata.max() + 1, end) for end in (np.inf, -np.inf))
        np.minimum.at(low, strata, column)
        np.maximum.at(high, strata, column)
        if (high > low).any():
            found.append(k)
    return found


def _in_steps(column: Array, name: str) -> tuple[Whole, float]:
    """A column as whole steps from its least value, and the step."""
    values = np.unique(column)
    step = float(np.diff(values).min())
    steps = (column - values[0]) / step
    coded = np.round(steps).astype(np.int64)
    if np.abs(steps - coded).max() > 1e-8 or coded.max() > MOST_STEPS:
        raise ModelError(
            f"exact counting needs columns of few whole steps, and '{name}' has {len(values)} "
            "values; use groups of it"
        )
    return coded, step


def _cells(columns: Whole, women: Whole, yes: Whole) -> _Site:
    cells, place = np.unique(columns, axis=0, return_inverse=True)
    place = place.ravel()
    counted = [np.bincount(place, weights=part).astype(np.int64) for part in (women, yes)]
    return _Site(columns=cells, women=counted[0], yes=counted[1])


def _check_work(sites: list[_Site]) -> None:
    """Refuse what would take long, telling the sizes."""
    women = sum(int(site.women.sum()) for site in sites)
    work, whole = 0.0, np.ones(sites[0].columns.shape[1])
    for site in sites:
        own = np.array(site.shape[1:], dtype=np.float64)
        terms = np.minimum(site.women, site.shape[0] - 1).sum() + len(site.women)
        work += float(terms) * site.shape[0] * float(own.prod()) + float(whole.prod() * own.prod())
        whole += own - 1
    if women > MOST_WOMEN or work > MOST_WORK:
        raise ModelError(
            f"the exact distribution for {women} women in {len(sites)} site(s) with "
            f"{len(whole)} covariate(s) that vary there takes about {work:.0e} multiplications, "
            f"and {MOST_WORK:.0e} is the most that is tried"
        )


def _outcomes(site: _Site) -> Array:
    """Counts of one site's outcomes with its own number of yes, by column totals."""
    total = site.shape[0] - 1
    found = np.zeros(site.shape)
    found[(0,) * found.ndim] = 1.0
    for column, women in zip(site.columns, site.women, strict=True):
        new = np.zeros_like(found)
        for k in range(min(int(women), total) + 1):
            shift = (k, *(k * column))
            to = tuple(slice(int(s), None) for s in shift)
            of = tuple(slice(0, n - int(s)) for s, n in zip(shift, found.shape, strict=True))
            new[to] += special.binom(int(women), k) * found[of]
        found = new / new.max()
    return found[total]


def _times(first: Array, second: Array) -> Array:
    """The product of two polynomials in several variables."""
    large, small = (first, second) if first.size >= second.size else (second, first)
    shape = [a + b - 1 for a, b in zip(large.shape, small.shape, strict=True)]
    found = np.zeros(shape)
    for place in np.argwhere(small):
        to = tuple(slice(int(s), int(s) + n) for s, n in zip(place, large.shape, strict=True))
        found[to] += small[tuple(place)] * large
    return found
