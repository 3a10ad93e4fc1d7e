"""The arrays an engine works on: rows sorted by group, equal rows summed, constants set apart.

Survey covariates are mostly categorical, so many women share site and covariates; such rows have
the same linear predictor and enter the likelihood only through their mean outcome and summed
weight (McCullagh & Nelder 1989, 4.1). The terms without η are added up once over the full data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerstats.model.design import Design
from peerstats.model.families import Family

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

PAYS_BELOW = 0.7  # collapse when it leaves less than this share of the rows
PROBE = 1_000  # rows looked at before sorting all of them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Random effects of one grouping factor: row i multiplies those of its level by `Z[i]`.

    `codes` is (n, members): one level a row, or several with `shares` (n, members) of each.
    `factor` numbers the grouping factors in the order in which they are eliminated.
    """

    factor: int
    levels: int
    codes: Codes
    Z: Array
    shares: Array | None = None

    @property
    def size(self) -> int:
        """Effects a level."""
        return self.Z.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """One model's arrays. `codes` has one array per grouping factor, the largest factor first.

    Rows are sorted by the first factor; `starts` are the first rows of its levels. `order` gives
    each factor's place in the formula. `m` is trials x weight; `constant` completes the kernel.
    `blocks` describe the random part, in the formula's order, where it is more than intercepts or
    where the family is gaussian or has auxiliary predictors; `G` are the matrices of those.
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
    blocks: tuple[Block, ...] = ()
    G: tuple[Array, ...] = ()

    @property
    def n(self) -> int:
        """Rows after summing equal ones."""
        return len(self.y)


def some_groups(problem: Problem, groups: slice) -> Problem:
    """Return some groups of a problem with one grouping factor; rows are views."""
    starts = problem.starts[groups]
    end = problem.starts[groups.stop] if groups.stop < len(problem.starts) else problem.n
    rows = slice(starts[0], end)
    return replace(
        problem,
        X=problem.X[rows],
        y=problem.y[rows],
        m=problem.m[rows],
        offset=problem.offset[rows],
        codes=(problem.codes[0][rows] - groups.start,),
        sizes=(len(starts),),
        starts=starts - starts[0],
        constant=0.0,
    )


def is_general(design: Design, family: Family) -> bool:
    """Tell whether a model needs blocks: slopes, memberships, a residual, auxiliary predictors."""
    plain = all(block.intercept_only for block in design.random)
    several = any(g.members is not None for g in design.groups.values())
    return not plain or several or family.has_dispersion or bool(family.auxiliary)


def make_problem(design: Design, family: Family) -> Problem:
    """Sort, collapse where it pays and split off the constant."""
    general = is_general(design, family)
    names = _elimination(design) if general else [r.group for r in design.formula.random]
    groupings = [design.groups[name] for name in names]
    order = sorted(range(len(names)), key=lambda k: -len(groupings[k].levels))
    order = list(range(len(names))) if general else order
    codes = tuple(groupings[k].codes for k in order)
    ones = np.ones(design.n)
    weights = ones if design.weights is None else design.weights
    trials = ones if design.trials is None else design.trials
    offset = np.zeros(design.n) if design.offset is None else design.offset
    constant = float(family.constant(design.y, weights, trials).sum())
    more = _more_columns(design, family) if general else np.zeros((design.n, 0))
    rows = Rows(X=design.X, y=design.y, m=weights * trials, offset=offset, codes=codes, more=more)
    rows = collapse(rows) if family.sums_up else rows.sorted()
    sizes = tuple(len(groupings[k].levels) for k in order)
    first = rows.codes[0] if codes else np.zeros(len(rows.y), dtype=np.intp)
    blocks, G = _blocks(design, family, rows, names) if general else ((), ())
    return Problem(
        family=family,
        X=rows.X,
        y=rows.y,
        m=rows.m,
        offset=rows.offset,
        codes=rows.codes,
        sizes=sizes,
        starts=np.flatnonzero(_begins(first)),
        order=tuple(order),
        constant=constant,
        blocks=blocks,
        G=G,
    )


def _elimination(design: Design) -> list[str]:
    """Grouping factors, that with most effects first; several memberships come last."""
    effects = dict.fromkeys(design.groups, 0)
    for block in design.random:
        effects[block.group] += len(block.effects) * len(design.groups[block.group].levels)
    return sorted(effects, key=lambda g: (design.groups[g].members is not None, -effects[g]))


def _more_columns(design: Design, family: Family) -> Array:
    """Columns in which rows must agree to be summed: Z, G and memberships."""
    parts = [block.Z for block in design.random]
    parts += [design.auxiliary[name] for name in family.auxiliary if name in design.auxiliary]
    for grouping in design.groups.values():
        if grouping.members is not None and grouping.shares is not None:
            parts += [grouping.members.astype(np.float64), grouping.shares]
    return np.column_stack(parts) if parts else np.zeros((design.n, 0))


def _blocks(
    design: Design, family: Family, rows: Rows, names: list[str]
) -> tuple[tuple[Block, ...], tuple[Array, ...]]:
    """Take the columns apart again after rows were sorted and summed."""
    at = 0

    def take(width: int) -> Array:
        nonlocal at
        at += width
        return rows.more[:, at - width : at]

    Z = [take(len(block.effects)) for block in design.random]
    ones = np.ones((len(rows.y), 1))
    G = [take(design.auxiliary[a].shape[1]) if a in design.auxiliary else ones
         for a in family.auxiliary]  # fmt: skip
    several = {}
    for name, grouping in design.groups.items():
        if grouping.members is not None:
            width = grouping.members.shape[1]
            several[name] = (take(width).astype(np.intp), take(width))
    blocks = []
    for block, columns in zip(design.random, Z, strict=True):
        factor = names.index(block.group)
        codes, shares = several.get(block.group, (rows.codes[factor][:, None], None))
        levels = len(design.groups[block.group].levels)
        blocks.append(Block(factor=factor, levels=levels, codes=codes, Z=columns, shares=shares))
    return tuple(blocks), tuple(G)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows on their way into a problem."""

    X: Array
    y: Array
    m: Array
    offset: Array
    codes: tuple[Codes, ...]
    more: Array

    def sorted(self) -> Rows:
        """Return the rows ordered by the first grouping factor."""
        if not self.codes or not np.any(np.diff(self.codes[0]) < 0):
            return self
        return self.take(np.argsort(self.codes[0], kind="stable"))

    def take(self, rows: Codes) -> Rows:
        """Return a selection of rows."""
        return Rows(
            X=self.X.take(rows, axis=0),
            y=self.y.take(rows),
            m=self.m.take(rows),
            offset=self.offset.take(rows),
            codes=tuple(c.take(rows) for c in self.codes),
            more=self.more.take(rows, axis=0),
        )


