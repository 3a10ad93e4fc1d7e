"""The exact Hessian of Laplace's log-likelihood for nested random intercepts.

Notation of `nested`. A takes the effects (v, u) to the venues, b = A (v, u)'. ψ, φ are any of
(β, τ_1, τ_2); ∂ is the derivative at fixed (v, u), d the total one, along which the modes move.
Everything follows from differentiating L = h - ½ P and the mode's equation A'R - (v, u) = 0.

First derivatives. ∂η_i = x_i for β, v_j for τ_1, u_s for τ_2, and A_ψ = ∂A/∂ψ picks the venues or
the sites. The modes move by

    dv = H^-1 F,   F_ψ = A_ψ'R - A' Σ_i W_i ∂η_i,   dη = ∂η + A dv,
    dR = -Σ_i W_i dη_i,   dW = Σ_i W'_i dη_i        (sums within venues).

Second derivatives. η is linear in (β, τ), and h is at its maximum, so

    d²h = -Σ_i W_i ∂η_i ∂η_i' + dv' H dv
    d²P = Σ_jl P_jl dW_j dW_l' + Σ_j P_jτ (dW_j dτ' + dτ dW_j') + P_ττ + Σ_j M_jj d²W_j
    d²W_j = Σ_i W''_i dη_i dη_i' + W'_j d²b_j.

With y_j = M_jj W'_j, differentiating the mode's equation twice gives, for t = H^-1 A'y,

    Σ_j y_j d²b_j = -Σ_i (At)_j W'_i dη_i dη_i' + c + c',
    c_{τ_k φ} = Σ_j (y_j - W_j (At)_j) dv_φ[k, j] + t[k, j] dR_φj,

[k, j] being factor k's level of venue j. For M = A H^-1 A', P_jl = -M_jl², and
M_jl = [j = l] a/D_j + (c/S_s)/(D_j D_l) within a site, with a = τ_1², c = τ_2². The derivatives of
P in (a, c) are in `_of_tau`.

Since ∂η_i = x_i + E_j and dη_i = x_i + E_j + (A dv)_j, with x_i padded by zeros, the rows enter
only through X'ΓX for one weight Γ and the venue sums of Wx, W'x and W''x; the rest is venues.

Families give W' but not W''; the central difference of W' in η is good to about 1e-8 of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.nested import Nested, State

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
STEP = 1e-4  # in η: truncation h²/6 and rounding 1e-16/h are both negligible


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """A row weight and its sums: Σ ω_i and Σ ω_i (x_i, 0, 0) within each venue."""

    rows: Array
    total: Array  # (venues,)
    of_x: Array  # (venues, P)

    def form(self, at: Array) -> Array:
        """Σ_i ω_i (x_i + b_j)(x_i + b_j)' without its part in X alone, b = `at` (venues, P)."""
        cross = self.of_x.T @ at
        return cross + cross.T + at.T @ (at * self.total[:, None])

    def sums(self, at: Array) -> Array:
        """Σ_i ω_i (x_i + b_j) within each venue."""
        return self.of_x + self.total[:, None] * at


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """First derivatives in (β, τ_1, τ_2), one column a parameter; rows are venues or sites."""

    direct: Array  # E, so that ∂η_i = x_i + E_j
    total: Array  # so that dη_i = x_i + total_j
    force: tuple[Array, Array]  # F of v and of u
    modes: tuple[Array, Array]  # dv, du


def fourth(nested: Nested, at: State) -> Array:
    """W'' by rows."""
    family, y, m = nested.problem.family, nested.problem.y, nested.problem.m
    return (family.third(y, at.eta + STEP, m) - family.third(y, at.eta - STEP, m)) / (2.0 * STEP)


def moments(nested: Nested, rows: Array) -> Moments:
    """Sum a row weight within venues."""
    of_x = np.zeros((len(nested.parent), nested.problem.X.shape[1] + 2))
    of_x[:, :-2] = nested.weighted_x(rows)
    return Moments(rows=rows, total=nested.by_venue(rows), of_x=of_x)


