"""Groups with the same rows, fitted as one group that stands for all of them.

Given β and τ a group enters the likelihood of random intercepts through its rows only, so groups
whose rows agree in covariates, offset, outcome and weight have the same mode and the same share of
the log-likelihood. Repeated yes/no answers with covariates in categories have few kinds of groups:
four visits at set ages and a yes/no covariate can only differ in 32 ways, however many children.

Rows of a group are compared in the order in which the problem has them, which is that of their
covariates. As in `problem`, groups are found by one fixed projection of their rows, and that those
with the same projection are really alike is checked afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.problem import PAYS_BELOW, Problem

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

FEWEST_GROUPS = 100  # with fewer there is little to save, and hardly two are alike


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """A problem of kinds of groups: its rows have the weight of all copies.

    `copies` (kinds,) says how many groups are of a kind, `kind` (groups,) of which one each is.
    """

    problem: Problem
    copies: Array
    kind: Codes


def alike_groups(problem: Problem) -> Alike | None:
    """Return the kinds of groups of one grouping factor, or None where they hardly differ less."""
    if len(problem.sizes) != 1 or problem.sizes[0] < FEWEST_GROUPS:
        return None
    starts, most = problem.starts, PAYS_BELOW * len(problem.starts)
    sizes = np.append(starts[1:], problem.n) - starts
    # Kinds of groups are as many as those of their first rows and sizes at least.
    if len(np.unique(_projection(problem, starts) + 0.1 * np.sqrt(sizes))) > most:
        return None
    position = np.arange(problem.n) - starts.take(problem.codes[0])
    keys = np.add.reduceat(_projection(problem, slice(None)) * np.sqrt(2.0 + position), starts)
    _, first, kind = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) > most or not np.array_equal(sizes[first][kind], sizes):
        return None
    twins = starts[first][kind].take(problem.codes[0]) + position
    parts = (problem.X, problem.offset, problem.y, problem.m)
    if not all(np.array_equal(part, part[twins]) for part in parts):
        return None
    copies = np.bincount(kind).astype(np.float64)
    return Alike(_of_kinds(problem, starts[first], sizes[first], copies), copies, kind)


def _projection(problem: Problem, rows: Codes | slice) -> Array:
    """A number for each row that differs where rows do, but by chance."""
    columns = (*problem.X[rows].T, problem.offset[rows], problem.y[rows], problem.m[rows])
    key = np.zeros(len(columns[0]))
    for k, column in enumerate(columns):
        key += column * sqrt(k + 2.0)
    return key


def _of_kinds(problem: Problem, starts: Codes, sizes: Codes, copies: Array) -> Problem:
    """One group of each kind, from its first row on, with the weight of all its copies."""
    ends = np.cumsum(sizes)
    code = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.arange(ends[-1]) + (starts - (ends - sizes)).take(code)
    return replace(
        problem,
        X=problem.X[rows],
        y=problem.y[rows],
        m=problem.m[rows] * copies.take(code),
        offset=problem.offset[rows],
        codes=(code,),
        sizes=(len(sizes),),
        starts=ends - sizes,
    )
