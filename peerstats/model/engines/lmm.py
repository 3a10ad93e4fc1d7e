"""Linear mixed models: maximum likelihood and REML, exact.

y = Xβ + Σ_k Z_k u_k + ε, ε ~ N(0, σ²/w), u_k ~ N(0, σ² L_k L_k') level by level. With θ the entries
of the L_k, A = (Z_1 L_1, ...), u = σ L v, H = A'WA + I and V = W^-1 + A A', β and σ are known
functions of θ (Bates et al. 2015, section 3.4):

    V^-1 = W - W A H^-1 A'W,   M = X'V^-1 X,   β̂ = M^-1 X'V^-1 y,   r² = (y - Xβ̂)'V^-1(y - Xβ̂)
    ML    -2L = n (1 + log(2π r²/n)) + log|H| - Σ log w
    REML  -2L = (n-p)(1 + log(2π r²/(n-p))) + log|H| + log|M| - Σ log w

so the search is over θ alone, with the exact gradient in each L (u_i as in `blocks`; F and L'F the
sums of z_i (V^-1 X)_i over a level)

    ∂log|H| = 2 Σ_i w_i z_i u_i',   ∂r² = -2 Σ_i w_i ê_i z_i v̂',   ∂log|M| = -2 Σ F M^-1 F'L.

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
from peerstats.model.engines.components import component, effects, small_columns, transformed
from peerstats.model.engines.elimination import Eliminated
from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.fixed import Prepared
from peerstats.model.engines.general import SINGULAR
from peerstats.model.engines.optimise import Optimum, maximise
from peerstats.model.engines.problem import Block, Problem
from peerstats.model.engines.structure import Structure, check_size, knowledge, lower

Array = NDArray[np.float64]

LEAST_THETA, MOST_THETA = 0.2, 2.5  # of a first guess, for a column of length 1 a row
SECOND = 0.3  # of the first guess, for a second try
INVERTIBLE = 1e-3
NEAR_ZERO = 0.05
NO_MODES = np.zeros(0)


@dataclass(frozen=True, eq=False)
class _Linear:
    """The profiled likelihood; frequency weights count rows several times."""

    problem: Problem
    reml: bool

    @cached_property
    def structure(self) -> Structure:
        return Structure(self.problem)

    @cached_property
    def n(self) -> float:
        return float(self.problem.m.sum())

    @property
    def df(self) -> float:
        return self.n - self.problem.X.shape[1] if self.reml else self.n

    def at(self, theta: Array) -> _Profile:
        """Solve for β, σ and v at one θ."""
        problem, w = self.problem, self.problem.m
        y = problem.y - problem.offset
        L = self.structure.split(theta)
        loadings = self.structure.loadings(L)
        H = Eliminated.factor(loadings, w)
        both = np.column_stack([problem.X, y])
        inner = np.array([loadings.gather(w * c) for c in both.T]).T
        solved = H.solve(inner)
        gram = both.T @ (both * w[:, None]) - inner.T @ solved
        p = problem.X.shape[1]
        root = linalg.cholesky(gram[:p, :p], lower=True) if p else np.zeros((0, 0))
        beta = linalg.cho_solve((root, True), gram[:p, p]) if p else np.zeros(0)
        v = solved[:, p] - solved[:, :p] @ beta
        residual = y - problem.X @ beta - loadings.spread(v)
        r2 = float(w @ (residual * residual) + v @ v)
        value = -0.5 * (self.df * (1 + np.log(2 * np.pi * r2 / self.df)) + H.log_determinant)
        if self.reml:
            value -= float(np.log(np.diag(root)).sum())
        return _Profile(L, H, root, beta, v, residual, r2, value, solved[:, :p])


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    L: tuple[Array, ...]
    H: Eliminated
    root: Array  # Cholesky factor of M
    beta: Array
    v: Array
    residual: Array
    r2: float
    value: float
    solved: Array  # H^-1 A'WX


def _slopes(linear: _Linear, at: _Profile) -> tuple[Array, Array]:
    """Derivatives in θ of the log-likelihood and of r²."""
    problem, s, a = linear.problem, linear.structure, at.H.loadings
    inner = _inverse_sums(linear, at)
    weighted = problem.m * at.residual
    # V^-1 X = W (X - A H^-1 A'W X)
    moved = np.array([a.spread(column) for column in at.solved.T]).T
    vx = problem.m[:, None] * (problem.X - moved.reshape(problem.X.shape))
    slopes, by_r2 = [np.zeros(0)], [np.zeros(0)]
    for k, block in enumerate(problem.blocks):
        r2 = -2.0 * block.Z.T @ (weighted[:, None] * s.row_effects(k, at.v))
        total = linear.df * r2 / at.r2 + 2.0 * inner[k]
        if linear.reml and problem.X.shape[1]:
            sums = _level_sums(block, vx)
            part = linalg.solve_triangular(at.root, sums.reshape(-1, vx.shape[1]).T, lower=True)
            part = part.T.reshape(sums.shape[0], block.size, -1)
            total -= 2.0 * np.einsum("lpx,lqx->pq", part, part) @ at.L[k]
        slopes.append(-0.5 * total[lower(block)])
        by_r2.append(r2[lower(block)])
    return np.concatenate(slopes), np.concatenate(by_r2)


def _inverse_sums(linear: _Linear, at: _Profile) -> list[Array]:
    """Σ_i w_i z_i u_i' of each block.

    From H^-1 A'WA = I - H^-1 it is L'^-1 (levels I - Σ H^-1_jj), unless an L is nearly singular.
    """
    s, blocks = linear.structure, linear.problem.blocks
    if all(np.abs(np.diag(L)).min() > INVERTIBLE * np.abs(L).max() > 0 for L in at.L):
        pairs = zip(blocks, at.L, at.H.level_sums(), strict=True)
        return [
            linalg.solve_triangular(L.T, block.levels * np.eye(block.size) - sums)
            for block, L, sums in pairs
        ]
    first, rest = at.H.row_products()
    found = []
    for k, block in enumerate(blocks):
        inverse = s.fold(k, (first if k in s.first else rest)[:, s.spans[k]])
        found.append(block.Z.T @ (linear.problem.m[:, None] * inverse))
    return found


def _level_sums(block: Block, rows: Array) -> Array:
    """Σ share z_i row_i' of each level: (levels, effects, columns)."""
    found = np.zeros((block.levels, block.size, rows.shape[1]))
    for m, code in enumerate(block.codes.T):
        share = np.ones(len(code)) if block.shares is None else block.shares[:, m]
        for e, z in enumerate(block.Z.T):
            for x, column in enumerate(rows.T):
                weights = share * z * column
                found[:, e, x] += np.bincount(code, weights=weights, minlength=block.levels)
    return found


