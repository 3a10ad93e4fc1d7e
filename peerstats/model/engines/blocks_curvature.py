"""The exact Hessian of Laplace's log-likelihood for effects of one factor, or of none.

Notation of `blocks`: parameters φ, χ of (β, γ, θ), η_i = x_i'β + a_i'v_j with a_i = L'z_i, and
auxiliary predictors ψ. ∂ is the derivative at fixed v, d the total one, along which the modes move;
within level j, H = I + Σ W_i a_i a_i'. With indices of ψ for derivatives in it,

    F = Σ ∂a_i r_i + a_i (-W_i ∂η_i + r_ψ dψ_i),   dv = H^-1 F,   dη_i = ∂η_i + a_i'dv,
    dr = -W dη + r_ψ dψ,   dW = W' dη + W_ψ dψ,   dH = Σ dW aa' + W (∂a a' + a ∂a').

h is at its maximum in v and η is linear in (β, θ), so

    d²h = Σ [-W ∂η∂η' + r_ψ (∂η dψ' + dψ ∂η') + l_ψψ dψdψ'] + dv'H dv
    d² log|H| = Σ l_i d²W_i + 2 Σ (dW κ' + κ dW') + 2 Σ W ∂a'H^-1∂a - tr(H^-1 dH H^-1 dH)
    d²W = W'' dηdη' + W'_ψ (dη dψ' + dψ dη') + W_ψψ dψdψ' + W' d²η,

with leverages l_i = a_i'H^-1 a_i and κ_i = a_i'H^-1 ∂a_i. d²η needs d²v, from differentiating the
mode's equation twice; with t = -½ H^-1 Σ l W' a and m_i = a_i't it leaves

    -½ Σ l W' d²η = Σ [-m W' dηdη' - m W_ψ (dη dψ' + dψ dη') + m r_ψψ dψdψ'
                       + (ρ ∂a'dv + t'∂a dr + transposed)],        ρ = -½ l W' - m W.

∂a_i is not zero for an entry (a, b) of a triangle only: z_ia in effect b. Families give first
derivatives in ψ and W', and some the second ones; for the others central differences of the first
in η and ψ, row by row, are good to 1e-8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.elimination import Eliminated
from peerstats.model.engines.place import Place, State
from peerstats.model.engines.problem import Problem
from peerstats.model.engines.structure import Structure, lower
from peerstats.model.families.family import AuxiliarySecond, AuxiliarySlopes

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
STEP = 1e-4  # in η and ψ: truncation h²/6 and rounding 1e-16/h are both negligible


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Derivatives of each row's l, r and W; k auxiliary predictors."""

    r: Array
    w: Array
    w1: Array  # W'
    w2: Array  # W''
    by_psi: tuple[Array, Array, Array]  # l_ψ, r_ψ, W_ψ, each (n, k)
    w1_psi: Array  # W'_ψ (n, k)
    by_psi2: tuple[Array, Array, Array]  # l_ψψ, r_ψψ, W_ψψ, each (n, k, k)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Where parameters stand: γ_j's columns, θ's, and the effect and column of Z of each θ."""

    total: int
    gamma: tuple[slice, ...]
    theta: slice
    effect: Codes
    Z: Array  # (n, θ)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Motion:
    """First derivatives: ∂η, dη, dr and dW (n, P), and by levels F and dv (levels, K, P)."""

    direct: Array
    eta: Array
    r: Array
    w: Array
    force: Array
    modes: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """What rows take from their level: a (n, K), H^-1 a, v, t, l and m."""

    inverse: Array  # (levels, K, K)
    code: Codes
    starts: Codes
    a: Array
    first: Array
    v: Array
    t: Array
    leverage: Array
    moved: Array

    def sums(self, rows: Array) -> Array:
        """Sums over the rows of each level."""
        found: Array = np.add.reduceat(rows, self.starts, axis=0)
        return found


