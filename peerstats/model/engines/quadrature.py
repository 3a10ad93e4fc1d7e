"""The exact Hessian of the log-likelihood by adaptive Gauss-Hermite quadrature.

Notation of `onefactor` and `curvature`; γ_q = √2 g_q, so the nodes are z_q = v̂ + γ_q s with
s = H^-½. Group by group,

    L = log s + log Σ_q exp(lw_q + h(z_q)) + const,
    d²L = d² log s + Σ_q p_q d²h(z_q) + Cov_p(dh),   Cov_p(dh) = Σ p dh dh' - (Σ p dh)(Σ p dh)',

Cov_p over the node weights p. These would be Louis' identity if the nodes stood still; they move:

    dz = dv̂ + γ ds,   dh = Σ_i r_i ∂η_i + h' dz,   h' = τ R - z,
    d²h = -Σ_i W_i dη_i dη_i' - dz dz' + R (e dz' + dz e') + h' d²z,

with e the unit vector of τ, R = Σ r_i at the node, dη_i = x_i + B_j + γ δ_j there, where
B = e v̂ + τ dv̂ and δ = e s + τ ds. The sums over nodes thus need only moments in γ of order 0 to 2.
What is left, with c1 = Σ p h', c2 = Σ p γ h', κ = 1 + s c2 and ω = -½ κ/H, is

    c1 d²v̂ + ω d²H + (½ + ¾ s c2) dH dH'/H²,   d²H = τ² d²W + 2τ (e dW' + dW e') + 2 W e e',

and d²v̂ and d²W as in `curvature`, their rows weighted by ω τ² W'' - y τ W'/H, y = c1 + ω τ³ ΣW'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.curvature import Moments, fourth, moments, move
from peerstats.model.engines.nested import Nested, State
from peerstats.model.engines.nodes import BLOCK, NodeBlock, at_nodes, group_blocks, rule
from peerstats.model.engines.onefactor import OneFactor

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shift:
    """First derivatives in (β, τ) by groups, each (groups, p + 1)."""

    tau: float
    H: Array  # (groups,), no derivative
    dv: Array
    ds: Array
    weights: Array  # dW
    scores: Array  # dR
    bends: Array  # dH
    B: Array
    delta: Array


def quadrature_hessian(model: OneFactor, nested: Nested, at: State) -> Array:
    """Return d²L in (β, τ), (p + 1, p + 1); `at` is `nested` at the modes, with τ_2 = 0."""
    problem, tau = model.problem, at.factored.tau[0]
    third = problem.family.third(problem.y, at.eta, problem.m)
    sums = tuple(moments(nested, rows) for rows in (at.w, third, fourth(nested, at)))
    shift = _shift(nested, at, sums)
    # Without the effects, which at the nodes are others.
    fixed = at.eta - tau * at.v[problem.codes[0]]
    total = np.zeros((problem.X.shape[1] + 1,) * 2)
    slopes = np.zeros((2, len(at.v)))
    for groups in group_blocks(problem, BLOCK // model.nodes):
        block = at_nodes(problem, model.nodes, (at.v, shift.H), fixed, tau, groups)
        total += _node_part(model, block, shift, slopes)
    total += _mode_part(nested, shift, sums, slopes)
    return 0.5 * (total + total.T)


def _shift(nested: Nested, at: State, sums: tuple[Moments, ...]) -> _Shift:
    motion = move(nested, at, sums[0])
    tau, H = at.factored.tau[0], at.factored.D
    by_W = sums[1].sums(motion.total)[:, :-1]
    by_H = tau * tau * by_W
    by_H[:, -1] += 2.0 * tau * at.factored.W
    ds = by_H * (-0.5 * H**-1.5)[:, None]
    delta = tau * ds
    delta[:, -1] += H**-0.5
    return _Shift(
        tau=tau,
        H=H,
        dv=motion.modes[0][:, :-1],
        ds=ds,
        weights=by_W,
        scores=-sums[0].sums(motion.total)[:, :-1],
        bends=by_H,
        B=motion.total[:, :-1],
        delta=delta,
    )


def _node_part(model: OneFactor, block: NodeBlock, shift: _Shift, slopes: Array) -> Array:
    """Σ_q p_q (d²h without h' d²z) + Cov_p(dh) of some groups; fills their c1 and c2."""
    gamma, groups, p = rule(model.nodes)[0][:, None], block.groups, block.p
    X = model.problem.X[block.rows]
    dv, ds, B, delta = (a[groups] for a in (shift.dv, shift.ds, shift.B, shift.delta))
    by_row = p[:, block.code] * block.w
    first, second = by_row.sum(axis=0), gamma[:, 0] @ by_row
    w_sum = np.add.reduceat(block.w, block.starts, axis=1)
    w0, w1, w2 = (((p * gamma**k * w_sum).sum(axis=0))[:, None] for k in range(3))
    n1, n2 = (((p * gamma**k).sum(axis=0))[:, None] for k in (1, 2))
    total = np.zeros((B.shape[1],) * 2)
    total[:-1, :-1] = -0.5 * X.T @ (X * first[:, None])
    total[:-1] -= X.T @ (first[:, None] * B[block.code] + second[:, None] * delta[block.code])
    total -= B.T @ (0.5 * w0 * B + w1 * delta) + delta.T @ (0.5 * w2 * delta)
    total -= dv.T @ (0.5 * dv + n1 * ds) + ds.T @ (0.5 * n2 * ds)
    r0, r1 = ((p * gamma**k * block.r_sum).sum(axis=0) for k in range(2))
    total[-1] += r0 @ dv + r1 @ ds
    slope = shift.tau * block.r_sum - block.z
    slopes[0, groups], slopes[1, groups] = (p * slope).sum(axis=0), (p * gamma * slope).sum(axis=0)
    dh = slope[:, :, None] * (dv + gamma[:, :, None] * ds)
    for k, column in enumerate(X.T):
        dh[:, :, k] += np.add.reduceat(block.r * column, block.starts, axis=1)
    dh[:, :, -1] += block.r_sum * block.z
    weighted = dh * p[:, :, None]
    mean = weighted.sum(axis=0)
    size = dh.shape[2]
    spread: Array = weighted.reshape(-1, size).T @ dh.reshape(-1, size) - mean.T @ mean
    return total + total.T + spread


def _mode_part(nested: Nested, shift: _Shift, sums: tuple[Moments, ...], slopes: Array) -> Array:
    """c1 d²v̂ + ω d²H + (½ + ¾ s c2) dH dH'/H², summed over groups."""
    one, two, three = sums
    X, code, tau, H = nested.problem.X, nested.problem.codes[0], shift.tau, shift.H
    c1, bend = slopes[0], slopes[1] * H**-0.5
    omega = -0.5 * (1.0 + bend) / H
    y = (c1 + omega * tau**3 * two.total) / H
    above, below = omega * tau * tau, y * tau
    both = Moments(
        rows=above[code] * three.rows - below[code] * two.rows,
        total=above * three.total - below * two.total,
        of_x=(above[:, None] * three.of_x - below[:, None] * two.of_x)[:, :-1],
    )
    total = both.form(shift.B)
    total[:-1, :-1] += X.T @ (X * both.rows[:, None])
    total += shift.bends.T @ (shift.bends * ((0.5 + 0.75 * bend) / H**2)[:, None])
    turning = y @ shift.scores + (above * two.total - below * one.total) @ shift.dv
    turning += 2.0 * tau * omega @ shift.weights
    total[-1] += turning
    total[:, -1] += turning
    total[-1, -1] += 2.0 * omega @ one.total
    return total
