"""Random intercepts of one grouping factor: Laplace and adaptive Gauss-Hermite quadrature.

Model: η_i = x_i'β + offset_i + τ v_j for row i in group j, v_j ~ N(0, 1). With the log-integrand

    h_j(v) = Σ_i l_i(η_i) - v²/2,   mode v̂_j,   H_j = -h_j''(v̂_j) = 1 + τ² Σ_i W_i,   s_j = H_j^-½

Q-point adaptive quadrature (Liu & Pierce 1994; Pinheiro & Bates 1995) puts its nodes at
z_q = v̂_j + √2 s_j g_q and gives

    L_j = log(√2 s_j) - ½ log 2π + log Σ_q w_q exp(g_q² + h_j(z_q)).

With Q = 1 (g = 0, w = √π) this is Laplace's approximation h_j(v̂_j) - ½ log H_j exactly, so both
methods share one code.

Gradient. The nodes move with the parameters, and that is kept, so the gradient is exact for any Q,
one included (Fisher's identity alone would be exact only as Q grows). With node weights p_q,
c1 = Σ_q p_q h'(z_q), c2 = √2 Σ_q p_q g_q h'(z_q), κ = 1 + s c2, and ∂ the derivative at fixed v,

    dL_j = Σ_q p_q ∂h(z_q) + c1 dv̂ - ½ κ H^-1 dH
    dv̂  = H^-1 ∂(h'(v̂)),   dH = τ² Σ_i W'_i (∂η_i + τ dv̂) + (∂τ²) Σ_i W_i.

Collecting the terms in dv̂, with α = κτ²/H and t = (c1 - ½ α τ Σ W') / H, row i has the weight
r̄_i - ½ α W'_i - t τ W_i for β, where r̄_i = Σ_q p_q r_i(z_q).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.evaluation import (
    CLOSE,
    HALVINGS,
    MODE_STEPS,
    Evaluation,
)
from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
# Rows x nodes held at a time. Arrays of a quarter of a megabyte stay in the processor's cache and
# are reused by the allocator; with larger ones the same sums take twice as long.
BLOCK = 30_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OneFactor:
    """The likelihood of a problem with one grouping factor and `nodes` quadrature points."""

    problem: Problem
    nodes: int = 1

    def evaluate(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        """Return log-likelihood, gradient in (β, τ) and modes."""
        problem = self.problem
        fixed = problem.X @ beta + problem.offset
        at = self._find_modes(fixed, float(tau[0]), modes)
        if at is None:
            return Evaluation(value=-np.inf, gradient=np.zeros(len(beta) + 1), modes=modes)
        return _assemble(self, at, fixed, float(tau[0]))

    def _find_modes(self, fixed: Array, tau: float, start: Array) -> Modes | None:
        """Newton's method for all groups at once; a group whose h falls takes half a step."""
        v = start.copy()
        here = self._at(fixed, tau, v)
        if not np.isfinite(here.h).all():
            v = np.zeros_like(start)
            here = self._at(fixed, tau, v)
            if not np.isfinite(here.h).all():
                return None
        for _ in range(MODE_STEPS):
            step = (tau * here.r_sum - v) / here.H
            size = float(np.abs(step).max())
            trial = self._at(fixed, tau, v + step)
            for _ in range(HALVINGS if size > CLOSE else 0):
                worse = ~(trial.h >= here.h - 1e-10 * (1 + np.abs(here.h)))
                if not worse.any():
                    break
                step = np.where(worse, 0.5 * step, step)
                trial = self._at(fixed, tau, v + step)
            v, here = v + step, trial
            if size <= CLOSE:
                break
        return here

    def _at(self, fixed: Array, tau: float, v: Array) -> Modes:
        problem = self.problem
        eta = fixed + tau * v[problem.codes[0]]
        kernel, r, w = problem.family.slopes(problem.y, eta, problem.m)
        w_sum = np.add.reduceat(w, problem.starts)
        return Modes(
            v=v,
            eta=eta,
            w=w,
            h=np.add.reduceat(kernel, problem.starts) - 0.5 * v * v,
            r=r,
            r_sum=np.add.reduceat(r, problem.starts),
            w_sum=w_sum,
            H=1.0 + tau * tau * w_sum,
        )

    def mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Conditional standard deviations of v."""
        fixed = self.problem.X @ beta + self.problem.offset
        return self._at(fixed, float(tau[0]), modes).H ** -0.5

    def information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        """Information about β and τ in a normal model with weights w."""
        problem = self.problem
        at = self._at(problem.X @ beta + problem.offset, float(tau[0]), np.zeros(problem.sizes[0]))
        weighted = problem.X * at.w[:, None]
        sums = np.add.reduceat(weighted, problem.starts, axis=0) * tau[0]
        between = sums.T @ (sums / at.H[:, None])
        by_tau = 2.0 * np.sum((tau[0] * at.w_sum / at.H) ** 2)
        return problem.X.T @ weighted - between, np.array([by_tau])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeSums:
    """Sums over nodes: L_j, r̄_i, Σ_q p_q z_q Σ_i r_iq, c1 and κ."""

    value: Array
    r_bar: Array
    z_r: Array
    c1: Array
    kappa: Array


def _assemble(model: OneFactor, at: Modes, fixed: Array, tau: float) -> Evaluation:
    problem = model.problem
    third = problem.family.third(problem.y, at.eta, problem.m)
    third_sum = np.add.reduceat(third, problem.starts)
    sums = _at_mode(at) if model.nodes == 1 else _at_nodes(model, at, fixed, tau)
    alpha = sums.kappa * tau * tau / at.H
    t = (sums.c1 - 0.5 * alpha * tau * third_sum) / at.H
    code = problem.codes[0]
    rows = sums.r_bar - 0.5 * alpha[code] * third - (tau * t)[code] * at.w
    by_tau = (
        sums.z_r
        - 0.5 * alpha * at.v * third_sum
        + t * (at.r_sum - tau * at.v * at.w_sum)
        - sums.kappa * tau * at.w_sum / at.H
    )
    return Evaluation(
        value=float(sums.value.sum()) + problem.constant,
        gradient=np.r_[rows @ problem.X, by_tau.sum()],
        modes=at.v,
    )


def _at_mode(at: Modes) -> NodeSums:
    """One node: the mode itself."""
    return NodeSums(
        value=at.h - 0.5 * np.log(at.H),
        r_bar=at.r,
        z_r=at.v * at.r_sum,
        c1=np.zeros_like(at.v),
        kappa=np.ones_like(at.v),
    )


@cache
def rule(nodes: int) -> tuple[Array, Array]:
    """Nodes √2 g and log(w exp(g²)) of Gauss-Hermite quadrature."""
    g, w = np.polynomial.hermite.hermgauss(nodes)
    return np.sqrt(2.0) * g, np.log(w) + g * g


def group_blocks(model: OneFactor) -> Iterator[slice]:
    """Whole groups, as many at a time as keep nodes x rows bounded."""
    problem = model.problem
    ends = np.append(problem.starts[1:], problem.n)
    first = 0
    while first < len(ends):
        limit = problem.starts[first] + BLOCK // model.nodes
        last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
        yield slice(first, last)
        first = last


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeBlock:
    """Some groups at all nodes; the first axis is the nodes'."""

    groups: slice
    rows: slice
    starts: Codes  # of the groups, within `rows`
    code: Codes
    s: Array
    z: Array
    r: Array
    w: Array
    r_sum: Array
    p: Array  # node weights, summing to 1 in each group
    value: Array