def laplace_hessian(s: Structure, place: Place, at: State, H: Eliminated) -> tuple[Array, Array]:
    """Return d²L in (β, γ, θ), (P, P), and dv, (levels K, P), at the modes.

    All effects must be those of the first factor.
    """
    problem = s.problem
    rows, columns = _rows(s, place, at), _columns(s)
    level = _level(s, place, at, H, rows)
    motion = _motion(problem, rows, columns, level)
    flat = (-1, columns.total)
    total: Array = motion.modes.reshape(flat).T @ motion.force.reshape(flat)
    total += _of_rows(problem, rows, columns, level, motion)
    turning = _turning(rows, columns, level, motion)
    total[columns.theta] += turning
    total[:, columns.theta] += turning.T
    total += _of_determinant(rows, columns, level, motion)
    return 0.5 * (total + total.T), motion.modes.reshape(flat)


def _rows(s: Structure, place: Place, at: State) -> Rows:
    """The family's derivatives at (η, ψ); W's only where v moves."""
    problem, family, k = s.problem, place.family, place.psi.shape[1]
    none = np.zeros(problem.n)
    w1, w2, w1_psi = none, none, np.zeros((problem.n, k))
    by_psi, by_psi2 = (w1_psi,) * 3, (np.zeros((problem.n, k, k)),) * 3
    slopes, second = problem.family.auxiliary_slopes, problem.family.auxiliary_second
    here = (problem.y, at.eta, problem.m, place.psi)
    if slopes is not None:
        by_psi = slopes(*here)
        w1_psi, by_psi2 = _differenced(slopes, *here) if second is None else second(*here)
    if s.width and family.higher is not None:
        w1, w2 = family.higher(at.eta, at.w)
    elif s.width:
        up, w1, down = (family.third(problem.y, at.eta + h, problem.m) for h in (STEP, 0.0, -STEP))
        w2 = (up - down) / (2.0 * STEP)
    return Rows(r=at.r, w=at.w, w1=w1, w2=w2, by_psi=by_psi, w1_psi=w1_psi, by_psi2=by_psi2)


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


def _columns(s: Structure) -> Columns:
    problem = s.problem
    ends = np.cumsum([problem.X.shape[1], *(G.shape[1] for G in problem.G)])
    effects, Z = [], [np.zeros((problem.n, 0))]
    for block, span in zip(problem.blocks, s.spans, strict=True):
        a, b = lower(block)
        effects += [span.start + int(e) for e in b]
        Z.append(block.Z[:, a])
    total = int(ends[-1]) + len(effects)
    return Columns(
        total=total,
        gamma=tuple(slice(int(i), int(j)) for i, j in pairwise(ends)),
        theta=slice(int(ends[-1]), total),
        effect=np.array(effects, dtype=np.intp),
        Z=np.column_stack(Z),
    )


def _level(s: Structure, place: Place, at: State, H: Eliminated, rows: Rows) -> Level:
    problem, K = s.problem, s.width
    starts = problem.starts if K else np.zeros(1, dtype=np.intp)
    code = s.code if K else np.zeros(problem.n, dtype=np.intp)
    inverse = H.inverses if K else np.zeros((1, 0, 0))
    a, v = place.loadings.first, at.v.reshape(len(starts), K)
    first = np.einsum("nij,nj->ni", inverse[code], a)
    leverage = np.einsum("nk,nk->n", a, first)
    pull = np.add.reduceat(a * (leverage * rows.w1)[:, None], starts, axis=0)
    t = -0.5 * np.einsum("lij,lj->li", inverse, pull)
    return Level(
        inverse=inverse,
        code=code,
        starts=starts,
        a=a,
        first=first,
        v=v,
        t=t,
        leverage=leverage,
        moved=np.einsum("nk,nk->n", a, t[code]),
    )