def laplace_hessian(nested: Nested, at: State) -> Array:
    """Return d²L in (β, τ_1, τ_2), (p + 2, p + 2), at the modes."""
    problem, code, tau = nested.problem, nested.problem.codes[0], at.factored.tau
    one = moments(nested, at.w)
    two = moments(nested, problem.family.third(problem.y, at.eta, problem.m))
    three = moments(nested, fourth(nested, at))
    motion = move(nested, at, one)
    leverage = at.factored.leverage
    y = leverage * two.total
    t = at.factored.solve(tau[0] * y, tau[1] * nested.by_site(y))
    pulled = nested.spread(tau, *t)
    both = Moments(
        rows=leverage[code] * three.rows - pulled[code] * two.rows,
        total=leverage * three.total - pulled * two.total,
        of_x=leverage[:, None] * three.of_x - pulled[:, None] * two.of_x,
    )
    dW, dR = two.sums(motion.total), -one.sums(motion.total)
    by_P = both.form(motion.total) + _of_weights(at, dW) + _of_tau(at, dW)
    by_P += _turning(motion, dR, nested.parent, (y - at.factored.W * pulled, *t))
    force, modes = motion.force, motion.modes
    total: Array = force[0].T @ modes[0] + force[1].T @ modes[1]
    total -= one.form(motion.direct) + 0.5 * by_P
    gram = problem.X.T @ (problem.X * (at.w + 0.5 * both.rows)[:, None])
    total[:-2, :-2] -= gram
    return 0.5 * (total + total.T)


def move(nested: Nested, at: State, one: Moments) -> Motion:
    """How the modes and η move with the parameters; `one` holds the moments of W."""
    tau, parent = at.factored.tau, nested.parent
    direct = np.zeros_like(one.of_x)
    direct[:, -2], direct[:, -1] = at.v, at.u[parent]
    sums = one.sums(direct)
    first, rest = -tau[0] * sums, -tau[1] * nested.by_site(sums)
    first[:, -2] += at.R
    rest[:, -1] += nested.by_site(at.R)
    modes = at.factored.solve(first, rest)
    total = direct + tau[0] * modes[0] + tau[1] * modes[1][parent]
    return Motion(direct=direct, total=total, force=(first, rest), modes=modes)


def _of_weights(at: State, dW: Array) -> Array:
    """Σ_jl P_jl dW_j dW_l' with P_jl = -M_jl²: a diagonal and a product within each site."""
    factored = at.factored
    nested, D = factored.nested, factored.D
    a, share = factored.tau[0] ** 2, factored.tau[1] ** 2 / factored.S
    own = (a / D) * (a / D + 2.0 * share[nested.parent] / D**2)
    sites = share[:, None] * nested.by_site(dW / (D**2)[:, None])
    return -(dW.T @ (dW * own[:, None])) - sites.T @ sites


def _of_tau(at: State, dW: Array) -> Array:
    """P_jτ and P_ττ by those in a = τ_1² and c = τ_2².

    P_ja = (1 - 2 c q_j/S + c² N/S²)/D_j²,  P_jc = 1/(S D_j)²,  P_a = Σ q - c Σ N/S,  P_c = Σ Q/S,
    P_aa = -Σ q² + Σ_s (2 c Σ q³/S - c² N²/S²),  P_ac = -Σ N/S²,  P_cc = -Σ Q²/S².
    """
    factored = at.factored
    nested, q, S = factored.nested, factored.q, factored.S
    inner, outer = factored.tau
    a, c, parent = inner**2, outer**2, nested.parent
    Q, N, cubes = (nested.by_site(q**power) for power in (1, 2, 3))
    by_a = 1.0 - 2.0 * q * (c / S)[parent] + (c * c * N / S**2)[parent]
    by_c = (1.0 / S**2)[parent]
    mixed = np.column_stack([2.0 * inner * by_a, 2.0 * outer * by_c]) / (factored.D**2)[:, None]
    P_aa = (2.0 * c * cubes / S - (c * N / S) ** 2 - N).sum()
    P_ac, P_cc = -(N / S**2).sum(), -((Q / S) ** 2).sum()
    total = np.zeros((dW.shape[1],) * 2)
    total[:, -2:] = dW.T @ mixed
    total += total.T
    total[-2, -2] += 2.0 * (q.sum() - c * (N / S).sum()) + 4.0 * a * P_aa
    total[-1, -1] += 2.0 * (Q / S).sum() + 4.0 * c * P_cc
    total[-2, -1] += 4.0 * inner * outer * P_ac
    total[-1, -2] += 4.0 * inner * outer * P_ac
    return total


def _turning(motion: Motion, dR: Array, parent: Codes, pull: tuple[Array, Array, Array]) -> Array:
    """c + c', the part of Σ y d²b from A itself changing with τ; `pull` is y - W At and t."""
    z, by_v, by_u = pull
    total = np.zeros((dR.shape[1],) * 2)
    total[-2] = z @ motion.modes[0] + by_v @ dR
    total[-1] = z @ motion.modes[1][parent] + by_u[parent] @ dR
    return total + total.T