def at_nodes(
    model: OneFactor, modes: tuple[Array, Array], fixed: Array, tau: float, groups: slice
) -> NodeBlock:
    """Weigh the nodes of some groups; `modes` are v and H."""
    problem = model.problem
    v, H = modes[0][groups], modes[1][groups]
    gamma, log_weight = rule(model.nodes)
    starts = problem.starts[groups]
    end = problem.starts[groups.stop] if groups.stop < len(modes[0]) else problem.n
    rows = slice(starts[0], end)
    code = problem.codes[0][rows] - groups.start
    starts = starts - starts[0]
    s = H**-0.5
    z = v + s * gamma[:, None]
    eta = fixed[rows] + tau * z[:, code]
    kernel, r, w = problem.family.slopes(problem.y[rows], eta, problem.m[rows])
    terms = log_weight[:, None] + np.add.reduceat(kernel, starts, axis=1) - 0.5 * z * z
    top = terms.max(axis=0)
    p = np.exp(terms - top)
    total = p.sum(axis=0)
    return NodeBlock(
        groups=groups,
        rows=rows,
        starts=starts,
        code=code,
        s=s,
        z=z,
        r=r,
        w=w,
        r_sum=np.add.reduceat(r, starts, axis=1),
        p=p / total,
        value=top + np.log(total) + np.log(s) - 0.5 * np.log(np.pi),
    )


def _at_nodes(model: OneFactor, at: Modes, fixed: Array, tau: float) -> NodeSums:
    """All nodes, a block of whole groups at a time so that memory stays bounded."""
    sums = NodeSums(
        value=np.empty_like(at.v),
        r_bar=np.empty_like(fixed),
        z_r=np.empty_like(at.v),
        c1=np.empty_like(at.v),
        kappa=np.empty_like(at.v),
    )
    gamma = rule(model.nodes)[0][:, None]
    for groups in group_blocks(model):
        block = at_nodes(model, (at.v, at.H), fixed, tau, groups)
        slope = block.p * (tau * block.r_sum - block.z)
        sums.value[groups] = block.value
        sums.r_bar[block.rows] = np.einsum("qi,qi->i", block.p[:, block.code], block.r)
        sums.z_r[groups] = (block.p * block.z * block.r_sum).sum(axis=0)
        sums.c1[groups] = slope.sum(axis=0)
        sums.kappa[groups] = 1.0 + block.s * (gamma * slope).sum(axis=0)
    return sums
