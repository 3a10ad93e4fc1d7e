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
    tau, H, p = at.tau, at.H, len(columns)
    M = tau * tau / at.H
    MT = M * at.third_sum
    bend = fourth(problem, at.eta)
    of_w, of_third, of_bend = (
        sums_of_columns(columns, rows, problem.starts) for rows in (at.w, at.third, bend)
    )
    direct = np.zeros((p + 1, len(H)))  # ∂η without x
    direct[p] = at.v
    score = at.w_sum * direct
    score[:p] += of_w  # Σ W_i ∂η_i
    dv = -tau * score
    dv[p] += at.r_sum
    dv /= H
    b = tau * dv
    b[p] += at.v
    dW = at.third_sum * b
    dW[:p] += of_third
    dR = -at.w_sum * b
    dR[:p] -= of_w
    total = _log_determinant(at, dW, (MT / H) * (dv + tau * dR))
    # Σ ω dη dη' without its part in X alone: b'(Ωx + Ω b/2) and its transpose.
    half = 0.5 * (M * (_sum(problem, bend) - MT * at.third_sum)) * b
    half[:p] += M * of_bend - MT * M * of_third
    cross = half @ b.T
    total += cross + cross.T
    # Σ W ∂η ∂η' - H dv dv', without its part in X alone.
    total *= -0.5
    total += (H * dv) @ dv.T
    total[p, :p] -= of_w @ at.v
    total[:p, p] -= of_w @ at.v
    total[p, p] -= at.w_sum @ (at.v * at.v)
    code = problem.codes[0]
    rows = at.w + 0.5 * (M.take(code) * bend - (MT * M).take(code) * at.third)
    total[:p, :p] -= gram(columns, rows)
    return total, dv


def _sum(problem: Problem, rows: Array) -> Array:
    found: Array = np.add.reduceat(rows, problem.starts)
    return found


def _log_determinant(at: Peak, dW: Array, more: Array) -> Array:
    """-M² dW dW' + e c' + c e' + 2W (1 - τ²W)/H² e e', summed over groups."""
    tau, H = at.tau, at.H
    M = tau * tau / H
    total = -((M * M) * dW) @ dW.T
    c = dW @ (2.0 * tau / H**2) + more.sum(axis=1)
    total[-1] += c
    total[:, -1] += c
    total[-1, -1] += float((2.0 * at.w_sum * (1.0 - tau * tau * at.w_sum) / H**2).sum())
    return total
