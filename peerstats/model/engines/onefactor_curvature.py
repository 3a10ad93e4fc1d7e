"""Laplace's log-likelihood with gradient and Hessian, for random intercepts of one grouping factor.

Notation of `onefactor`: η_i = x_i'β + offset_i + τ v_j, H = 1 + τ²W, L = Σ_j h_j - ½ log H_j, and
for each group R = Σ r, W = Σ W_i, T = Σ W'_i, F = Σ W''_i. Let ψ, φ be any of (β, τ), e the unit
vector of τ, x_i padded by a zero for τ, and d the derivative along which the modes move:

    dv = (e R - τ Σ W_i ∂η_i)/H,   dη_i = x_i + b,   b = e v + τ dv,
    dW = Σ W'_i x_i + T b,         dR = -(Σ W_i x_i + W b).

At the mode h' = τR - v = 0, so d²h = -Σ W_i ∂η_i ∂η_i' + H dv dv'. Differentiating h' = 0 twice
gives d²v, and with M = ∂log H/∂W = τ²/H what is left is

    d² log H = Σ ω_i dη_i dη_i' - M² dW dW' + e c' + c e' + 2W (1 - τ²W)/H² e e',
    ω_i = M W''_i - M² T W'_i,   c = 2τ/H² dW + (M T/H)(dv + τ dR).

The gradient comes out of the same sums: d log H = M dW + (2τW/H) e, and ∂h = Σ r_i ∂η_i.

The rows enter through X'r, X'diag(W + ½ω)X and group sums of W x, W' x and W'' x only. Everything
is made in one pass, since a search by Newton's method wants all of it at every step.

Families that have no formula for W'' have that of W'; its central difference in η is good to about
1e-8 of it.
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


@dataclass(slots=True, eq=False)
class Modes:
    """Everything at one v: rows' η, r, W and groups' h, Σr, ΣW, H."""

    v: Array
    eta: Array
    w: Array
    h: Array
    r: Array
    r_sum: Array
    w_sum: Array
    H: Array


@dataclass(slots=True, eq=False)
class Top:
    """Laplace's approximation at one (β, τ): all that is known of it.

    `gradient` and `hessian` are in (β, τ); `moves` (p + 1, groups) are the modes' derivatives.
    """

    value: float
    gradient: Array
    hessian: Array
    modes: Array
    moves: Array
    H: Array


def higher(problem: Problem, at: Modes) -> tuple[Array, Array]:
    """W' and W'' by rows."""
    family, y, m, eta = problem.family, problem.y, problem.m, at.eta
    if family.higher is not None:
        return family.higher(eta, at.w)
    if len(eta) <= FEW:
        up, down = family.third(y, eta + SHIFTS, m)
    else:
        up, down = family.third(y, eta + STEP, m), family.third(y, eta - STEP, m)
    return family.third(y, eta, m), (up - down) / (2.0 * STEP)


def sums_of_columns(columns: Array, weights: tuple[Array, ...], starts: NDArray[np.intp]) -> Array:
    """Σ ω_i x_i within each group for each ω, (weights, p, groups); `columns` is X', (p, n)."""
    if columns.shape[1] <= FEW:
        weighted = columns * np.array(weights)[:, None]
        return np.add.reduceat(weighted, starts, axis=2)
    found = np.empty((len(weights), len(columns), len(starts)))
    for weight, rows in zip(weights, found, strict=True):
        for column, out in zip(columns, rows, strict=True):
            np.add.reduceat(column * weight, starts, out=out)
    return found


def gram(columns: Array, weight: Array) -> Array:
    """X' diag(ω) X, some rows at a time."""
    if len(weight) <= FEW:
        found: Array = (columns * weight) @ columns.T
        return found
    total = np.zeros((len(columns),) * 2)
    for first in range(0, len(weight), FEW):
        rows = slice(first, first + FEW)
        part = columns[:, rows]
        total += (part * weight[rows]) @ part.T
    return total


def laplace(problem: Problem, columns: Array, tau: float, at: Modes) -> Top:
    """Return value, gradient and Hessian from the modes; `columns` is X', (p, n)."""
    H, p, code, starts = at.H, len(columns), problem.codes[0], problem.starts
    third, bend = higher(problem, at)
    third_sum, bend_sum = np.add.reduceat(third, starts), np.add.reduceat(bend, starts)
    of_w, of_third, of_bend = sums_of_columns(columns, (at.w, third, bend), starts)
    M = (tau * tau) / H
    MT, w_over_H = M * third_sum, at.w_sum / H
    score = np.empty((p + 1, len(H)))  # Σ W_i ∂η_i
    score[:p], score[p] = of_w, at.w_sum * at.v
    dv = (-tau) * score
    dv[p] += at.r_sum
    dv /= H
    b = tau * dv
    b[p] += at.v
    dW, dR = third_sum * b, at.w_sum * b
    dW[:p] += of_third
    dR[:p] += of_w
    gradient = np.empty(p + 1)
    gradient[:p], gradient[p] = columns @ at.r, at.r_sum @ at.v - tau * w_over_H.sum()
    gradient -= dW @ (0.5 * M)
    # Σ ω dη dη' without its part in X alone is `low` and its transpose; so is all that has e.
    half = (0.5 * M * (bend_sum - MT * third_sum)) * b
    half[:p] += M * (of_bend - MT * of_third)
    low: Array = half @ b.T
    direct = score @ at.v  # Σ W_i ∂η_i ∂η_i' in the row of τ
    low[p] += 2.0 * direct + dW @ (2.0 * tau / (H * H)) + (dv - tau * dR) @ (MT / H)
    low[p, p] += float((w_over_H * (2.0 / H - 1.0)).sum()) - direct[p]
    # M² dW dW'/2 + H dv dv' at once.
    squares = np.concatenate([(np.sqrt(0.5) * M) * dW, np.sqrt(H) * dv], axis=1)
    total: Array = squares @ squares.T - 0.5 * (low + low.T)
    half_M = 0.5 * M
    rows = at.w + half_M.take(code) * bend - (half_M * MT).take(code) * third
    total[:p, :p] -= gram(columns, rows)
    value = float(at.h.sum() - 0.5 * np.log(H).sum())
    return Top(value, gradient, total, at.v, dv, H)
