"""Fit the same model again to changed rows: engine only, no formula, no frame.

Bootstrap, influence and likelihood-ratio tests all need many fits of one model. Everything a
formula decides is already in the design, so only its arrays are changed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from peerstats.errors import ModelError
from peerstats.model.convergence import Solution
from peerstats.model.design import Design, Grouping

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


def refit(fit: Fit, design: Design, *, reml: bool | None = None) -> Solution:
    """Return the engine's numbers for the model of `fit` on another design.

    `reml` overrides the criterion of a gaussian model. Raises ModelError for data that cannot
    answer (a resample may be separated); `convergence` says whether a maximum was reached.
    """
    from peerstats.model.engines import Choices, choose_engine, run_engine
    from peerstats.model.engines.fixed import prepare
    from peerstats.model.estimable import check_estimable
    from peerstats.model.penalty import reported, with_penalty

    criterion = fit.method == "reml" if reml is None else reml
    method = "agq" if fit.method == "agq" else "laplace"
    choices = Choices(method=method, nodes=fit.nodes, reml=criterion)
    engine = choose_engine(fit.formula, fit.family, choices)
    with pools().limit(limits=1):
        ready = with_penalty(prepare(design, fit.family), fit.penalty)
        check_estimable(ready)
        return reported(ready, run_engine(engine, ready, choices))


@cache
def pools() -> ThreadpoolController:
    """Return the thread pools of the libraries loaded: looking them up again is slow."""
    return ThreadpoolController()


def with_solution(fit: Fit, solution: Solution, **changes: Any) -> Fit:
    """Return the fit with other numbers in it."""
    return replace(fit, solution=solution, **changes)


def with_outcome(design: Design, y: Array) -> Design:
    """Return the design with another outcome (proportions when there are trials)."""
    return replace(design, y=np.ascontiguousarray(y, dtype=np.float64))


def hold_column(design: Design, position: int, value: float = 0.0) -> Design:
    """Return the design with the coefficient of one column held: it moves into the offset."""
    offset = np.zeros(design.n) if design.offset is None else design.offset
    kept = [k for k in range(design.X.shape[1]) if k != position]
    return replace(
        design,
        X=np.ascontiguousarray(design.X[:, kept]),
        columns=tuple(design.columns[k] for k in kept),
        offset=offset + value * design.X[:, position] if value else design.offset,
    )


def one_row_each(fit: Fit) -> Fit:
    """Return the fit with a row of frequency weight w written w times, and no weights.

    Sampling weights stay: their rows are single women. Raises ModelError for weights that are not
    whole numbers.
    """
    weights = fit.design.weights
    if weights is None or fit.sampled:
        return fit
    counts = np.round(weights)
    if not np.array_equal(counts, weights):
        raise ModelError("This needs weights that are whole numbers (frequencies).")
    rows = np.repeat(np.arange(fit.design.n), counts.astype(np.intp))
    return replace(fit, design=replace(take_rows(fit.design, rows), weights=None))


def take_rows(design: Design, rows: Rows) -> Design:
    """Return the design on a selection of rows; levels that lose every row are dropped."""

    def part(values: Array | None) -> Array | None:
        return None if values is None else values[rows]

    return replace(
        design,
        y=design.y[rows],
        X=design.X[rows],
        trials=part(design.trials),
        weights=part(design.weights),
        offset=part(design.offset),
        groups={k: _take_levels(g, rows) for k, g in design.groups.items()},
        random=tuple(replace(block, Z=block.Z[rows]) for block in design.random),
        auxiliary={name: G[rows] for name, G in design.auxiliary.items()},
        rows=design.rows[rows],
    )


def _take_levels(grouping: Grouping, rows: Rows) -> Grouping:
    """Return a grouping of fewer rows, its levels renumbered without gaps."""
    if grouping.members is None:
        found, codes = np.unique(grouping.codes[rows], return_inverse=True)
        levels = tuple(grouping.levels[k] for k in found)
        return Grouping(name=grouping.name, codes=codes.astype(np.intp), levels=levels)
    found, members = np.unique(grouping.members[rows], return_inverse=True)
    members = members.reshape(-1, grouping.members.shape[1]).astype(np.intp)
    return replace(
        grouping,
        codes=np.ascontiguousarray(members[:, 0]),
        members=members,
        shares=None if grouping.shares is None else grouping.shares[rows],
        levels=tuple(grouping.levels[k] for k in found),
    )
