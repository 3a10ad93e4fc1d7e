"""Linear mixed models: maximum likelihood and REML, exact.

Models with one grouping factor and a maximum inside are fitted by `grouped_fit`. For the others the
search is over θ alone, by Newton's method on the profiled likelihood (`profiled`).

statsmodels' MixedLM fits the same model for one factor, but stops about 1e-4 short of the optimum
on common examples, and its `params` hold variances divided by σ²; the tests compare with it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.engines.components import (
    Component,
    component,
    effects,
    small_columns,
    with_residual,
)
from peerstats.model.engines.crossproducts import untriangled
from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.fixed import Prepared
from peerstats.model.engines.general import SINGULAR
from peerstats.model.engines.grouped_fit import fit_grouped
from peerstats.model.engines.optimise import Optimum, compared, maximise
from peerstats.model.engines.profiled import Linear, Profile, hessian, slopes
from peerstats.model.engines.structure import check_size, knowledge, lower
from peerstats.model.engines.turned import triangles, turned, turned_back

Array = NDArray[np.float64]

LEAST_THETA, MOST_THETA = 0.2, 2.5  # of a first guess, for a column of length 1 a row
SECOND = 0.3  # of the first guess, for a second try
NEAR_ZERO = 0.05
NO_MODES = np.zeros(0)


def fit_lmm(ready: Prepared, reml: bool) -> Solution:
    """Fit a gaussian model with any random part."""
    simple = fit_grouped(ready, reml)
    if simple is not None:
        return simple
    linear = Linear(problem=ready.problem, reml=reml)
    check_size(linear.structure)
    start = _start(linear)
    optimum = _search(linear, start, tuple(range(len(start))))
    retried = not optimum.reached
    if retried:
        again = _search(linear, SECOND * start, tuple(range(len(start))))
        better = again.evaluation.value > optimum.evaluation.value - 1e-9
        optimum = compared(again, optimum, 0) if better else compared(optimum, again, 0)
    restart = optimum.restart
    theta, free, optimum = _boundary(linear, tuple(range(len(start))), optimum)
    optimum = replace(optimum, restart=restart)
    return _solution(ready.design, linear, optimum, (theta, free, retried))


def _start(linear: Linear) -> Array:
    R = triangles(linear.problem)
    if R is None:
        return _guess(linear)
    other = Linear(problem=turned(linear.problem, R), reml=linear.reml)
    guess = _guess(other)
    found = _search(other, guess, tuple(range(len(guess))))
    return turned_back(linear.problem, R, other.structure.split(found.parameters))


def _guess(linear: Linear) -> Array:
    """Moment estimates of θ on the diagonals: E(Σwze)²/σ² ≈ x + θ²x², x = Σwz² of a level."""
    problem = linear.problem
    w = problem.m
    e = problem.y - problem.offset - problem.X @ linear.products.beta
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
    linear: Linear, free: tuple[int, ...], optimum: Optimum
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


def _search(linear: Linear, start: Array, free: tuple[int, ...]) -> Optimum:
    chosen = list(free)

    def at_free(parameters: Array) -> Profile:
        theta = np.zeros(len(start))
        theta[chosen] = parameters
        return linear.at(theta)

    def evaluate(parameters: Array, modes: Array) -> Evaluation:
        try:
            at = at_free(parameters)
        except np.linalg.LinAlgError:
            return Evaluation(value=-np.inf, gradient=np.zeros(len(chosen)), modes=modes)
        return Evaluation(value=at.value, gradient=slopes(linear, at)[0][chosen], modes=modes)

    def curvature(parameters: Array, modes: Array) -> Array:
        return hessian(linear, at_free(parameters))[np.ix_(chosen, chosen)]

    structure, w = linear.structure, linear.problem.m
    spread = knowledge(structure, structure.split(start), w)[chosen]
    scale = np.diag(1.0 / np.sqrt(np.maximum(spread, 1.0)))
    return maximise(evaluate, start[chosen], scale, NO_MODES, curvature)


def _solution(
    design: Design, linear: Linear, optimum: Optimum, found: tuple[Array, tuple[int, ...], bool]
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


def _covariance(linear: Linear, at: Profile, optimum: Optimum, free: tuple[int, ...]) -> Array:
    """Covariance of (β, log sds and atanh correlations in the formula's order, log σ).

    β is σ² M^-1; ds/dθ = ½ ∂r²/r² for s = log σ̂(θ).
    """
    p, chosen = len(at.beta), list(free)
    total = linear.structure.triangles[-1].stop
    size = p + total + 1
    found = np.full((size, size), np.nan)
    sigma2 = at.r2 / linear.df
    if p:
        half = untriangled(linear.products.triangle, linalg.inv(at.root).T)
        found[:p, :p] = sigma2 * half @ half.T
    if not optimum.min_eigenvalue > 0:
        return found
    by_theta = np.zeros((total, total))
    by_theta[np.ix_(chosen, chosen)] = np.linalg.inv(optimum.hessian)
    slope = 0.5 * slopes(linear, at)[1] / at.r2
    parts = [_widened(part, place, total) for part, place in zip(
        map(component, at.L), linear.structure.triangles, strict=True)]  # fmt: skip
    found[p:, p:] = with_residual(by_theta, slope, linear.df, parts)
    known = ~np.isnan(np.diag(found))
    found[:p, p:][:, known[p:]] = 0.0
    found[p:, :p][known[p:]] = 0.0
    return found


def _widened(part: Component, place: slice, total: int) -> Component:
    """The component with its jacobian in all of θ."""
    jacobian = np.zeros((len(part.jacobian), total))
    jacobian[:, place] = part.jacobian
    return replace(part, jacobian=jacobian)


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
        restart=optimum.restart,
        singular=singular,
        iterations=optimum.iterations,
        messages=tuple(messages),
    )
