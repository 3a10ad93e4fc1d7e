"""Models with random slopes, memberships or auxiliary parameters: the stages of one fit.

    likelihood  any random part by Laplace                            blocks.py
    start       (β, γ) from the model without random effects, θ from its residuals
    maximise    in (β, γ, θ); θ are the entries of lower triangles, so no bound is needed
    boundary    a column of a triangle near zero is also tried at zero; the better fit stays
    solution    covariance from the inverse of the full Hessian, in log sds and atanh correlations

A diagonal entry of the triangle at zero is a variance of zero or a correlation of ±1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.errors import ModelError
from peerstats.model.convergence import INCREDIBLE, RUNAWAY, Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.engines.blocks import Blocks
from peerstats.model.engines.components import component, effects, small_columns, transformed
from peerstats.model.engines.elimination import Eliminated
from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.fixed import FixedFit, Prepared
from peerstats.model.engines.newton import newton
from peerstats.model.engines.optimise import Hessian, Optimum, compared, maximise, whitening
from peerstats.model.engines.place import State
from peerstats.model.engines.scoring import entries, inside, scored
from peerstats.model.engines.structure import check_size, lower
from peerstats.model.engines.turned import triangles, turned, turned_back

Array = NDArray[np.float64]

LEAST_TAU, MOST_TAU = 0.3, 2.5  # of a first guess, for a column of length 1 a row
NEAR_ZERO = 0.1  # a smaller part of a row of L is compared with 0
MOST_EFFECTS = 3  # of a level, for quadrature
MOST_NODES = 16_000
LEAST_SHARE = 0.1  # of a first guess at a variance, left by a better one
SECOND = 0.5  # of the first guess, for a second try


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """One model on its way to the optimum; parameters outside `free` stay at zero."""

    likelihood: Blocks
    fixed: FixedFit
    free: tuple[int, ...]

    def whole(self, parameters: Array) -> Array:
        """Put the free parameters among the others."""
        found = np.zeros(self.likelihood.ends[2])
        found[list(self.free)] = parameters
        return found

    def evaluate(self, parameters: Array, modes: Array) -> Evaluation:
        """Value and gradient in the free parameters."""
        found = self.likelihood.evaluate(self.whole(parameters), modes)
        return replace(found, gradient=found.gradient[list(self.free)])

    def approach(self, parameters: Array, modes: Array) -> Evaluation:
        """The same, as exactly as a search needs it that goes on from there."""
        found = self.likelihood.approach(self.whole(parameters), modes)
        return replace(found, gradient=found.gradient[list(self.free)])

    def run(self, start: Array, modes: Array | None = None, scale: Array | None = None) -> Optimum:
        """Maximise from a whole vector; `scale` is of the free parameters."""
        places = list(self.free)
        modes = np.zeros(self.likelihood.structure.q) if modes is None else modes
        hessian = self.hessian
        found = None if hessian is None else newton(self.approach, start[places], modes, hessian)
        if found is not None and found.reached:
            return self._settled(found)
        scale = self._scale(start) if scale is None else scale
        return maximise(self.evaluate, start[places], scale, modes, hessian)

    def _settled(self, found: Optimum) -> Optimum:
        """The optimum with modes as exact as others, where those on the way were not."""
        if self.likelihood.settled:
            return found
        return replace(found, evaluation=self.evaluate(found.parameters, found.evaluation.modes))

    @property
    def hessian(self) -> Hessian | None:
        """The exact Hessian in the free parameters, where there is a formula for it."""
        if not self.likelihood.knows_hessian:
            return None
        free = np.ix_(self.free, self.free)

        def part(parameters: Array, modes: Array) -> Array:
            return self.likelihood.hessian(self.whole(parameters), modes)[free]

        return part

    def _scale(self, start: Array) -> Array:
        """S with SS' the inverse of the information to be expected."""
        p, k, total = self.likelihood.ends
        by_beta, by_theta = self.likelihood.information(start)
        information = np.zeros((total, total))
        information[:k, :k] = self.fixed.information
        if k == p:
            information[:p, :p] = by_beta
        squares = [np.mean(b.Z**2, axis=0)[lower(b)[0]] for b in self.likelihood.problem.blocks]
        least = np.concatenate([np.zeros(0), *squares])  # one for a column of length 1 a row
        information[range(k, total), range(k, total)] = np.maximum(by_theta, least)
        kept = information[np.ix_(self.free, self.free)]
        return whitening(kept)


