"""Laplace's log-likelihood with gradient and Hessian, for random intercepts of one grouping factor.

Notation of `onefactor`: η_i = x_i'β + offset_i + τ v_j, and for each group R = Σ r, W = Σ W_i,
T = Σ W'_i. A group that stands for c alike has c times their sums and c times the prior of v, so

    L = Σ_j h_j - ½ c log(H/c),   h = Σ_i l_i - ½ c v²,   H = c + τ²W.

Let ψ, φ be any of (β, τ), e the unit vector of τ, x_i padded by a zero for τ, ∂ the derivative at
fixed v and d that along which the modes move:

    dv = (e R - τ Σ W_i ∂η_i)/H,   dη_i = x_i + b,   b = e v + τ dv,   dW = Σ W'_i x_i + T b.

At the mode h' = τR - c v = 0, so dh = Σ r_i ∂η_i, c dv = e R + τ dR, and

    d²h = -Σ W_i dη_i dη_i' + R (e dv' + dv e') - c dv dv'.

Differentiating h' = 0 twice gives d²v, and with M = c τ²/H the derivative of c log H in W is M,
that of M is -M²/c in W and 2τ c²/H² in τ, so what is left is

    d(c log H)  = M dW + (2τ c W/H) e
    d²(c log H) = Σ ω_i dη_i dη_i' - (M²/c) dW dW' + e a' + a e' + 2c W (2c - H)/H² e e',
    ω_i = M W''_i - (τ²/H) M T W'_i,   a = 2τ (c/H)² dW + (M T/H)(2c dv - e R).

Rows enter through X'r, Σ Γ dη dη' with Γ = W + ½ω, and group sums of Wx and W'x only. Everything is
made in one pass, since a search by Newton's method wants all of it at every step.

Where v is a short way from the mode, δ = h'/H is what is left of it. L is then larger by
½ h'δ - ½ M T τ δ and dh by h' dv, but for terms in δ²; the rest is left as it is at v.

Families that have no formula for W'' have that of W'; its central difference in η is good to about
1e-8 of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
STEP = 1e-4  # in η: truncation h²/6 and rounding 1e-16/h are both negligible
SHIFTS = np.array([[STEP], [-STEP]])
FEW = 2_048  # rows up to which all columns are weighted at once; more would leave the cache


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
        return family.higher(y, eta, m, at.r, at.w)
    if len(eta) <= FEW:
        up, down = family.third(y, eta + SHIFTS, m)
    else:
        up, down = family.third(y, eta + STEP, m), family.third(y, eta - STEP, m)
    return family.third(y, eta, m), (up - down) / (2.0 * STEP)


def sums_of_columns(columns: Array, weight: Array, starts: Codes) -> Array:
    """Σ ω_i x_i within each group, (p, groups); `columns` is X', (p, n)."""
    if len(weight) <= FEW:
        total: Array = np.add.reduceat(columns * weight, starts, axis=1)
        return total
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


def form(columns: Array, b: Array, weight: Array, starts: Codes, code: Codes) -> Array:
    """Σ ω_i (x_i + b_j)(x_i + b_j)', (p + 1, p + 1), x_i padded by a zero; `b` is (p + 1, groups).

    Row by row this is also exact to more digits, since b takes most of x_i's group mean away.
    """
    p = len(columns)
    if len(weight) <= FEW:
        moved = b.take(code, axis=1)
        moved[:p] += columns
        return (moved * weight) @ moved.T
    half = (0.5 * np.add.reduceat(weight, starts)) * b
    half[:p] += sums_of_columns(columns, weight, starts)
    low = half @ b.T
    total: Array = low + low.T
    total[:p, :p] += gram(columns, weight)
    return total


def laplace(problem: Problem, columns: Array, copies: Array, tau: float, at: Modes) -> Top:
    """Return value, gradient and Hessian near the modes; `columns` is X', `copies` are c."""
    H, v, p, code, starts = at.H, at.v, len(columns), problem.codes[0], problem.starts
    third, bend = higher(problem, at)
    third_sum = np.add.reduceat(third, starts)
    by_W = (tau * tau) / H
    half = (0.5 * copies) * by_W  # M/2
    turn = half * third_sum
    dv = np.empty((p + 1, len(H)))
    dv[:p], dv[p] = sums_of_columns(columns, at.w, starts), at.w_sum * v
    dv *= -tau
    dv[p] += at.r_sum
    dv /= H
    b = tau * dv
    b[p] += v
    dW = third_sum * b
    dW[:p] += sums_of_columns(columns, third, starts)
    slope = tau * at.r_sum - copies * v
    left, share = slope / H, copies / H
    spread = share * at.w_sum
    gradient = dv @ slope - dW @ half
    gradient[:p] += columns @ at.r
    gradient[p] += at.r_sum @ v - tau * spread.sum()
    rows = at.w + half.take(code) * bend - (by_W * turn).take(code) * third
    total = (half * by_W * dW) @ dW.T - (copies * dv) @ dv.T
    total -= form(columns, b, rows, starts, code)
    of_tau = dv @ (at.r_sum - 2.0 * share * turn) - dW @ (tau * share * share)
    of_tau[p] += (turn / H) @ at.r_sum - spread @ (share - 0.5)
    total[p] += of_tau
    total[:, p] += of_tau
    value = at.h.sum() - 0.5 * (copies @ np.log(H / copies))
    value += (0.5 * slope - tau * turn) @ left
    return Top(float(value), gradient, total, v + left, dv, H)
