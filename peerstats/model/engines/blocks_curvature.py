"""The exact Hessian of Laplace's log-likelihood for effects of one factor, or of none.

Notation of `slopes` and `blocks`: parameters φ of (β, γ, θ), η_i = x_i'β + z_i'b_j with b_j = Lv_j,
and auxiliary predictors ψ. ∂ is the derivative at fixed v, d the total one, along which the modes
move. With E_j = ∂b_j and indices of ψ for derivatives in it, within level j

    ∂r = -W ∂η + r_ψ dψ,   F = L' Σ z ∂r + ∂L's_j,   dv = H^-1 F,   B_j = db_j = E_j + L dv,
    dη = x + z'B_j,   dr = -W dη + r_ψ dψ,   dW = W' dη + W_ψ dψ,   dN_j = Σ dW zz',
    dH = L'dN_jL + ∂L'N_jL + L'N_j∂L.

h is at its maximum in v and η is linear in (β, θ) at fixed v, so with (A, B) = tr(A'B)

    d²h = Σ [-W ∂η∂η' + r_ψ (∂η dψ' + dψ ∂η') + l_ψψ dψdψ'] + dv'H dv
    d² log|H| = Σ a d²W + 2 (∂L, dN_jLH^-1) + 2 transposed + 2 (∂L, N_j∂LH^-1) - tr(H^-1dH H^-1dH)
    d²W = W'' dηdη' + W'_ψ (dη dψ' + dψ dη') + W_ψψ dψdψ' + W' d²η,

a being the leverages. d²η needs d²v, from differentiating the mode's equation twice; with d_j and t
of `slopes` and m_i = z_i'Lt it leaves

    -½ Σ a W' d²η = Σ [-m W' dηdη' - m W_ψ (dη dψ' + dψ dη') + m r_ψψ dψdψ']
                    + (∂L, R_jdv' + (Σ z dr) t') + transposed,      R_j = -d_j - N_jLt.

∂L is one at an entry (e, f) of a triangle. Rows enter by sums within levels of z x', zz' and zz' x'
and by X'ωX only. Families give first derivatives in ψ and W', and some the second ones; for the
others central differences of the first in η and ψ, row by row, are good to 1e-8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.problem import Problem
from peerstats.model.engines.slopes import Here, Levels, Response, Slopes
from peerstats.model.families.family import AuxiliarySecond, AuxiliarySlopes

Array = NDArray[np.float64]
STEP = 1e-4  # in η and ψ: truncation h²/6 and rounding 1e-16/h are both negligible


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """What rows give to d²L: the weight of -dηdη' beside W, and (n, g) columns times dψ.

    `cross` is ½ a W'' + m W'. `by_r`, `by_bend` and `by_w` are the columns of all G, each times its
    r_ψ, ½ a W'_ψ + m W_ψ and W_ψ. `psi` is d²L in γ at fixed η.
    """

    cross: Array
    by_r: Array
    by_bend: Array
    by_w: Array
    psi: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Sums of rows within levels; P parameters, one column each, and pairs e ≥ f of effects.

    `r` is Σ z ∂r without that through E and `w` Σ zz' dW without that through B, (levels, K, P) and
    (levels, pairs, P); `w_z` Σ W' zz' z'; `cross` and `cross_z` Σ ω z x' and Σ ω zz'.
    """

    r: Array
    w: Array
    w_z: Array
    cross: Array
    cross_z: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """E, B, F and dv, (levels, K, P), and dN (levels, K, K, P)."""

    direct: Array
    effects: Array
    force: Array
    modes: Array
    N: Array