def fit_lmm(ready: Prepared, reml: bool) -> Solution:
    """Fit a gaussian model with any random part."""
    linear = _Linear(problem=ready.problem, reml=reml)
    check_size(linear.structure)
    start = _guess(linear)
    optimum = _search(linear, start, tuple(range(len(start))))
    retried = not optimum.reached
    if retried:
        again = _search(linear, SECOND * start, tuple(range(len(start))))
        better = again.evaluation.value > optimum.evaluation.value - 1e-9
        optimum = again if better else optimum
    theta, free, optimum = _boundary(linear, tuple(range(len(start))), optimum)
    return _solution(ready.design, linear, optimum, (theta, free, retried))


def _guess(linear: _Linear) -> Array:
    """Moment estimates of θ on the diagonals: E(Σwze)²/σ² ≈ x + θ²x², x = Σwz² of a level."""
    problem = linear.problem
    y, w = problem.y - problem.offset, problem.m
    root = np.sqrt(w)
    beta = np.linalg.lstsq(problem.X * root[:, None], y * root, rcond=None)[0]
    e = y - problem.X @ beta
    sigma2 = max(float(w @ (e * e)) / linear.n, 1e-300)
    found = [np.zeros(0)]
    for block in problem.blocks:
        code, diagonal = block.codes[:, 0], []
        for z in block.Z.T:
            sums, known = np.bincount(code, w * z * e), np.bincount(code, w * z * z)
            guess = (sums @ sums / sigma2 - known.sum()) / max(float(known @ known), 1e-300)
            length = max(float(z @ z) / len(z), 1e-300)
            low, high = LEAST_THETA**2 / length, MOST_THETA**2 / length
            diagonal.append(np.sqrt(np.clip(guess, low, high)))
        found.append(np.diag(diagonal)[lower(block)])
    return np.concatenate(found)