def fit_general(ready: Prepared, nodes: int = 1) -> Solution:
    """Fit by Laplace's approximation, or by quadrature, which starts where Laplace ends.

    Raises ModelError for quadrature over more than three effects or several memberships.
    """
    likelihood = Blocks(ready.problem)
    check_size(likelihood.structure)
    everything = tuple(range(likelihood.ends[2]))
    search = Search(likelihood=likelihood, fixed=ready.fixed, free=everything)
    if nodes > 1:
        _check_quadrature(search, nodes)
    optimum, retried = _with_second_try(search)
    restart = optimum.restart
    if nodes > 1:
        finer = replace(likelihood, nodes=nodes)
        search = replace(search, likelihood=finer)
        start = optimum.parameters
        scale = whitening(optimum.hessian) if optimum.min_eigenvalue > 0 else None
        optimum = search.run(start, optimum.evaluation.modes, scale)
    search, optimum = boundary(search, optimum)
    retried = retried and search.free == everything
    optimum = replace(optimum, restart=restart)
    return _solution(ready.design, search, optimum, retried)


def _check_quadrature(search: Search, nodes: int) -> None:
    s = search.likelihood.structure
    if s.rest_size or s.width > MOST_EFFECTS or nodes**s.width > MOST_NODES:
        raise ModelError(
            f"Adaptive quadrature with {nodes} nodes is for one grouping factor with up to "
            f"{MOST_EFFECTS} effects and {MOST_NODES} nodes in all; use method='laplace' or fewer "
            "nodes."
        )


def fit_ml(ready: Prepared) -> Solution:
    """Fit a family with auxiliary parameters and no random part by maximum likelihood."""
    likelihood = Blocks(ready.problem)
    optimum = ready.fixed.optimum
    assert optimum is not None  # noqa: S101 (found when the arrays were prepared)
    free = tuple(range(likelihood.ends[2]))
    search = Search(likelihood=likelihood, fixed=ready.fixed, free=free)
    return _solution(ready.design, search, optimum, retried=False)


def _with_second_try(search: Search) -> tuple[Optimum, bool]:
    start = _start(search)
    k = search.likelihood.ends[1]
    first = search.run(start)
    sound = first.reached and not _incredible(search, first)
    if sound or k == len(start):
        return first, False
    second = search.run(np.r_[start[:k], SECOND * start[k:]])
    better = second.evaluation.value > first.evaluation.value + 1e-6
    if better or (second.reached and not first.reached):
        return compared(second, first, k), True
    return compared(first, second, k), not first.reached


def _incredible(search: Search, optimum: Optimum) -> bool:
    """Tell whether effects spread η by more than any risks do, whatever the unit of a slope."""
    problem = search.likelihood.problem
    if problem.family.latent_variance is None:
        return False
    L = search.likelihood.place(search.whole(optimum.parameters)).L
    spread = [
        np.square(b.Z @ part).sum() / len(b.Z) for b, part in zip(problem.blocks, L, strict=True)
    ]
    return bool(max(spread, default=0.0) > INCREDIBLE**2)


def _start(search: Search) -> Array:
    problem = search.likelihood.problem
    R = triangles(problem)
    if R is None:
        return first_guess(search)
    likelihood = Blocks(turned(problem, R))
    other = replace(search, likelihood=likelihood)
    found = other.run(first_guess(other)).parameters
    k = likelihood.ends[1]
    return np.r_[found[:k], turned_back(problem, R, likelihood.structure.split(found[k:]))]


def first_guess(search: Search) -> Array:
    """Moment estimates effect by effect: E(Σzr)² ≈ w + τ²w² with w = Σz²W of a level.

    From there a step of scoring finds covariances, where there is one block of effects. (Several
    may have a maximum each, which effects taken one by one are a fairer start for.)
    """
    likelihood, problem = search.likelihood, search.likelihood.problem
    _, k, total = likelihood.ends
    start = np.zeros(total)
    start[:k] = np.r_[search.fixed.beta, search.fixed.auxiliary]
    at = likelihood.at(likelihood.place(start), np.zeros(likelihood.structure.q))
    diagonals = []
    for block in problem.blocks:
        L = np.zeros((block.size, block.size))
        for e, z in enumerate(block.Z.T):
            code, w = block.codes[:, 0], np.maximum(at.w, 1e-12)
            r_sum, w_sum = np.bincount(code, z * at.r), np.bincount(code, z * z * w)
            guess = (r_sum @ r_sum - w_sum.sum()) / max(float(w_sum @ w_sum), 1e-300)
            length = max(float(z @ z) / len(z), 1e-300)
            low, high = LEAST_TAU**2 / length, MOST_TAU**2 / length
            L[e, e] = np.sqrt(np.clip(guess, low, high))
        diagonals.append(L)
    if likelihood.knows_hessian and len(diagonals) == 1:
        return _scored(likelihood, start, at, diagonals[0])
    parts = zip(diagonals, problem.blocks, strict=True)
    return np.concatenate([start[:k], *(L[lower(block)] for L, block in parts)])