def laplace_hessian(model: Slopes, here: Here, found: Response) -> tuple[Array, Array]:
    """Return d²L in (β, γ, θ), (P, P), and dv, (levels K, P), at the modes."""
    X = model.levels.problem.X
    rows = _rows(model, here, found)
    p, g = X.shape[1], rows.by_r.shape[1]
    P = p + g + len(model.levels.entries[0])
    total = np.zeros((P, P))
    total[:p, :p] = -X.T @ (X * (here.w + rows.cross)[:, None])
    total[:p, p : p + g] = X.T @ (rows.by_r - rows.by_bend)
    total[p : p + g, :p] = total[:p, p : p + g].T
    total[p : p + g, p : p + g] = rows.psi
    if not here.v.size:
        return total, np.zeros((0, P))
    sums = _sums(model.levels, here, found, rows)
    motion = _motion(model, here, found, sums)
    total += _of_levels(here, sums, motion)
    turning = _turning(model, here, found, (sums, motion))
    total[p + g :] += turning
    total[:, p + g :] += turning.T
    total += _of_determinant(model, here, found, motion)
    return 0.5 * (total + total.T), _flat(motion.modes)


def _of_levels(here: Here, sums: Sums, motion: Motion) -> Array:
    """dv'H dv, and what products of ∂η, dη and dψ have through the effects."""
    E, B = _flat(motion.direct), _flat(motion.effects)
    both = E.T @ _flat(sums.r) - B.T @ _flat(sums.cross)
    total: Array = _flat(motion.modes).T @ _flat(motion.force) + both + both.T
    total -= E.T @ _flat(here.N @ motion.direct) + B.T @ _flat(sums.cross_z @ motion.effects)
    return total


def _flat(x: Array) -> Array:
    """All but the parameters in one axis."""
    return x.reshape(-1, x.shape[-1])


def _rows(model: Slopes, here: Here, found: Response) -> Rows:
    """The family's derivatives at (η, ψ); W's only where v moves."""
    problem, family, psi = model.levels.problem, model.place.family, model.place.psi
    cross = np.zeros(problem.n)
    if here.v.size:
        bend = found.bend
        if bend is None:
            up, down = (family.third(problem.y, here.eta + h, problem.m) for h in (STEP, -STEP))
            bend = (up - down) / (2.0 * STEP)
        cross = 0.5 * found.leverage * bend + found.moved * found.third
    slopes, second = problem.family.auxiliary_slopes, problem.family.auxiliary_second
    if slopes is None:
        nothing = np.zeros((problem.n, 0))
        return Rows(cross=cross, by_r=nothing, by_bend=nothing, by_w=nothing, psi=np.zeros((0, 0)))
    at = (problem.y, here.eta, problem.m, psi)
    _, r_psi, w_psi = slopes(*at)
    w1_psi, (l_2, r_2, w_2) = _differenced(slopes, *at) if second is None else second(*at)
    half, moved = 0.5 * found.leverage[:, None], found.moved[:, None]
    weights = l_2 - half[:, None] * w_2 + moved[:, None] * r_2
    return Rows(
        cross=cross,
        by_r=_columns(problem, r_psi),
        by_bend=_columns(problem, half * w1_psi + moved * w_psi),
        by_w=_columns(problem, w_psi),
        psi=np.block([[G.T @ (weights[:, i, j, None] * other) for j, other in enumerate(problem.G)]
                      for i, G in enumerate(problem.G)]),
    )  # fmt: skip


def _columns(problem: Problem, weights: Array) -> Array:
    """The columns of all G, those of G_j times the j-th weight."""
    return np.column_stack([w[:, None] * G for w, G in zip(weights.T, problem.G, strict=True)])


def _differenced(
    slopes: Callable[[Array, Array, Array, Array], AuxiliarySlopes],
    y: Array,
    eta: Array,
    m: Array,
    psi: Array,
) -> AuxiliarySecond:
    """W'_ψ, and l_ψψ, r_ψψ and W_ψψ, by slopes beside (η, ψ)."""
    moves = STEP * np.eye(psi.shape[1])
    beside = [(slopes(y, eta, m, psi + d), slopes(y, eta, m, psi - d)) for d in moves]
    l_2, r_2, w_2 = (
        np.stack([(up[i] - down[i]) / (2.0 * STEP) for up, down in beside], axis=2)
        for i in range(3)
    )
    above, below = (slopes(y, eta + h, m, psi)[2] for h in (STEP, -STEP))
    return (above - below) / (2.0 * STEP), (l_2, r_2, w_2)


