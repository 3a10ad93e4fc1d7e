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

Given (β, τ) the groups have nothing to do with each other, so L, its gradient and its Hessian are
sums over parts of the data, each of some whole groups. Many rows are worked through part by part:
what a part needs stays in the processor's cache, and no vector is as long as the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.evaluation import (
    CLOSE,
    CLOSE_ON_THE_WAY,
    HALVINGS,
    MODE_STEPS,
    THERE,
    Evaluation,
)
from peerstats.model.engines.onefactor_curvature import (
    FEW,
    Modes,
    Top,
    gram,
    laplace,
    sums_of_columns,
)
from peerstats.model.engines.problem import Problem, some_groups

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
# Rows x nodes held at a time. Arrays of this length stay in the processor's cache and are reused by
# the allocator; with larger ones, which are given back to the system, sums take half as long again.
BLOCK = 8_000


@dataclass(slots=True, eq=False)
class _Memory:
    """The last place evaluated by Laplace, with its Hessian and how the modes move away from it.

    A search asks for the Hessian where it has just asked for the value, and goes on from there.
    """

    beta: Array = field(default_factory=lambda: np.zeros(0))
    tau: float = 0.0
    top: Top | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class OneFactor:
    """The likelihood of a problem with one grouping factor and `nodes` quadrature points."""

    problem: Problem
    nodes: int = 1
    _memory: _Memory = field(default_factory=_Memory, init=False, repr=False)

    @cached_property
    def parts(self) -> tuple[tuple[slice, OneFactor], ...]:
        """Groups, and the same model of these alone, without the constant."""
        if self.problem.n <= BLOCK:
            return ((slice(None), self),)
        slices = _group_blocks(self.problem, BLOCK)
        return tuple(
            (part, replace(self, problem=some_groups(self.problem, part))) for part in slices
        )

    @cached_property
    def _columns(self) -> Array:
        return np.ascontiguousarray(self.problem.X.T)

    def evaluate(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        """Return log-likelihood, gradient in (β, τ) and modes; by Laplace the Hessian too."""
        if self.nodes == 1:
            return self._laplace(beta, tau, self._expected(beta, tau, modes), CLOSE, 0.0)
        found = [part._quadrature(beta, tau, modes[groups]) for groups, part in self.parts]
        return Evaluation(
            value=sum(each.value for each in found) + self.problem.constant,
            gradient=np.sum([each.gradient for each in found], axis=0),
            modes=np.concatenate([each.modes for each in found]),
        )

    def approach(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        """Return the same on the way of a search that goes on from here, less exactly."""
        if self.nodes > 1:
            return self.evaluate(beta, tau, modes)
        expected = self._expected(beta, tau, modes)
        close = CLOSE if expected is modes else CLOSE_ON_THE_WAY
        return self._laplace(beta, tau, expected, close, THERE)

    def hessian(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Return the exact second derivatives of Laplace's log-likelihood in (β, τ)."""
        last = self._memory
        if last.top is None or last.top.modes is not modes:
            self._laplace(beta, tau, modes, CLOSE, 0.0)
        if last.top is None:  # outside the link's range
            return np.full((len(beta) + 1,) * 2, np.nan)
        return last.top.hessian

    def _laplace(self, beta: Array, tau: Array, modes: Array, *close: float) -> Evaluation:
        t = float(tau[0])
        found = []
        for groups, part in self.parts:
            top = part._top(beta, t, modes[groups], *close)
            if top is None:
                self._memory.top = None
                return Evaluation(value=-np.inf, gradient=np.zeros(len(beta) + 1), modes=modes)
            found.append(top)
        top = found[0] if len(found) == 1 else _added(found)
        last = self._memory
        last.beta, last.tau, last.top = beta, t, top
        return Evaluation(
            value=top.value + self.problem.constant,
            gradient=top.gradient,
            modes=top.modes,
            hessian=top.hessian,
        )

    def _expected(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Where the modes are to be expected, going on from the last place."""
        last = self._memory
        if last.top is None or last.top.modes is not modes:
            return modes
        p, moves = len(beta), last.top.moves
        expected: Array = modes + (beta - last.beta) @ moves[:p] + (tau[0] - last.tau) * moves[p]
        return expected

    def slope(self, beta: Array, tau: Array, modes: Array, step: int = 1) -> Array:
        """Return the gradient in (β, τ) by quadrature, about modes that are known.

        With `step` only every so many parts are looked at, and stand for all rows.
        """
        t, rows = float(tau[0]), 0
        total = np.zeros(len(beta) + 1)
        for groups, part in self.parts[::step]:
            fixed = part.problem.X @ beta + part.problem.offset
            at = part._at(fixed, t, modes[groups])
            total += _at_the_nodes(part, at, fixed, t).gradient
            rows += part.problem.n
        return total * (self.problem.n / rows)

    def _top(self, beta: Array, tau: float, modes: Array, *close: float) -> Top | None:
        problem = self.problem
        at = self._find_modes(problem.X @ beta + problem.offset, tau, modes, *close)
        if at is None:
            return None
        # Of many rows X' would be a second matrix if it were kept.
        few = problem.n <= FEW
        columns = self._columns if few else np.ascontiguousarray(problem.X.T)
        return laplace(problem, columns, tau, at)

    def _quadrature(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        fixed = self.problem.X @ beta + self.problem.offset
        at = self._find_modes(fixed, float(tau[0]), modes)
        if at is None:
            return Evaluation(value=-np.inf, gradient=np.zeros(len(beta) + 1), modes=modes)
        return _at_the_nodes(self, at, fixed, float(tau[0]))

    def _find_modes(
        self, fixed: Array, tau: float, start: Array, close: float = CLOSE, there: float = 0.0
    ) -> Modes | None:
        """Newton's method for all groups at once; a group whose h falls takes half a step.

        A step as short as `close` is the last, one as short as `there` is not taken.
        """
        v = start
        here = self._at(fixed, tau, v)
        if not np.isfinite(here.h).all():
            v = np.zeros_like(start)
            here = self._at(fixed, tau, v)
            if not np.isfinite(here.h).all():
                return None
        for _ in range(MODE_STEPS):
            step = (tau * here.r_sum - v) / here.H
            size = max(step.max(), -step.min())
            if size <= there:
                break
            trial = self._at(fixed, tau, v + step)
            for _ in range(HALVINGS if size > close else 0):
                worse = ~(trial.h >= here.h - 1e-10 * (1 + np.abs(here.h)))
                if not worse.any():
                    break
                step = np.where(worse, 0.5 * step, step)
                trial = self._at(fixed, tau, v + step)
            v, here = v + step, trial
            if size <= close:
                break
        return here

    def _at(self, fixed: Array, tau: float, v: Array) -> Modes:
        problem = self.problem
        eta = fixed + (tau * v).take(problem.codes[0])
        kernel, r, w = problem.family.slopes(problem.y, eta, problem.m)
        w_sum = np.add.reduceat(w, problem.starts)
        h = np.add.reduceat(kernel, problem.starts) - 0.5 * v * v
        r_sum = np.add.reduceat(r, problem.starts)
        return Modes(v, eta, w, h, r, r_sum, w_sum, 1.0 + tau * tau * w_sum)

    def mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Conditional standard deviations of v."""
        top = self._memory.top
        if top is not None and top.modes is modes:
            found: Array = top.H**-0.5
            return found
        return np.concatenate(
            [part._mode_sds(beta, tau, modes[groups]) for groups, part in self.parts]
        )

    def _mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        fixed = self.problem.X @ beta + self.problem.offset
        return self._at(fixed, float(tau[0]), modes).H ** -0.5

    def information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        """Information about β and τ in a normal model with weights w."""
        found = [part._information(beta, tau) for _, part in self.parts]
        by_beta, by_tau = zip(*found, strict=True)
        return np.sum(by_beta, axis=0), np.sum(by_tau, axis=0)

    def _information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        problem = self.problem
        at = self._at(problem.X @ beta + problem.offset, float(tau[0]), np.zeros(problem.sizes[0]))
        columns = np.ascontiguousarray(problem.X.T)
        sums = sums_of_columns(columns, (at.w,), problem.starts)[0] * tau[0]
        by_beta = gram(columns, at.w) - (sums / at.H) @ sums.T
        by_tau = 2.0 * np.sum((tau[0] * at.w_sum / at.H) ** 2)
        return by_beta, np.array([by_tau])


def _added(parts: list[Top]) -> Top:
    """The whole from its parts."""
    return Top(
        value=sum(part.value for part in parts),
        gradient=np.sum([part.gradient for part in parts], axis=0),
        hessian=np.sum([part.hessian for part in parts], axis=0),
        modes=np.concatenate([part.modes for part in parts]),
        moves=np.concatenate([part.moves for part in parts], axis=1),
        H=np.concatenate([part.H for part in parts]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeSums:
    """Sums over nodes: L_j, r̄_i, Σ_q p_q z_q Σ_i r_iq, c1 and κ."""

    value: Array
    r_bar: Array
    z_r: Array
    c1: Array
    kappa: Array


def _at_the_nodes(model: OneFactor, at: Modes, fixed: Array, tau: float) -> Evaluation:
    problem = model.problem
    sums = _at_nodes(model, at, fixed, tau)
    third = problem.family.third(problem.y, at.eta, problem.m)
    third_sum = np.add.reduceat(third, problem.starts)
    alpha = sums.kappa * tau * tau / at.H
    t = (sums.c1 - 0.5 * alpha * tau * third_sum) / at.H
    code = problem.codes[0]
    rows = sums.r_bar - (0.5 * alpha).take(code) * third - (tau * t).take(code) * at.w
    by_tau = (
        sums.z_r
        - 0.5 * alpha * at.v * third_sum
        + t * (at.r_sum - tau * at.v * at.w_sum)
        - sums.kappa * tau * at.w_sum / at.H
    )
    return Evaluation(
        value=float(sums.value.sum()),
        gradient=np.array([*(rows @ problem.X), by_tau.sum()]),
        modes=at.v,
    )


@cache
def rule(nodes: int) -> tuple[Array, Array]:
    """Nodes √2 g and log(w exp(g²)) of Gauss-Hermite quadrature."""
    g, w = np.polynomial.hermite.hermgauss(nodes)
    return np.sqrt(2.0) * g, np.log(w) + g * g


def group_blocks(model: OneFactor) -> Iterator[slice]:
    """Whole groups, as many at a time as keep nodes x rows bounded."""
    return _group_blocks(model.problem, BLOCK // model.nodes)


def _group_blocks(problem: Problem, rows: int) -> Iterator[slice]:
    """Whole groups with about so many rows together, one group at least."""
    ends = np.append(problem.starts[1:], problem.n)
    first = 0
    while first < len(ends):
        limit = problem.starts[first] + rows
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
