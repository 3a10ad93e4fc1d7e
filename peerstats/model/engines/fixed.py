"""The model without random effects on a problem's rows: start values and certificates.

Newton's method with step halving on the concave log-likelihood. When it ends at a stationary
point with a positive definite Hessian, the maximum exists and is unique, which is also a proof
that no covariate separates the outcome.

The proof does not wait for the last digit. Where d separates, the rows with a_i = |x_i'd| > 0 all
have a score r_i along d, and |r_i| >= W_i for logit and log links (W_i/12 for others, at the means
of real data). So the decrement is at least (Σ a_i r_i)² / Σ a_i² W_i >= Σ a_i W_i / max a, which is
no less than the least W of all rows: once the decrement is a hundredth of that, nothing separates.
A mixed model, which needs no more than a start, stops there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from peerstats.model.design import Design
from peerstats.model.engines.blocks import Blocks
from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.newton import NEAR, newton
from peerstats.model.engines.onefactor import BLOCK
from peerstats.model.engines.optimise import Objective, Optimum, maximise, whitening
from peerstats.model.engines.penalised import Penalty
from peerstats.model.engines.problem import Problem, make_problem
from peerstats.model.families import Family

Array = NDArray[np.float64]

STEPS = 40
UNEVEN = 1e-14  # squared share that a column has of its own
WIDE = 2.0  # sd of the prior that holds parameters back that run to infinity
# Standard errors from the maximum that do for a start. Where a covariate separates the outcome, a
# step is as short as this only once means are below a millionth.
ROUGH = 1e-3
FLAT = 1e-3  # eigenvalue below which the Hessian has all but vanished on the way
CLOSE = 1e-3  # decrement at which a start is close enough
TIGHT = 1e-10  # decrement (squared length of the next step in standard errors)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FixedFit:
    """β and γ, log-likelihood with constants, the information and whether a maximum was found."""

    beta: Array
    loglik: float
    information: Array
    found: bool
    auxiliary: Array = field(default_factory=lambda: np.zeros(0))
    optimum: Optimum | None = None  # of a family with auxiliary parameters


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What checks and engines share, made once for a fit."""

    design: Design
    family: Family
    problem: Problem
    fixed: FixedFit
    penalty: Penalty | None = None


def prepare(design: Design, family: Family) -> Prepared:
    """Return the problem's arrays and the fit without random effects."""
    problem = make_problem(design, family)
    return Prepared(design=design, family=family, problem=problem, fixed=fit_fixed(problem))


def fit_fixed(problem: Problem) -> FixedFit:
    """Maximise the likelihood with every random effect at zero."""
    if problem.family.auxiliary:
        return _fit_auxiliary(replace(problem, blocks=()), ROUGH if problem.blocks else NEAR)
    beta = _start(problem)
    at = _at(problem, beta)
    found = False
    for _ in range(STEPS):
        step = _solve(at.information, at.score)
        if step is None:
            break
        decrement = float(step @ at.score)
        if problem.sizes and decrement <= CLOSE and decrement <= max(at.least / 100.0, TIGHT):
            found = True  # and close enough to start from
            break
        found = decrement <= TIGHT
        trial = _at(problem, beta + step)
        for _ in range(30):
            if trial.value >= at.value - 1e-12 * (1 + abs(at.value)):
                break
            step = 0.5 * step
            trial = _at(problem, beta + step)
        beta, at = beta + step, trial
        if found:
            break
    return FixedFit(
        beta=beta, loglik=at.value + problem.constant, information=at.information, found=found
    )


def _fit_auxiliary(problem: Problem, near: float) -> FixedFit:
    """Maximise in (β, γ), by Newton's method, or scaled by the Hessian's blocks at the start."""
    likelihood, family = Blocks(problem), problem.family
    p = likelihood.ends[0]
    assert family.auxiliary_start is not None  # noqa: S101 (comes with `auxiliary`)
    first = family.auxiliary_start(problem.y, problem.m)
    gamma = [start * (G.mean(axis=0) if G.shape[1] == 1 else np.eye(G.shape[1])[0])
             for start, G in zip(first, problem.G, strict=True)]  # fmt: skip
    start = np.concatenate([_start(problem), *gamma])
    nothing = np.zeros(0)
    plain = newton(likelihood.evaluate, start, nothing, likelihood.hessian, near)
    if plain is not None and plain.min_eigenvalue > FLAT:
        return _as_fit(plain, plain, p, found=True)
    scale = _scale(likelihood, start)
    optimum = maximise(likelihood.evaluate, start, scale, nothing, likelihood.hessian)
    # Where γ runs to infinity, what mixed models start from is held back by a wide normal prior.
    kept = optimum if optimum.reached else maximise(_held(likelihood), start, scale, nothing)
    return _as_fit(optimum, kept, p, found=optimum.reached)


