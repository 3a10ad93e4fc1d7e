"""Generalised linear mixed models with random intercepts: the stages of one fit.

    problem     rows sorted, collapsed; groups with equal rows made one  problem.py, alike.py
    likelihood  one factor (Laplace or quadrature) or several (Laplace)  likelihood.py
    start       from the model without random effects                    start.py
    maximise    in (β, τ); the likelihood is even in each τ, so τ needs no bound
                                                                         optimise.py
    boundary    a τ near 0 is also tried at exactly 0; the better one stays
    solution    covariance from the inverse of the full Hessian in (β, log τ)

Leaving τ out of the Hessian would make the standard errors of β too small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerstats.model.convergence import INCREDIBLE, RUNAWAY, Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.engines.alike import Alike, alike_groups
from peerstats.model.engines.evaluation import Evaluation, Likelihood
from peerstats.model.engines.fixed import FixedFit, Prepared
from peerstats.model.engines.likelihood import hessian_of, likelihood_of
from peerstats.model.engines.newton import newton
from peerstats.model.engines.onefactor import OneFactor
from peerstats.model.engines.optimise import Hessian, Optimum, compared, maximise
from peerstats.model.engines.penalised import Penalised
from peerstats.model.engines.problem import Problem
from peerstats.model.engines.start import one_factor_start, several_start

Array = NDArray[np.float64]
Evaluate = Callable[[Array, Array, Array], Evaluation]  # (β, τ, modes)

SECOND_TAU = 1.6
NEAR_ZERO = 0.1  # a smaller τ is compared with 0
FINER = 7  # nodes that check Laplace; quadrature is checked by twice its own
PARTS = 20  # of many rows about so many parts are checked
COARSE = 0.1  # standard errors that an estimate may move before it is said


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Search:
    """One model on its way to the optimum; τ outside `free` stays at zero."""

    problem: Problem
    likelihood: Likelihood
    fixed: FixedFit
    free: tuple[int, ...]
    exact: bool = True  # use the exact Hessian where there is one

    @property
    def p(self) -> int:
        return self.problem.X.shape[1]

    def split(self, parameters: Array) -> tuple[Array, Array]:
        if len(self.free) == len(self.problem.sizes):
            return parameters[: self.p], parameters[self.p :]
        tau = np.zeros(len(self.problem.sizes))
        tau[list(self.free)] = parameters[self.p :]
        return parameters[: self.p], tau

    def evaluate(self, parameters: Array, modes: Array) -> Evaluation:
        return self._part(self.likelihood.evaluate, parameters, modes)

    def approach(self, parameters: Array, modes: Array) -> Evaluation:
        """The same, as exactly as a search needs it that goes on from there."""
        model = self.likelihood
        evaluate = model.approach if isinstance(model, OneFactor) else model.evaluate
        return self._part(evaluate, parameters, modes)

    def _part(self, evaluate: Evaluate, parameters: Array, modes: Array) -> Evaluation:
        beta, tau = self.split(parameters)
        found = evaluate(beta, tau, modes)
        if len(self.free) == len(tau):
            return found
        gradient = found.gradient[self.places]
        return Evaluation(value=found.value, gradient=gradient, modes=found.modes)

    @property
    def places(self) -> list[int]:
        """Of the free parameters among (β, τ)."""
        return [*range(self.p), *(self.p + k for k in self.free)]

    @property
    def hessian(self) -> Hessian | None:
        """The exact Hessian in the free parameters, where the likelihood has one."""
        whole, places = hessian_of(self.likelihood) if self.exact else None, self.places
        if whole is None:
            return None
        if len(self.free) == len(self.problem.sizes):
            return lambda parameters, modes: whole(*self.split(parameters), modes)

        def part(parameters: Array, modes: Array) -> Array:
            return whole(*self.split(parameters), modes)[np.ix_(places, places)]

        return part

    def run(self, beta: Array, tau: float | Array, modes: Array | None = None) -> Optimum:
        first = np.broadcast_to(np.asarray(tau, dtype=np.float64), (len(self.free),))
        effects = np.zeros(sum(self.problem.sizes)) if modes is None else modes
        hessian, start = self.hessian, np.concatenate([beta, first])
        found = None if hessian is None else newton(self.approach, start, effects, hessian)
        if found is not None and found.reached:
            return found
        return maximise(self.evaluate, start, self._scale(beta, first), effects, hessian)

    def refine(self, found: Optimum) -> Optimum:
        """Search from an optimum of a similar likelihood, scaled by its Hessian."""
        modes, hessian = found.evaluation.modes, self.hessian
        if hessian is not None:
            near = newton(self.approach, found.parameters, modes, hessian)
            if near is not None and near.reached:
                return near
        root = np.linalg.cholesky(np.linalg.inv(found.hessian))
        return maximise(self.evaluate, found.parameters, root, modes, self.hessian)

    def _scale(self, beta: Array, first: Array) -> Array:
        """S with SS' the inverse of the information about (β, τ) to be expected."""
        by_beta, by_tau = self.likelihood.information(beta, self.split(np.r_[beta, first])[1])
        scale = np.zeros((self.p + len(self.free),) * 2)
        if self.p:
            scale[: self.p, : self.p] = np.linalg.inv(np.linalg.cholesky(by_beta)).T
        spread = np.sqrt(np.maximum(by_tau[list(self.free)], 1.0))
        places = range(self.p, len(scale))
        scale[places, places] = 1.0 / spread
        return scale