def _scored(likelihood: Blocks, start: Array, at: State, L: Array) -> Array:
    """A step of scoring from LL' at fixed β, grown to the scale that β has given the effects.

    Without effects β is on the scale of a latent variable of variance σ² + z'Γz, σ² of which is its
    own: Γ' = Γ/(1 - z'Γz/σ²) and β' = β √(1 + z'Γ'z/σ²), for the mean z'Γz of rows.
    """
    levels, problem, (p, k, _) = likelihood.levels, likelihood.problem, likelihood.ends
    old = L @ L.T
    N = levels.squares(np.maximum(at.w, 0.0))
    target = scored(N, levels.sums(at.r), old, entries((len(L),)))
    gamma = old if target is None else inside(old, target, LEAST_SHARE)
    spread = float(levels.forms(gamma[None]).mean()) if len(gamma) else 0.0
    if spread > MOST_TAU**2:
        gamma, spread = gamma * MOST_TAU**2 / spread, MOST_TAU**2
    latent = problem.family.latent_variance
    if latent is not None:
        growth = min(1.0 / max(1.0 - spread / latent, 1e-3), MOST_TAU**2 / max(spread, 1e-300))
        gamma, spread = gamma * growth, spread * growth
        start[:p] *= np.sqrt(1.0 + spread / latent)
    start[k:] = np.linalg.cholesky(gamma)[levels.entries]
    return start


def boundary(search: Search, optimum: Optimum) -> tuple[Search, Optimum]:
    """Compare with the fit that has the smallest column of a triangle at zero; keep the better."""
    k, whole = search.likelihood.ends[1], search.whole(optimum.parameters)
    free = frozenset(i - k for i in search.free if i >= k)
    for columns, theta in small_columns(search.likelihood.structure, whole[k:], free, NEAR_ZERO):
        gone = {k + i for i in columns}
        reduced = replace(search, free=tuple(i for i in search.free if i not in gone))
        at_zero = reduced.run(np.r_[whole[:k], theta], optimum.evaluation.modes)
        if at_zero.evaluation.value >= optimum.evaluation.value - 1e-6:
            return boundary(reduced, at_zero)
    return search, optimum


def _solution(design: Design, search: Search, optimum: Optimum, retried: bool) -> Solution:
    likelihood = search.likelihood
    p, k, _ = likelihood.ends
    whole = search.whole(optimum.parameters)
    place = likelihood.place(whole)
    at = likelihood.at(place, optimum.evaluation.modes)
    parts = [component(L) for L in place.L]
    variances = Eliminated.factor(place.loadings, at.w).variances() if parts else []
    return Solution(
        beta=whole[:p],
        sds=np.concatenate([np.zeros(0), *(part.sds for part in parts)]),
        covariance=_covariance(search, optimum, [part.jacobian for part in parts]),
        loglik=optimum.evaluation.value,
        dispersion=1.0,
        modes=effects(design, likelihood.structure, place.L, (at.v, variances)),
        convergence=_convergence(search, optimum, retried),
        correlations=tuple(part.correlation for part in parts),
        auxiliary=whole[p:k],
    )


def _covariance(search: Search, optimum: Optimum, jacobians: list[Array]) -> Array:
    """Covariance of (β, γ, log sds and atanh correlations); nan where there is none."""
    _, k, total = search.likelihood.ends
    if not optimum.min_eigenvalue > 0:  # no maximum, so no standard errors
        return np.full((total, total), np.nan)
    covariance = np.zeros((total, total))
    covariance[np.ix_(search.free, search.free)] = np.linalg.inv(optimum.hessian)
    return transformed(covariance, linalg.block_diag(np.eye(k), *jacobians))


def _convergence(search: Search, optimum: Optimum, retried: bool) -> Convergence:
    singular = len(search.free) < search.likelihood.ends[2]
    messages = []
    if retried:
        messages.append("The first search did not end at a good maximum; a second start was used.")
    if not optimum.reached:
        messages.append(
            "The likelihood has no maximum here that the search could reach "
            f"(gradient {optimum.gradient:.1g} standard errors, smallest curvature "
            f"{optimum.min_eigenvalue:.1g}): do not use these numbers; merge rare levels, leave "
            "out a covariate or a random term, or rescale covariates."
        )
    if singular:
        messages.append(SINGULAR)
    runaway = _incredible(search, optimum)
    if runaway:
        messages.append(RUNAWAY)
    return Convergence(
        converged=optimum.reached and not runaway,
        gradient=optimum.gradient,
        min_eigenvalue=optimum.min_eigenvalue,
        restart=optimum.restart,
        singular=singular,
        iterations=optimum.iterations,
        messages=tuple(messages),
    )


SINGULAR = (
    "A variance between groups is estimated as zero, or a correlation of random effects as 1 or -1 "
    "(singular fit): the data show no more variation between groups than that, which with few "
    "groups does not mean that there is none."
)
