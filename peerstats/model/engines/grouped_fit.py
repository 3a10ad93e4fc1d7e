"""Fitting the models of `grouped`: a step or two of scoring, then Newton's method.

The search is in the entries γ of the covariance, of columns of Z made orthonormal, where slopes far
from zero are no ridge. It has no bounds to stay within: where it meets one, a variance of zero or a
correlation of ±1, or finds no maximum at all, None is returned and `lmm` searches in L instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.engines.components import Component, described, with_residual
from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.fixed import Prepared
from peerstats.model.engines.grouped import Grouped, Moments, Place, Sums
from peerstats.model.engines.newton import newton
from peerstats.model.engines.optimise import Optimum
from peerstats.model.engines.scoring import inside

Array = NDArray[np.float64]

START = 10.0  # variance between groups over that of the mean of a group of mean size
SCORINGS = 8
NEAR = 1e-6  # standard errors from the maximum
THERE = 1e-8  # standard errors that are none
MOST_OUTSIDE = 8  # steps that leave the covariances, before the maximum counts as not inside
LEAST_SHARE = 0.1  # of a variance, left by a step that would leave none
NEAR_ZERO = 0.05  # share of a row of L, below which zero is compared
NO_MODES = np.zeros(0)
NOWHERE = Evaluation(value=-np.inf, gradient=NO_MODES, modes=NO_MODES)


def fit_grouped(ready: Prepared, reml: bool) -> Solution | None:
    """Fit a gaussian model with one grouping factor; None where another search is needed."""
    problem = ready.problem
    several = any(block.factor != 0 or block.shares is not None for block in problem.blocks)
    sums = None if several else Sums.of(problem)
    if sums is None:
        return None
    model = Grouped.of(problem, sums, reml)
    found = _Search(model).run()
    if found is None:
        return None
    optimum, at = found
    back = lapack.dtrtri(sums.turn)[0]
    parts = _parts(model, at, back, problem.n)
    return None if parts is None else _solution(ready.design, (model, at, optimum), parts, back)


@dataclass(slots=True, eq=False)
class _Search:
    model: Grouped
    last: Place | None = None  # where the likelihood was evaluated last
    outside: int = 0

    def run(self) -> tuple[Optimum, Place] | None:
        """Scoring to where the log-likelihood bends downwards, then Newton's method from there."""
        model = self.model
        gamma = (START * len(model.sums.N)) * np.trace(model.entries, axis1=1, axis2=2)
        for steps in range(SCORINGS):
            at = model.at(gamma)
            if at is None or self.outside > MOST_OUTSIDE:
                return None
            moments = model.moments(at)
            here = self._evaluation(at, moments) if steps else NOWHERE
            if here.hessian is not None and not lapack.dpotrf(-here.hessian)[1]:
                break
            target = model.scored(at, moments, gamma)
            if target is None:
                return None
            gamma = self._inside(at.gamma, target)
        start = gamma

        def objective(parameters: Array, modes: Array) -> Evaluation:
            return here if parameters is start else self._evaluate(parameters)

        optimum = newton(objective, start, NO_MODES, _never, NEAR)
        if optimum is None or not optimum.reached:
            return None
        best = self.last if optimum.gradient < THERE else model.at(optimum.parameters)
        return None if best is None else (optimum, best)

    def _evaluate(self, gamma: Array) -> Evaluation:
        """Value, gradient and Hessian in γ; nothing once the search has run into bounds."""
        at = self.model.at(gamma) if self.outside <= MOST_OUTSIDE else None
        if at is None:
            self.outside += 1
            return NOWHERE
        return self._evaluation(at, self.model.moments(at))

    def _evaluation(self, at: Place, moments: Moments) -> Evaluation:
        self.last = at
        gradient, hessian = self.model.derivatives(at, moments)
        return Evaluation(value=at.value, gradient=gradient, modes=NO_MODES, hessian=hessian)

    def _inside(self, old: Array, target: Array) -> Array:
        """The target, or where it is no covariance one nearby."""
        model = self.model
        aim = model.matrix(target)
        if not lapack.dpotrf(aim)[1]:
            return target
        self.outside += 1
        places = model.flat / model.flat.sum(axis=1)[:, None]
        found: Array = places @ inside(old, aim, LEAST_SHARE).ravel()
        return found


def _never(parameters: Array, modes: Array) -> Array:
    raise NotImplementedError("evaluations bring their Hessian")


def _parts(model: Grouped, at: Place, back: Array, n: int) -> list[Component] | None:
    """Describe the covariance of the model's own columns, `back` being T^-1 of `Sums`.

    None where a variance is near zero or a correlation near ±1: `lmm` compares with that.
    """
    covariance, changes = back @ at.gamma @ back.T, back @ model.entries @ back.T
    unit = NEAR_ZERO * sqrt(n) / model.sums.sizes
    found = []
    for span in model.sums.spans:
        root, failed = lapack.dpotrf(covariance[span, span], lower=1)
        if failed:
            return None
        part = described(covariance[span, span], changes[:, span, span])
        if (root.diagonal() < np.maximum(NEAR_ZERO * part.sds, unit[span])).any():
            return None
        found.append(part)
    return found


def _solution(
    design: Design, found: tuple[Grouped, Place, Optimum], parts: list[Component], back: Array
) -> Solution:
    model, at, optimum = found
    known, p = model.sums, len(at.change)
    sigma = sqrt(at.r2 / model.df)
    inner = back @ at.gamma
    modes = at.pull @ inner.T
    spread = sigma * np.sqrt(((inner @ at.A) * back).sum(axis=2))
    both = (modes[:, 0], spread[:, 0]) if modes.shape[1] == 1 else (modes, spread)
    return Solution(
        beta=known.beta + lapack.dtrtrs(known.triangle, at.change)[0] if p else known.beta,
        sds=sigma * np.concatenate([part.sds for part in parts]),
        covariance=_covariance(model, at, optimum, parts),
        loglik=at.value,
        dispersion=sigma**2,
        modes={design.random[0].group: both},
        convergence=Convergence(
            converged=True,
            gradient=optimum.gradient,
            min_eigenvalue=optimum.min_eigenvalue,
            iterations=optimum.iterations,
        ),
        has_residual_sd=True,
        method="REML" if model.reml else "ML",
        correlations=tuple(part.correlation for part in parts),
    )


def _covariance(model: Grouped, at: Place, optimum: Optimum, parts: list[Component]) -> Array:
    """Covariance of (β, log sds and atanh correlations in the formula's order, log σ).

    β is σ² M^-1, M = R'CC'R; ds/dγ = -½ q/r² for s = log σ̂(γ).
    """
    p = len(at.change)
    slope = -0.5 * model.pulled(at) / at.r2
    half = lapack.dtrtri(lapack.dpotrf(optimum.hessian, lower=1)[0], lower=1)[0]
    random = with_residual(half.T @ half, slope, model.df, parts)
    found = np.zeros((p + len(random),) * 2)
    found[p:, p:] = random
    if p:
        half = lapack.dtrtri(at.root[:p, :p].T @ model.sums.triangle)[0]
        found[:p, :p] = (at.r2 / model.df) * (half @ half.T)
    return found
