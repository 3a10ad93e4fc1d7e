"""A start for random slopes whose covariate has its zero far from the data.

The intercepts of (1 + x | g) are those at x = 0. For years of birth the line's value there hardly
differs from -1900 times its slope, so that the two are correlated nearly perfectly and a search in
the entries of L meets a long curved ridge. With the block's columns Z = QR and γ = Rv the same
model is one of effects γ on the columns of Q, with covariance RΣR'; there the search is short, and
Σ = R^-1 (LL') R'^-1 is where that in the given columns starts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.model.engines.problem import Block, Problem
from peerstats.model.engines.structure import lower

Array = NDArray[np.float64]

ASKEW = 5.0  # condition of columns of length 1; below it a search needs no such start


def triangles(problem: Problem) -> tuple[Array, ...] | None:
    """Return R of each block, for Q of length 1 a row; None where no block needs it."""
    if all(block.size == 1 for block in problem.blocks):
        return None
    found = [np.linalg.qr(block.Z, mode="r") / np.sqrt(len(block.Z)) for block in problem.blocks]
    if not any(_askew(R) for R in found):
        return None
    return tuple(R if _askew(R) else np.eye(len(R)) for R in found)


def _askew(R: Array) -> bool:
    size = np.linalg.norm(R, axis=0)
    if not size.all() or np.abs(np.diag(R) / size).min() < np.finfo(float).eps ** 0.5:
        return False  # a combination of others: no Q to speak of
    return bool(np.linalg.cond(R / size) > ASKEW)


def turned(problem: Problem, R: tuple[Array, ...]) -> Problem:
    """Return the problem with Q in the place of each block's columns."""

    def turn(block: Block, own: Array) -> Block:
        Q = linalg.solve_triangular(own.T, block.Z.T, lower=True).T
        return replace(block, Z=np.ascontiguousarray(Q))

    blocks = tuple(turn(block, own) for block, own in zip(problem.blocks, R, strict=True))
    return replace(problem, blocks=blocks)


def turned_back(problem: Problem, R: tuple[Array, ...], L: tuple[Array, ...]) -> Array:
    """Return θ of the given columns for L of those of Q."""
    found = [np.zeros(0)]
    for block, own, part in zip(problem.blocks, R, L, strict=True):
        upper: Array = np.asarray(np.linalg.qr(linalg.solve_triangular(own, part).T, mode="r"))
        signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
        found.append((upper.T * signs)[lower(block)])
    return np.concatenate(found)
