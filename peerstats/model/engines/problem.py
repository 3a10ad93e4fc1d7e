"""The arrays an engine works on: rows sorted by group, equal rows summed, constants set apart.

Survey covariates are mostly categorical, so many women share site and covariates; such rows have
the same linear predictor and enter the likelihood only through their mean outcome and summed
weight (McCullagh & Nelder 1989, 4.1). The terms without η are added up once over the full data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.model.design import Design
from peerstats.model.families import Family

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

PAYS_BELOW = 0.7  # collapse when it leaves less than this share of the rows
PROBE = 1_000  # rows looked at before sorting all of them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """One model's arrays. `codes` has one array per grouping factor, the largest factor first.

    Rows are sorted by the first factor; `starts` are the first rows of its levels. `order` gives
    each factor's place in the formula. `m` is trials x weight; `constant` completes the kernel.
    """

    family: Family
    X: Array
    y: Array
    m: Array
    offset: Array
    codes: tuple[Codes, ...]
    sizes: tuple[int, ...]
    starts: Codes
    order: tuple[int, ...]
    constant: float

    @property
    def n(self) -> int:
        """Rows after summing equal ones."""
        return len(self.y)


def make_problem(design: Design, family: Family) -> Problem:
    """Sort, collapse where it pays and split off the constant."""
    groupings = [design.groups[r.group] for r in design.formula.random]
    order = sorted(range(len(groupings)), key=lambda k: -len(groupings[k].levels))
    codes = tuple(groupings[k].codes for k in order)
    ones = np.ones(design.n)
    weights = ones if design.weights is None else design.weights
    trials = ones if design.trials is None else design.trials
    offset = np.zeros(design.n) if design.offset is None else design.offset
    constant = float(family.constant(design.y, weights, trials).sum())
    rows = Rows(X=design.X, y=design.y, m=weights * trials, offset=offset, codes=codes)
    rows = collapse(rows) if family.sums_up else rows.sorted()
    sizes = tuple(len(groupings[k].levels) for k in order)
    first = rows.codes[0] if codes else np.zeros(len(rows.y), dtype=np.intp)
    return Problem(
        family=family,
        X=rows.X,
        y=rows.y,
        m=rows.m,
        offset=rows.offset,
        codes=rows.codes,
        sizes=sizes,
        starts=np.flatnonzero(np.r_[True, first[1:] != first[:-1]]),
        order=tuple(order),
        constant=constant,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows on their way into a problem."""

    X: Array
    y: Array
    m: Array
    offset: Array
    codes: tuple[Codes, ...]

    def sorted(self) -> Rows:
        """Return the rows ordered by the first grouping factor."""
        if not self.codes or not np.any(np.diff(self.codes[0]) < 0):
            return self
        return self.take(np.argsort(self.codes[0], kind="stable"))

    def take(self, rows: Codes) -> Rows:
        """Return a selection of rows."""
        return Rows(
            X=self.X[rows],
            y=self.y[rows],
            m=self.m[rows],
            offset=self.offset[rows],
            codes=tuple(c[rows] for c in self.codes),
        )


def collapse(rows: Rows) -> Rows:
    """Sum rows that share groups, covariates and offset, when that leaves clearly fewer.

    Equal rows are found by sorting one random projection of the covariates inside the groups;
    that rows sharing a projection are really equal is checked afterwards.
    """
    n = len(rows.y)
    step = max(1, n // PROBE)
    if _distinct(rows, slice(None, None, step)) > 0.9 and n > 4 * PROBE:
        return rows.sorted()
    key = _projection(rows)
    order = np.lexsort((key, *rows.codes[::-1]))
    ordered = rows.take(order)
    key = key[order]
    new = np.r_[True, key[1:] != key[:-1]]
    for code in ordered.codes:
        new[1:] |= code[1:] != code[:-1]
    starts = np.flatnonzero(new)
    if len(starts) > PAYS_BELOW * n:
        return ordered
    place = np.cumsum(new) - 1
    same = ordered.offset == ordered.offset[starts][place]
    if not same.all() or not np.array_equal(ordered.X, ordered.X[starts][place]):
        return ordered
    m = np.add.reduceat(ordered.m, starts)
    y = np.add.reduceat(ordered.m * ordered.y, starts) / m
    first = ordered.take(starts)
    return Rows(X=first.X, y=y, m=m, offset=first.offset, codes=first.codes)


def _projection(rows: Rows) -> Array:
    # Fixed multipliers: the result does not depend on a seed. Column by column, so that equal
    # rows give equal sums whatever blocks a matrix product would use.
    multipliers = np.random.default_rng(20240229).uniform(1.0, 2.0, rows.X.shape[1] + 1)
    key = rows.offset * multipliers[-1]
    for column, multiplier in zip(rows.X.T, multipliers, strict=False):
        key = key + column * multiplier
    return key


def _distinct(rows: Rows, part: slice) -> float:
    """Share of distinct covariate rows in a part of the data (groups left aside)."""
    few = Rows(X=rows.X[part], y=rows.y[part], m=rows.m[part], offset=rows.offset[part], codes=())
    key = _projection(few)
    return len(np.unique(key)) / max(len(key), 1)