def _as_fit(optimum: Optimum, kept: Optimum, p: int, *, found: bool) -> FixedFit:
    return FixedFit(
        beta=kept.parameters[:p],
        auxiliary=kept.parameters[p:],
        loglik=optimum.evaluation.value,
        information=kept.hessian,
        found=found,
        optimum=optimum,
    )


def _scale(likelihood: Blocks, start: Array) -> Array:
    """S with SS' the inverse of the information: expected of β, the Hessian of γ."""
    p = likelihood.ends[0]
    information = -likelihood.hessian(start, np.zeros(0))
    information[:p, :p] = likelihood.information(start)[0]
    information[:p, p:] = 0.0
    information[p:, :p] = 0.0
    return whitening(information)


def _held(likelihood: Blocks) -> Objective:
    """The log-likelihood and a normal prior of γ."""
    p = likelihood.ends[0]

    def evaluate(parameters: Array, modes: Array) -> Evaluation:
        found = likelihood.evaluate(parameters, modes)
        gamma = np.r_[np.zeros(p), parameters[p:]] / WIDE**2
        value = found.value - 0.5 * float(gamma @ parameters)
        return replace(found, value=value, gradient=found.gradient - gamma)

    return evaluate


def _start(problem: Problem) -> Array:
    """One step of iteratively reweighted least squares from the family's first linear predictor."""
    family, X, m = problem.family, problem.X, problem.m
    eta = family.start(problem.y, m)
    if X.shape[1] and (eta == eta[0]).all() and (X[:, 0] == X[0, 0]).all():
        beta = np.zeros(X.shape[1])
        beta[0] = eta[0] / X[0, 0] if X[0, 0] else 0.0
        return beta
    weight, weighted = m, m * (eta - problem.offset)
    if not family.auxiliary:
        _, r, w = family.slopes(problem.y, eta, m)
        if w.min() > 0.0:
            weight, weighted = w, w * (eta - problem.offset) + r
    step = _solve(_gram(X, weight), weighted @ X)
    return np.zeros(X.shape[1]) if step is None else step


def _gram(X: Array, weight: Array) -> Array:
    """X' diag(weight) X, a part of the rows at a time."""
    total = np.zeros((X.shape[1],) * 2)
    for start in range(0, len(X), BLOCK):
        part = X[start : start + BLOCK]
        total += part.T @ (part * weight[start : start + BLOCK, None])
    return total


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Log-likelihood, score and information at one β, and W of the rows, part by part."""

    value: float
    score: Array
    information: Array
    weights: tuple[Array, ...]

    @property
    def least(self) -> float:
        """The least W of a row."""
        return min(float(part.min()) for part in self.weights)


def _at(problem: Problem, beta: Array) -> _Place:
    """Look at one β, a part of the rows at a time (see `onefactor`)."""
    found = []
    for start in range(0, problem.n, BLOCK):
        rows = slice(start, start + BLOCK)
        X = problem.X[rows]
        eta = X @ beta + problem.offset[rows]
        kernel, r, w = problem.family.slopes(problem.y[rows], eta, problem.m[rows])
        found.append(_Place(float(kernel.sum()), r @ X, X.T @ (X * w[:, None]), (w,)))
    if len(found) == 1:
        return found[0]
    return _Place(
        sum(part.value for part in found),
        np.sum([part.score for part in found], axis=0),
        np.sum([part.information for part in found], axis=0),
        tuple(w for part in found for w in part.weights),
    )


def _solve(matrix: Array, vector: Array) -> Array | None:
    """Solve; None when the matrix is not clearly positive definite, whatever its units."""
    if not len(vector):
        return vector
    # LAPACK itself: scipy's wrappers take longer than the factor of a small matrix.
    factor, found, failed = lapack.dposv(matrix, vector)
    if failed or not (np.square(factor.diagonal()) > UNEVEN * matrix.diagonal()).all():
        return None
    solved: Array = found
    return solved