def collapse(rows: Rows) -> Rows:
    """Sum rows that share groups, covariates and offset, when that leaves clearly fewer.

    Equal rows are found by sorting one random projection of the covariates inside the groups;
    that rows sharing a projection are really equal is checked afterwards.
    """
    n = len(rows.y)
    step = max(1, n // PROBE)
    if n > 4 * PROBE and _distinct(rows, slice(None, None, step)) > 0.9:
        return rows.sorted()
    key = _projection(rows)
    order = np.lexsort((key, *rows.codes[::-1]))
    ordered = rows.take(order)
    key = key[order]
    new = _begins(key)
    for code in ordered.codes:
        new |= _begins(code)
    starts = np.flatnonzero(new)
    if len(starts) > PAYS_BELOW * n:
        return ordered
    place = np.cumsum(new) - 1
    same = ordered.offset == ordered.offset[starts][place]
    equal = all(np.array_equal(a, a[starts][place]) for a in (ordered.X, ordered.more))
    if not same.all() or not equal:
        return ordered
    m = np.add.reduceat(ordered.m, starts)
    y = np.add.reduceat(ordered.m * ordered.y, starts) / m
    first = ordered.take(starts)
    return replace(first, y=y, m=m)


def _begins(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows differ from the row before; the first does."""
    found = np.empty(len(values), dtype=np.bool_)
    found[0] = True
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def _projection(rows: Rows) -> Array:
    # Fixed multipliers: the result does not depend on a seed. By einsum, which adds up each row
    # alike; a matrix product may not, so that equal rows would have different sums.
    p = rows.X.shape[1]
    multipliers = _multipliers(p + rows.more.shape[1] + 1)
    key: Array = np.einsum("ij,j->i", rows.X, multipliers[:p])
    if rows.more.shape[1]:
        key += np.einsum("ij,j->i", rows.more, multipliers[p:-1])
    key += rows.offset * multipliers[-1]
    return key


@cache
def _multipliers(count: int) -> Array:
    return np.random.default_rng(20240229).uniform(1.0, 2.0, count)


def _distinct(rows: Rows, part: slice) -> float:
    """Share of distinct covariate rows in a part of the data (groups left aside)."""
    few = replace(rows, X=rows.X[part], offset=rows.offset[part], codes=(), more=rows.more[part])
    key = _projection(few)
    return len(np.unique(key)) / max(len(key), 1)