def fit_glmm(ready: Prepared, nodes: int) -> Solution:
    """Fit by Laplace (nodes = 1) or adaptive Gauss-Hermite quadrature.

    The design must have random intercepts only; `peerstats.model.engines` checks that first.
    """
    alike = alike_groups(ready.problem) if nodes == 1 else None
    problem = ready.problem if alike is None else alike.problem
    likelihood = likelihood_of(problem, nodes, None if alike is None else alike.copies)
    if ready.penalty is not None:
        likelihood = Penalised(likelihood=likelihood, penalty=ready.penalty)
    everything = tuple(range(len(problem.sizes)))
    search = _Search(problem=problem, likelihood=likelihood, fixed=ready.fixed, free=everything)
    optimum, retried = _with_second_try(search)
    restart = optimum.restart
    search, optimum = _boundary(search, optimum)
    optimum = replace(optimum, restart=restart)
    return _solution(ready.design, search, optimum, retried, alike)


def _with_second_try(search: _Search) -> tuple[Optimum, bool]:
    first = _first_try(search)
    runaway = _incredible(search, first)
    if first.reached and not runaway:
        return first, False
    # Another method too: where Newton's long steps lost their way, BFGS may keep to it.
    second = replace(search, exact=False).run(0.5 * search.fixed.beta, SECOND_TAU)
    # A variance that ran off may have passed a better maximum on its way.
    margin = 1e-6 if runaway else -1e-6
    better = second.evaluation.value > first.evaluation.value + margin
    if better and (second.reached or not first.reached):
        return compared(second, first, search.p), True
    return compared(first, second, search.p), not first.reached


def _incredible(search: _Search, optimum: Optimum) -> bool:
    tau = np.abs(search.split(optimum.parameters)[1]).max(initial=0.0)
    return bool(search.problem.family.latent_variance is not None and tau > INCREDIBLE)


def _guess(search: _Search) -> tuple[Array, Array, Array | None]:
    """β and τ to start from, and the modes of a single factor."""
    likelihood, beta = search.likelihood, search.fixed.beta
    if isinstance(likelihood, Penalised):
        likelihood = likelihood.likelihood
    if isinstance(likelihood, OneFactor):
        return one_factor_start(likelihood, beta)
    return *several_start(search.problem, beta), None


def _first_try(search: _Search) -> Optimum:
    """Quadrature costs as many times more as it has nodes, so Laplace finds its start."""
    beta, tau, modes = _guess(search)
    likelihood = search.likelihood
    if isinstance(likelihood, OneFactor) and likelihood.nodes > 1:
        cheap = replace(search, likelihood=replace(likelihood, nodes=1))
        found = cheap.run(beta, tau, modes)
        if found.reached:
            return search.refine(found)
    return search.run(beta, tau, modes)


def _boundary(search: _Search, optimum: Optimum) -> tuple[_Search, Optimum]:
    """Compare with the fit that has the small τ at zero and keep the better."""
    beta, tau = search.split(optimum.parameters)
    small = [k for k in search.free if abs(tau[k]) < NEAR_ZERO]
    if not small:
        return search, optimum
    free = tuple(k for k in search.free if k not in small)
    reduced = replace(search, free=free)
    modes = optimum.evaluation.modes
    at_zero = reduced.run(beta, tau[list(free)], modes)
    if at_zero.evaluation.value >= optimum.evaluation.value - 1e-7:
        return reduced, at_zero
    if optimum.reached or len(small) == 1:
        return search, optimum
    # Several small variances, not all of them zero: take the smallest out and look again.
    least = min(small, key=lambda k: abs(tau[k]))
    free = tuple(k for k in search.free if k != least)
    reduced = replace(search, free=free)
    return _boundary(reduced, reduced.run(beta, tau[list(free)], modes))


