"""The exact Hessian of Laplace's log-likelihood for random intercepts of one grouping factor.

Notation of `onefactor`: η_i = x_i'β + offset_i + τ v_j, H = 1 + τ²W, L = Σ_j h_j - ½ log H_j, and
for each group R = Σ r, W = Σ W_i, T = Σ W'_i, F = Σ W''_i. Let ψ, φ be any of (β, τ), e the unit
vector of τ, x_i padded by a zero for τ, and d the derivative along which the modes move:

    dv = (e R - τ Σ W_i ∂η_i)/H,   dη_i = x_i + b,   b = e v + τ dv,
    dW = Σ W'_i x_i + T b,         dR = -(Σ W_i x_i + W b).

At the mode h' = τR - v = 0, so d²h = -Σ W_i ∂η_i ∂η_i' + H dv dv'. Differentiating h' = 0 twice
gives d²v, and with M = ∂log H/∂W = τ²/H what is left is

    d² log H = Σ ω_i dη_i dη_i' - M² dW dW' + e c' + c e' + 2W (1 - τ²W)/H² e e',
    ω_i = M W''_i - M² T W'_i,   c = 2τ/H² dW + (M T/H)(dv + τ dR).

The rows enter through X'diag(W + ½ω)X and group sums of W x, W' x and W'' x only.

Families give W' but not W''; the central difference of W' in η is good to about 1e-8 of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]
STEP = 1e-4  # in η: truncation h²/6 and rounding 1e-16/h are both negligible
SHIFTS = np.array([[STEP], [-STEP]])
FEW = 4_096  # rows up to which all columns are weighted at once; more would leave the cache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peak:
    """Rows and groups at the modes of one (β, τ)."""

    tau: float
    v: Array
    eta: Array
    w: Array
    third: Array  # W' by rows
    r_sum: Array
    w_sum: Array
    third_sum: Array
    H: Array


def fourth(problem: Problem, eta: Array) -> Array:
    """W'' by rows."""
    family, y, m = problem.family, problem.y, problem.m
    if len(eta) <= FEW:
        up, down = family.third(y, eta + SHIFTS, m)
    else:
        up, down = family.third(y, eta + STEP, m), family.third(y, eta - STEP, m)
    found: Array = (up - down) / (2.0 * STEP)
    return found


def sums_of_columns(columns: Array, weight: Array, starts: NDArray[np.intp]) -> Array:
    """Σ ω_i x_i within each group, (p, groups); `columns` is X', (p, n)."""
    if len(weight) <= FEW:
        return np.add.reduceat(columns * weight, starts, axis=1)
    found = np.empty((len(columns), len(starts)))
    for column, out in zip(columns, found, strict=True):
        np.add.reduceat(column * weight, starts, out=out)
    return found


def gram(columns: Array, weight: Array) -> Array:
    """X' diag(ω) X, some rows at a time."""
    total = np.zeros((len(columns),) * 2)
    for first in range(0, len(weight), FEW):
        rows = slice(first, first + FEW)
        part = columns[:, rows]
        total += (part * weight[rows]) @ part.T
    return total


def laplace_curvature(problem: Problem, at: Peak) -> tuple[Array, Array]:
    """Return d²L in (β, τ), (p + 1, p + 1), and the modes' derivatives dv, (p + 1, groups)."""
    columns = np.ascontiguousarray(problem.X.T)
    tau, H, p, code = at.tau, at.H, len(columns), problem.codes[0]
    M = tau * tau / H
    MT = M * at.third_sum
    bend = fourth(problem, at.eta)
    of_w, of_third, of_bend = (
        sums_of_columns(columns, rows, problem.starts) for rows in (at.w, at.third, bend)
    )
    score = np.concatenate([of_w, (at.w_sum * at.v)[None]])  # Σ W_i ∂η_i
    dv = -tau * score
    dv[p] += at.r_sum
    dv /= H
    b = tau * dv
    b[p] += at.v
    dW, dR = at.third_sum * b, -at.w_sum * b
    dW[:p] += of_third
    dR[:p] -= of_w
    # Σ ω dη dη' without its part in X alone is `low` and its transpose; so is all that has e.
    half = (0.5 * M * (np.add.reduceat(bend, problem.starts) - MT * at.third_sum)) * b
    half[:p] += M * (of_bend - MT * of_third)
    low: Array = half @ b.T
    direct = score @ at.v  # Σ W_i ∂η_i ∂η_i' in the row of τ
    low[p] += 2.0 * direct + dW @ (2.0 * tau / H**2) + (dv + tau * dR) @ (MT / H)
    low[p, p] += float((at.w_sum * (2.0 - H) / H**2).sum()) - direct[p]
    # M² dW dW'/2 + H dv dv' at once.
    squares = np.concatenate([(np.sqrt(0.5) * M) * dW, np.sqrt(H) * dv], axis=1)
    total: Array = squares @ squares.T - 0.5 * (low + low.T)
    above, below = (0.5 * M).take(code), (0.5 * M * MT).take(code)
    total[:p, :p] -= gram(columns, at.w + above * bend - below * at.third)
    return total, dv