def _boundary(
    linear: _Linear, free: tuple[int, ...], optimum: Optimum
) -> tuple[Array, tuple[int, ...], Optimum]:
    """Compare with the fit that has the smallest column of an L at zero; keep the better."""
    theta = np.zeros(linear.structure.triangles[-1].stop)
    theta[list(free)] = optimum.parameters
    for gone, start in small_columns(linear.structure, theta, frozenset(free), NEAR_ZERO):
        rest = tuple(k for k in free if k not in gone)
        at_zero = _search(linear, start, rest)
        if at_zero.evaluation.value >= optimum.evaluation.value - 1e-9:
            return _boundary(linear, rest, at_zero)
    return theta, free, optimum


def _search(linear: _Linear, start: Array, free: tuple[int, ...]) -> Optimum:
    chosen = list(free)

    def evaluate(parameters: Array, modes: Array) -> Evaluation:
        theta = np.zeros(len(start))
        theta[chosen] = parameters
        at = linear.at(theta)
        slopes = _slopes(linear, at)[0]
        return Evaluation(value=at.value, gradient=slopes[chosen], modes=modes)

    structure, w = linear.structure, linear.problem.m
    spread = knowledge(structure, structure.split(start), w)[chosen]
    scale = np.diag(1.0 / np.sqrt(np.maximum(spread, 1.0)))
    return maximise(evaluate, start[chosen], scale, NO_MODES)


def _solution(
    design: Design, linear: _Linear, optimum: Optimum, found: tuple[Array, tuple[int, ...], bool]
) -> Solution:
    theta, free, retried = found
    at = linear.at(theta)
    sigma = float(np.sqrt(at.r2 / linear.df))
    scaled = tuple(sigma * L for L in at.L)
    parts = [component(L) for L in scaled]
    return Solution(
        beta=at.beta,
        sds=np.concatenate([part.sds for part in parts]),
        covariance=_covariance(linear, at, optimum, free),
        loglik=at.value,
        dispersion=sigma**2,
        modes=effects(design, linear.structure, scaled, (at.v / sigma, at.H.variances())),
        convergence=_convergence(optimum, singular=len(free) < len(theta), retried=retried),
        has_residual_sd=True,
        method="REML" if linear.reml else "ML",
        correlations=tuple(part.correlation for part in parts),
    )


def _covariance(linear: _Linear, at: _Profile, optimum: Optimum, free: tuple[int, ...]) -> Array:
    """Covariance of (β, log sds and atanh correlations in the formula's order, log σ).

    β is σ² M^-1. For the variances the profile over σ is undone: with s = log σ̂(θ),
    ds/dθ = ½ ∂r²/r², Var(s | θ) = 1/(2 df), and the log sds are those of LL' plus s.
    """
    p, chosen = len(at.beta), list(free)
    total = linear.structure.triangles[-1].stop
    size = p + total + 1
    found = np.full((size, size), np.nan)
    sigma2 = at.r2 / linear.df
    found[:p, :p] = sigma2 * linalg.cho_solve((at.root, True), np.eye(p)) if p else 0.0
    if not optimum.min_eigenvalue > 0:
        return found
    by_theta = np.zeros((total, total))
    by_theta[np.ix_(chosen, chosen)] = np.linalg.inv(optimum.hessian)
    ds = 0.5 * _slopes(linear, at)[1] / at.r2
    joint = np.block([[by_theta, (by_theta @ ds)[:, None]], [ds @ by_theta, np.zeros((1, 1))]])
    joint[-1, -1] = 1.0 / (2.0 * linear.df) + ds @ by_theta @ ds
    parts = [component(L) for L in at.L]
    change = linalg.block_diag(*(part.jacobian for part in parts), np.eye(1))
    change[:, -1] = np.concatenate(
        [np.arange(len(part.jacobian)) < len(part.sds) for part in parts] + [[True]]
    )
    found[p:, p:] = transformed(joint, change)
    known = ~np.isnan(np.diag(found))
    found[:p, p:][:, known[p:]] = 0.0
    found[p:, :p][known[p:]] = 0.0
    return found


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
        messages.append(SINGULAR)
    return Convergence(
        converged=optimum.reached,
        gradient=optimum.gradient,
        min_eigenvalue=optimum.min_eigenvalue,
        singular=singular,
        iterations=optimum.iterations,
        messages=tuple(messages),
    )
