"""Linear mixed models with random intercepts: maximum likelihood and REML, exact.

y = Xβ + Σ_k σ_k Z_k v_k + ε, ε ~ N(0, σ²/w). With θ_k = σ_k/σ, A = (θ_1 Z_1, ...), H = A'WA + I and
V = W^-1 + A A', β and σ are known functions of θ (Bates et al. 2015, section 3.4):

    V^-1 = W - W A H^-1 A'W,   M = X'V^-1 X,   β̂ = M^-1 X'V^-1 y,   r² = (y - Xβ̂)'V^-1(y - Xβ̂)
    ML    -2L = n (1 + log(2π r²/n)) + log|H| - Σ log w
    REML  -2L = (n-p)(1 + log(2π r²/(n-p))) + log|H| + log|M| - Σ log w

so the search is over θ alone, with the exact gradient

    ∂log|H| = 2 Σ_i w_i [A H^-1 Z_k']_ii,   ∂r² = -2 ê'W Z_k v̂,
    ∂log|M| = -2 θ_k tr(M^-1 (Z_k'V^-1X)'(Z_k'V^-1X)).

statsmodels' MixedLM fits the same model for one factor, but stops about 1e-4 short of the optimum
on common examples, and its `params` hold variances divided by σ²; the tests compare with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.engines.crossed import Blocks, Crossing
from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.fixed import Prepared
from peerstats.model.engines.optimise import Optimum, maximise
from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]

FIRST_THETA = 0.8
NEAR_ZERO = 0.05
NO_MODES = np.zeros(0)


@dataclass(frozen=True, eq=False)
class _Linear:
    """The profiled likelihood; frequency weights count rows several times."""

    problem: Problem
    reml: bool

    @cached_property
    def crossing(self) -> Crossing:
        return Crossing(self.problem)

    @cached_property
    def n(self) -> float:
        return float(self.problem.m.sum())

    @property
    def df(self) -> float:
        return self.n - self.problem.X.shape[1] if self.reml else self.n

    def at(self, theta: Array) -> _Profile:
        """Solve for β, σ and v at one θ."""
        problem, crossing = self.problem, self.crossing
        y = problem.y - problem.offset
        w, scales = problem.m, crossing.scales(theta)
        blocks = Blocks.factor(crossing, theta, w)
        both = np.column_stack([problem.X, y])
        inner = scales[:, None] * np.array([crossing.gather(w * c) for c in both.T]).T
        solved = blocks.solve(inner)
        gram = both.T @ (both * w[:, None]) - inner.T @ solved
        p = problem.X.shape[1]
        root = linalg.cholesky(gram[:p, :p], lower=True) if p else np.zeros((0, 0))
        beta = linalg.cho_solve((root, True), gram[:p, p]) if p else np.zeros(0)
        v = solved[:, p] - solved[:, :p] @ beta
        residual = y - problem.X @ beta - crossing.spread(theta, v)
        r2 = float(w @ (residual * residual) + v @ v)
        value = -0.5 * (self.df * (1 + np.log(2 * np.pi * r2 / self.df)) + blocks.log_determinant)
        if self.reml:
            value -= float(np.log(np.diag(root)).sum())
        return _Profile(theta, blocks, root, beta, v, residual, r2, value, solved[:, :p])


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    theta: Array
    blocks: Blocks
    root: Array  # Cholesky factor of M
    beta: Array
    v: Array
    residual: Array
    r2: float
    value: float
    solved: Array  # H^-1 A'WX


def _slopes(linear: _Linear, at: _Profile) -> tuple[Array, Array]:
    """Derivatives in θ of the log-likelihood and of r²."""
    problem, crossing = linear.problem, linear.crossing
    products = at.blocks.row_products()
    weighted = problem.m * at.residual
    # V^-1 X = W (X - A H^-1 A'W X)
    moved = np.array([crossing.spread(at.theta, column) for column in at.solved.T]).T
    vx = problem.m[:, None] * (problem.X - moved.reshape(problem.X.shape))
    gathered = np.array([crossing.gather(c) for c in vx.T]).T.reshape(len(at.v), -1)
    slopes, by_r2 = [], []
    for k, (code, block) in enumerate(zip(problem.codes, crossing.blocks, strict=True)):
        r2 = -2.0 * float(weighted @ at.v[block][code])
        total = linear.df * r2 / at.r2 + 2.0 * float(problem.m @ products[k])
        if linear.reml and problem.X.shape[1]:
            part = linalg.solve_triangular(at.root, gathered[block].T, lower=True)
            total -= 2.0 * at.theta[k] * float((part * part).sum())
        slopes.append(-0.5 * total)
        by_r2.append(r2)
    return np.array(slopes), np.array(by_r2)


def fit_lmm(ready: Prepared, reml: bool) -> Solution:
    """Fit a gaussian model with random intercepts of any nesting or crossing."""
    linear = _Linear(problem=ready.problem, reml=reml)
    factors = len(linear.problem.sizes)
    optimum = _search(linear, np.full(factors, FIRST_THETA), tuple(range(factors)))
    retried = not optimum.reached
    if retried:
        optimum = _search(linear, np.full(factors, 0.2), tuple(range(factors)))
    theta = np.abs(optimum.parameters)
    small = tuple(k for k in range(factors) if theta[k] < NEAR_ZERO)
    free = tuple(range(factors))
    if small:
        rest = tuple(k for k in free if k not in small)
        at_zero = _search(linear, np.where(np.isin(free, small), 0.0, theta), rest)
        if at_zero.evaluation.value >= optimum.evaluation.value - 1e-9:
            theta = np.zeros(factors)
            theta[list(rest)] = np.abs(at_zero.parameters)
            optimum, free = at_zero, rest
    return _solution(ready.design, linear, optimum, (theta, free, retried))


def _search(linear: _Linear, start: Array, free: tuple[int, ...]) -> Optimum:
    chosen = list(free)

    def evaluate(parameters: Array, modes: Array) -> Evaluation:
        theta = np.zeros(len(start))
        theta[chosen] = parameters
        at = linear.at(theta)
        slopes = _slopes(linear, at)[0]
        return Evaluation(value=at.value, gradient=slopes[chosen], modes=modes)

    crossing, weights = linear.crossing, linear.problem.m
    sums, scales = crossing.gather(weights), crossing.scales(start)
    effects = 2.0 * (scales * sums / (1.0 + scales**2 * sums)) ** 2
    spread = np.array([effects[block].sum() for block in crossing.blocks])[chosen]
    scale = np.diag(1.0 / np.sqrt(np.maximum(spread, 1.0)))
    return maximise(evaluate, start[chosen], scale, NO_MODES)


def _solution(
    design: Design, linear: _Linear, optimum: Optimum, found: tuple[Array, tuple[int, ...], bool]
) -> Solution:
    theta, free, retried = found
    problem, crossing = linear.problem, linear.crossing
    at = linear.at(theta)
    sigma = float(np.sqrt(at.r2 / linear.df))
    spread = sigma * crossing.scales(theta) * np.sqrt(at.blocks.diagonal)
    groups = [r.group for r in design.formula.random]
    modes, sds = {}, np.zeros(len(theta))
    for k, place in enumerate(problem.order):
        block = crossing.blocks[k]
        modes[groups[place]] = (theta[k] * at.v[block], spread[block])
        sds[place] = theta[k] * sigma
    return Solution(
        beta=at.beta,
        sds=sds,
        covariance=_covariance(linear, at, optimum, free),
        loglik=at.value,
        dispersion=sigma**2,
        modes={name: modes[name] for name in groups},
        convergence=_convergence(optimum, singular=len(free) < len(theta), retried=retried),
        has_residual_sd=True,
        method="REML" if linear.reml else "ML",
    )


def _covariance(linear: _Linear, at: _Profile, optimum: Optimum, free: tuple[int, ...]) -> Array:
    """Covariance of (β, log σ_k in the formula's order, log σ).

    β is σ² M^-1. For the variances the profile over σ is undone: with s = log σ̂(θ),
    ds/dθ = ½ ∂r²/r², Var(s | θ) = 1/(2 df), and log σ_k = log θ_k + s.
    """
    p, order = len(at.beta), linear.problem.order
    size = p + len(order) + 1
    total = np.full((size, size), np.nan)
    sigma2 = at.r2 / linear.df
    total[:p, :p] = sigma2 * linalg.cho_solve((at.root, True), np.eye(p)) if p else 0.0
    if not optimum.min_eigenvalue > 0:
        return total
    chosen = list(free)
    by_theta = np.linalg.inv(optimum.hessian)
    ds = 0.5 * _slopes(linear, at)[1][chosen] / at.r2
    joint = np.block([[by_theta, (by_theta @ ds)[:, None]], [ds @ by_theta, np.zeros((1, 1))]])
    joint[-1, -1] = 1.0 / (2.0 * linear.df) + ds @ by_theta @ ds
    change = np.eye(len(chosen) + 1)
    change[range(len(chosen)), range(len(chosen))] = 1.0 / at.theta[chosen]
    change[:, -1] = 1.0
    places = [*(p + order[k] for k in chosen), size - 1]
    total[np.ix_(places, places)] = change @ joint @ change.T
    total[:p, places] = 0.0
    total[np.ix_(places, range(p))] = 0.0
    return total


def _convergence(optimum: Optimum, *, singular: bool, retried: bool) -> Convergence:
    messages = []
    if retried:
        messages.append("The first search did not end at a maximum; a second start was used.")
    if not optimum.reached:
        messages.append(
            "The variances have no maximum that the search could reach: do not use these "
            "numbers; leave out a random term or rescale the outcome."
        )
    if singular:
        messages.append(
            "A variance between groups is estimated as zero (singular fit): the data show no "
            "more variation between groups than chance would give, which with few groups does "
            "not mean that there is none."
        )
    return Convergence(
        converged=optimum.reached,
        gradient=optimum.gradient,
        min_eigenvalue=optimum.min_eigenvalue,
        singular=singular,
        iterations=optimum.iterations,
        messages=tuple(messages),
    )
