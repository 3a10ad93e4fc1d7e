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

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.evaluation import (
    CLOSE,
    CLOSE_AT_FIRST,
    CLOSE_ON_THE_WAY,
    HALVINGS,
    MODE_STEPS,
    Evaluation,
)
from peerstats.model.engines.nodes import group_blocks, node_gradient, node_sums
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
BLOCK = 8_000  # rows held at a time (see `nodes`)
SLACK = 1e-10  # by which h may fall in rounding


@dataclass(slots=True, eq=False)
class _Memory:
    """The last place evaluated by Laplace, with its Hessian and how the modes move away from it.

    A search asks for the Hessian where it has just asked for the value, and goes on from there.
    """

    beta: Array = field(default_factory=lambda: np.zeros(0))
    tau: float = 0.0
    top: Top | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Margin:
    """Where every effect is zero: X'WX, and group sums of W x (p, groups), of r and of W."""

    gram: Array
    sums: Array
    r_sum: Array
    w_sum: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class OneFactor:
    """The likelihood of a problem with one grouping factor and `nodes` quadrature points.

    `alike` (groups,) says how many groups each one stands for, its rows' weights `m` being those of
    all of them; such a model is for Laplace only.
    """

    problem: Problem
    nodes: int = 1
    alike: Array | None = None
    _memory: _Memory = field(default_factory=_Memory, init=False, repr=False)

    @cached_property
    def parts(self) -> tuple[tuple[slice, OneFactor], ...]:
        """Groups, and the same model of these alone, without the constant."""
        if self.problem.n <= BLOCK:
            return ((slice(None), self),)
        slices = group_blocks(self.problem, BLOCK)
        return tuple((part, self._part(part)) for part in slices)

    def _part(self, groups: slice) -> OneFactor:
        alike = None if self.alike is None else self.alike[groups]
        return replace(self, problem=some_groups(self.problem, groups), alike=alike)

    @cached_property
    def copies(self) -> Array:
        """How many groups each one stands for."""
        return np.ones(self.problem.sizes[0]) if self.alike is None else self.alike

    @cached_property
    def _columns(self) -> Array:
        return np.ascontiguousarray(self.problem.X.T)

    def _contiguous(self) -> Array:
        """X', kept where rows are few; of many it would be a second matrix."""
        few = self.problem.n <= FEW
        return self._columns if few else np.ascontiguousarray(self.problem.X.T)

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
        there = CLOSE_AT_FIRST if expected is modes else CLOSE_ON_THE_WAY
        return self._laplace(beta, tau, expected, 0.0, there)

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

    def slope(self, beta: Array, tau: Array, modes: Array, nodes: int, step: int = 1) -> Array:
        """Return the gradient in (β, τ) by quadrature, about modes that are known.

        With `step` only every so many parts are looked at, and stand for all rows.
        """
        t, rows = float(tau[0]), 0
        total = np.zeros(len(beta) + 1)
        for groups, part in self.parts[::step]:
            total += part._slope(beta, t, modes[groups], nodes)
            rows += part.problem.n
        return total * (self.problem.n / rows)

    def _slope(self, beta: Array, tau: float, modes: Array, nodes: int) -> Array:
        single, copies = self, self.copies
        if self.alike is not None:  # each group by itself first
            rows = copies.take(self.problem.codes[0])
            single = OneFactor(problem=replace(self.problem, m=self.problem.m / rows))
        problem = single.problem
        fixed = problem.X @ beta + problem.offset
        at = single._at(fixed, tau, modes)
        sums = node_sums(problem, nodes, at, fixed, tau)
        by_row, by_tau = node_gradient(problem, at, sums, tau)
        if self.alike is not None:
            by_row = by_row * rows
        return np.append(by_row @ problem.X, by_tau @ copies)

    def _top(self, beta: Array, tau: float, modes: Array, *close: float) -> Top | None:
        problem = self.problem
        at = self._find_modes(problem.X @ beta + problem.offset, tau, modes, *close)
        if at is None:
            return None
        return laplace(problem, self._contiguous(), self.copies, tau, at)

    def _quadrature(self, beta: Array, tau: Array, modes: Array) -> Evaluation:
        problem, t = self.problem, float(tau[0])
        fixed = problem.X @ beta + problem.offset
        at = self._find_modes(fixed, t, modes)
        if at is None:
            return Evaluation(value=-np.inf, gradient=np.zeros(len(beta) + 1), modes=modes)
        sums = node_sums(problem, self.nodes, at, fixed, t)
        rows, by_tau = node_gradient(problem, at, sums, t)
        gradient = np.append(rows @ problem.X, by_tau.sum())
        return Evaluation(value=float(sums.value.sum()), gradient=gradient, modes=at.v)

    def _find_modes(
        self, fixed: Array, tau: float, start: Array, close: float = CLOSE, there: float = 0.0
    ) -> Modes | None:
        """Newton's method for all groups at once; a group whose h falls takes half a step.

        A step as short as `close` is the last, one as short as `there` is not taken: `laplace`
        knows what it would bring.
        """
        here = self._at(fixed, tau, start)
        if not isfinite(here.h.sum()):
            here = self._at(fixed, tau, np.zeros_like(start))
            if not isfinite(here.h.sum()):
                return None
        for _ in range(MODE_STEPS):
            step = (tau * here.r_sum - self.copies * here.v) / here.H
            size = np.abs(step).max()
            if size <= there:
                break
            trial = self._at(fixed, tau, here.v + step)
            for _ in range(HALVINGS if size > close else 0):
                if (trial.h >= here.h - SLACK).all():
                    break
                worse = ~(trial.h >= here.h - SLACK * (1.0 + np.abs(here.h)))
                if not worse.any():
                    break
                step = np.where(worse, 0.5 * step, step)
                trial = self._at(fixed, tau, here.v + step)
            here = trial
            if size <= close:
                break
        return here

    def _at(self, fixed: Array, tau: float, v: Array) -> Modes:
        problem, copies = self.problem, self.copies
        eta = fixed + (tau * v).take(problem.codes[0])
        kernel, r, w = problem.family.slopes(problem.y, eta, problem.m)
        w_sum = np.add.reduceat(w, problem.starts)
        h = np.add.reduceat(kernel, problem.starts) - (0.5 * copies) * (v * v)
        r_sum = np.add.reduceat(r, problem.starts)
        return Modes(v, eta, w, h, r, r_sum, w_sum, copies + (tau * tau) * w_sum)

    def mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        """Conditional standard deviations of v."""
        top = self._memory.top
        if top is not None and top.modes is modes:
            found: Array = np.sqrt(self.copies / top.H)
            return found
        return np.concatenate(
            [part._mode_sds(beta, tau, modes[groups]) for groups, part in self.parts]
        )

    def _mode_sds(self, beta: Array, tau: Array, modes: Array) -> Array:
        fixed = self.problem.X @ beta + self.problem.offset
        found: Array = np.sqrt(self.copies / self._at(fixed, float(tau[0]), modes).H)
        return found

    def information(self, beta: Array, tau: Array) -> tuple[Array, Array]:
        """Information about β and τ in a normal model with weights w."""
        found, variance = self.margin(beta), float(tau[0]) ** 2
        H = self.copies + variance * found.w_sum
        by_beta = found.gram - (found.sums * (variance / H)) @ found.sums.T
        by_tau = 2.0 * variance * np.sum(self.copies * (found.w_sum / H) ** 2)
        return by_beta, np.array([by_tau])

    def margin(self, beta: Array) -> Margin:
        """Return what is known of β where every effect is zero."""
        found = [part._margin(beta) for _, part in self.parts]
        if len(found) == 1:
            return found[0]
        return Margin(
            gram=np.sum([part.gram for part in found], axis=0),
            sums=np.concatenate([part.sums for part in found], axis=1),
            r_sum=np.concatenate([part.r_sum for part in found]),
            w_sum=np.concatenate([part.w_sum for part in found]),
        )

    def _margin(self, beta: Array) -> Margin:
        problem, columns = self.problem, self._contiguous()
        eta = problem.X @ beta + problem.offset
        _, r, w = problem.family.slopes(problem.y, eta, problem.m)
        return Margin(
            gram=gram(columns, w),
            sums=sums_of_columns(columns, w, problem.starts),
            r_sum=np.add.reduceat(r, problem.starts),
            w_sum=np.add.reduceat(w, problem.starts),
        )


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