def _solution(
    design: Design, search: _Search, optimum: Optimum, retried: bool, alike: Alike | None
) -> Solution:
    problem, sizes = search.problem, search.problem.sizes
    beta, tau = search.split(optimum.parameters)
    modes = optimum.evaluation.modes
    spread = search.likelihood.mode_sds(beta, tau, modes)
    if alike is not None:
        modes, spread, sizes = modes[alike.kind], spread[alike.kind], (len(alike.kind),)
    inverse: Array | None = None  # no maximum, no standard errors
    if optimum.min_eigenvalue > 0:
        inverse = np.asarray(np.linalg.inv(optimum.hessian), dtype=np.float64)
    ends = np.cumsum((0, *sizes))
    groups = [r.group for r in design.formula.random]
    found = {}
    sds = np.zeros(len(tau))
    for k, place in enumerate(problem.order):
        block = slice(ends[k], ends[k + 1])
        found[groups[place]] = (tau[k] * modes[block], abs(tau[k]) * spread[block])
        sds[place] = abs(tau[k])
    return Solution(
        beta=beta,
        sds=sds,
        covariance=_covariance(search, inverse, tau),
        loglik=optimum.evaluation.value,
        dispersion=1.0,
        modes={name: found[name] for name in groups},
        convergence=_convergence(search, optimum, inverse, retried),
    )


def _covariance(search: _Search, inverse: Array | None, tau: Array) -> Array:
    """Covariance of (β, log sd) in the formula's order from that of (β, τ); nan where none is."""
    p, order = search.p, search.problem.order
    total = np.full((p + len(order),) * 2, np.nan)
    if inverse is None:
        return total
    jacobian = np.ones(p + len(search.free))
    jacobian[p:] = 1.0 / tau[list(search.free)]  # d log τ = dτ / τ
    found: Array = inverse * jacobian * jacobian[:, None]
    if len(order) == len(search.free) == 1:
        return found
    places = [*range(p), *(p + order[k] for k in search.free)]
    total[np.ix_(places, places)] = found
    return total


def _coarseness(search: _Search, optimum: Optimum, inverse: Array | None) -> tuple[str, ...]:
    """Say so when more nodes would move an estimate: one Newton step with the finer gradient."""
    likelihood = search.likelihood
    if not isinstance(likelihood, OneFactor) or not search.free:
        return ()
    if inverse is None or not optimum.reached:
        return ()
    laplace = likelihood.nodes == 1
    nodes = FINER if laplace else 2 * likelihood.nodes + 1
    place = (*search.split(optimum.parameters), optimum.evaluation.modes)
    step = 1 + len(likelihood.parts) // PARTS
    gradient = likelihood.slope(*place, nodes, step)
    if step > 1:  # a part alone has a gradient by any method
        gradient -= likelihood.slope(*place, likelihood.nodes, step)
    gradient = gradient[search.places]
    shift = float(np.abs(inverse @ gradient / np.sqrt(inverse.diagonal())).max())
    if shift < COARSE:
        return ()
    name, advice = f"Quadrature with {likelihood.nodes} nodes", "more nodes"
    if laplace:
        name, advice = "Laplace's approximation", "method='agq'"
    return (
        f"{name} is coarse for these data: a finer one would move an estimate by about "
        f"{shift:.1f} standard errors. Use {advice}.",
    )


def _convergence(
    search: _Search, optimum: Optimum, inverse: Array | None, retried: bool
) -> Convergence:
    singular = len(search.free) < len(search.problem.sizes)
    messages = []
    if retried:
        messages.append("The first search did not end at a maximum; a second start was used.")
    if not optimum.reached:
        messages.append(
            "The likelihood has no maximum here that the search could reach "
            f"(gradient {optimum.gradient:.1g} standard errors, smallest curvature "
            f"{optimum.min_eigenvalue:.1g}): do not use these numbers; merge rare levels, leave "
            "out a covariate or a random term, or rescale covariates."
        )
    if singular:
        messages.append(
            "A variance between groups is estimated as zero (singular fit): the data show no "
            "more variation between groups than chance would give, which with few groups does "
            "not mean that there is none."
        )
    runaway = _incredible(search, optimum)
    if runaway:
        messages.append(RUNAWAY)
    messages += _coarseness(search, optimum, inverse)
    return Convergence(
        converged=optimum.reached and not runaway,
        gradient=optimum.gradient,
        min_eigenvalue=optimum.min_eigenvalue,
        restart=optimum.restart,
        singular=singular,
        iterations=optimum.iterations,
        messages=tuple(messages),
    )