def _sums(levels: Levels, here: Here, found: Response, rows: Rows) -> Sums:
    Z, p, g = levels.columns, levels.problem.X.shape[1], rows.by_r.shape[1]
    K = len(Z)
    e, f = levels.pairs
    P = p + g + len(levels.entries[0])
    squares = Z[e] * Z[f]
    weights = np.concatenate([Z * here.w, Z * rows.cross, squares * found.third])
    own = levels.products(weights, levels.both)
    r, cross, w = (np.zeros((len(own), size, P)) for size in (K, K, len(e)))
    r[:, :, :p], cross[:, :, :p] = -own[:, :K, :p], own[:, K : 2 * K, :p]
    w[:, :, :p] = own[:, 2 * K :, :p]
    if g:
        columns = np.column_stack([rows.by_r, rows.by_bend, rows.by_w])
        by_psi = levels.products(np.concatenate([Z, squares]), columns)
        r[:, :, p : p + g], cross[:, :, p : p + g] = by_psi[:, :K, :g], by_psi[:, :K, g : 2 * g]
        w[:, :, p : p + g] = by_psi[:, K:, 2 * g :]
    return Sums(r=r, w=w, w_z=own[:, 2 * K :, p:], cross=cross, cross_z=own[:, K : 2 * K, p:])


def _motion(model: Slopes, here: Here, found: Response, sums: Sums) -> Motion:
    (row, column), K = model.levels.entries, len(model.factor)
    theta = np.arange(sums.r.shape[2] - len(row), sums.r.shape[2])
    direct = np.zeros_like(sums.r)
    direct[:, row, theta] = here.v[:, column]
    force = model.factor.T @ (sums.r - here.N @ direct)
    force[:, column, theta] += here.s[:, row]
    modes = found.inverse @ force
    effects = direct + model.factor @ modes
    e, f = model.levels.pairs
    N = np.empty((len(force), K, *force.shape[1:]))
    N[:, e, f] = N[:, f, e] = sums.w + sums.w_z @ effects
    return Motion(direct=direct, effects=effects, force=force, modes=modes, N=N)


def _turning(model: Slopes, here: Here, found: Response, moved: tuple[Sums, Motion]) -> Array:
    """(∂L, R dv' + (Σ z dr) t' - dN LH^-1), the rows of θ: (θ, P)."""
    sums, motion = moved
    (row, column), K = model.levels.entries, len(model.factor)
    levels, P = len(here.v), sums.r.shape[2]
    R = -found.d - np.matmul(here.N, found.Lt[:, :, None])[:, :, 0]
    by_dr = sums.r - here.N @ motion.effects
    first = (R.T @ motion.modes.reshape(levels, -1)).reshape(K, K, P)
    second = (found.t.T @ by_dr.reshape(levels, -1)).reshape(K, K, P)
    third = np.tensordot(motion.N, model.factor @ found.inverse, axes=([0, 2], [0, 1]))
    total: Array = first[row, column] + second[column, row] - third[row, :, column]
    return total


def _of_determinant(model: Slopes, here: Here, found: Response, motion: Motion) -> Array:
    """½ tr(H^-1 dH H^-1 dH) - (∂L, N ∂L H^-1)."""
    (row, column), L, K = model.levels.entries, model.factor, len(model.factor)
    levels, P = len(here.v), motion.N.shape[3]
    theta = range(P - len(row), P)
    half = (L.T @ motion.N.reshape(levels, K, -1)).reshape(motion.N.shape)
    change = (L.T @ half.swapaxes(1, 2).reshape(levels, K, -1)).reshape(motion.N.shape)
    NL = here.N @ L
    for place, e, f in zip(theta, row, column, strict=True):
        change[:, f, :, place] += NL[:, e]
        change[:, :, f, place] += NL[:, e]
    turned = (found.inverse @ change.reshape(levels, K, -1)).reshape(change.shape)
    total: Array = 0.5 * _flat(turned).T @ _flat(turned.swapaxes(1, 2))
    own = here.N.reshape(levels, -1).T @ found.inverse.reshape(levels, -1)
    own = own.reshape((K,) * 4)[row[:, None], row, column[:, None], column]
    total[P - len(row) :, P - len(row) :] -= own
    return total