def _motion(problem: Problem, rows: Rows, columns: Columns, level: Level) -> Motion:
    direct = np.zeros((problem.n, columns.total))
    direct[:, : problem.X.shape[1]] = problem.X
    direct[:, columns.theta] = columns.Z * level.v[level.code][:, columns.effect]
    by_r, by_w = np.zeros_like(direct), np.zeros_like(direct)
    for j, (G, part) in enumerate(zip(problem.G, columns.gamma, strict=True)):
        by_r[:, part] = rows.by_psi[1][:, j, None] * G
        by_w[:, part] = rows.by_psi[2][:, j, None] * G
    pushed = by_r - rows.w[:, None] * direct
    force = np.empty((len(level.starts), level.a.shape[1], columns.total))
    for e, a in enumerate(level.a.T):
        force[:, e] = level.sums(a[:, None] * pushed)
    own = level.sums(columns.Z * rows.r[:, None])
    places = np.arange(columns.total)[columns.theta]
    for c, (place, e) in enumerate(zip(places, columns.effect, strict=True)):
        force[:, e, place] += own[:, c]
    modes = np.matmul(level.inverse, force)
    eta = direct.copy()
    for e, a in enumerate(level.a.T):
        eta += a[:, None] * modes[level.code, e]
    return Motion(
        direct=direct,
        eta=eta,
        r=by_r - rows.w[:, None] * eta,
        w=by_w + rows.w1[:, None] * eta,
        force=force,
        modes=modes,
    )


def _of_rows(problem: Problem, rows: Rows, columns: Columns, level: Level, motion: Motion) -> Array:
    """All products of ∂η, dη and dψ."""
    half, moved = 0.5 * level.leverage, level.moved
    direct, eta = motion.direct, motion.eta
    total = -direct.T @ (rows.w[:, None] * direct)
    total -= eta.T @ ((half * rows.w2 + moved * rows.w1)[:, None] * eta)
    _, r_psi, w_psi = rows.by_psi
    l2, r2, w2 = rows.by_psi2
    for j, (G, part) in enumerate(zip(problem.G, columns.gamma, strict=True)):
        bend = half * rows.w1_psi[:, j] + moved * w_psi[:, j]
        cross = direct.T @ (r_psi[:, j, None] * G) - eta.T @ (bend[:, None] * G)
        total[:, part] += cross
        total[part] += cross.T
        for i, (other, place) in enumerate(zip(problem.G, columns.gamma, strict=True)):
            weight = l2[:, i, j] - half * w2[:, i, j] + moved * r2[:, i, j]
            total[place, part] += other.T @ (weight[:, None] * G)
    return total


def _turning(rows: Rows, columns: Columns, level: Level, motion: Motion) -> Array:
    """ρ ∂a'dv + t'∂a dr - κ dW, the rows of θ: (θ, P)."""
    Z, effect = columns.Z, columns.effect
    rho = -0.5 * level.leverage * rows.w1 - level.moved * rows.w
    pulled = level.sums(Z * rho[:, None])
    total: Array = np.einsum("lc,lcp->cp", pulled, motion.modes[:, effect])
    total += (Z * level.t[level.code][:, effect]).T @ motion.r
    total -= (Z * level.first[:, effect]).T @ motion.w
    return total


def _of_determinant(rows: Rows, columns: Columns, level: Level, motion: Motion) -> Array:
    """½ tr(H^-1 dH H^-1 dH) - Σ W ∂a'H^-1∂a."""
    Z, effect, a = columns.Z, columns.effect, level.a
    K, places = a.shape[1], np.arange(columns.total)[columns.theta]
    change = np.empty((len(level.starts), K, K, columns.total))
    for e in range(K):
        for f in range(e + 1):
            change[:, e, f] = change[:, f, e] = level.sums((a[:, e] * a[:, f])[:, None] * motion.w)
    for c, (place, e) in enumerate(zip(places, effect, strict=True)):
        own = level.sums(a * (rows.w * Z[:, c])[:, None])
        change[:, e, :, place] += own
        change[:, :, e, place] += own
    turned = np.einsum("lij,ljkp->likp", level.inverse, change)
    flat = (-1, columns.total)
    total: Array = 0.5 * turned.reshape(flat).T @ turned.swapaxes(1, 2).reshape(flat)
    for c, place in enumerate(places):
        for d, other in enumerate(places):
            own = level.sums(rows.w * Z[:, c] * Z[:, d])
            total[place, other] -= own @ level.inverse[:, effect[c], effect[d]]
    return total
