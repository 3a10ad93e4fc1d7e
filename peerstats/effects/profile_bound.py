"""The largest between-group variance that the data do not contradict, from the profile likelihood.

A variance estimated at zero has no Wald interval, and reading it as "no clustering" is the error
that matters most with few sites. For a standard deviation τ of one grouping factor let

    pl(τ) = max over β and the other standard deviations of L(β, τ, …).

The bound is the τ_U > τ̂ with 2 [L(β̂, τ̂) − pl(τ_U)] = χ²_1(1 − α), as profile intervals are
usually cut (Pawitan 2001, section 9.11). At the boundary the likelihood ratio is a half-and-half
mixture of 0 and χ²_1 (Self & Liang 1987, J Am Stat Assoc 82:605), so [0, τ_U) covers at least
1 − α: it is a little too wide, never too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from peerstats.model.engines.evaluation import Evaluation, Likelihood
    from peerstats.model.engines.problem import Problem
    from peerstats.model.fit import Fit

Array = NDArray[np.float64]

FIRST = 0.25  # where the search for τ_U starts
LARGEST = 16.0  # a larger standard deviation on a link scale means that there is no bound


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Profile:
    """The likelihood of a problem with the τ at `fixed` held and those in `free` maximised over."""

    problem: Problem
    likelihood: Likelihood
    fixed: int
    free: tuple[int, ...]
    tau: Array  # standard deviations in the problem's order

    def evaluate(self, parameters: Array, modes: Array, held: float) -> Evaluation:
        """The likelihood with its gradient in β and the free τ only."""
        from peerstats.model.engines.evaluation import Evaluation

        p = self.problem.X.shape[1]
        tau = np.zeros(len(self.problem.sizes))
        tau[list(self.free)] = parameters[p:]
        tau[self.fixed] = held
        found = self.likelihood.evaluate(parameters[:p], tau, modes)
        keep = [*range(p), *(p + k for k in self.free)]
        return Evaluation(value=found.value, gradient=found.gradient[keep], modes=found.modes)


def profile_upper(fit: Fit, factor: str, alpha: float) -> float:
    """Return the upper profile bound of a factor's variance, on the link scale squared.

    NaN for gaussian models and models without a likelihood engine of random intercepts; inf when
    the likelihood does not fall far enough at any standard deviation up to 16.
    """
    if fit.family.has_dispersion or factor not in fit.design.groups:
        return float("nan")
    from scipy import optimize, special

    profile, start = _profile(fit, factor)
    limit = float(special.chdtri(1, alpha))

    def excess(tau: float) -> float:
        return 2.0 * (fit.llf - _maximum(profile, start, tau)) - limit

    low = float(profile.tau[profile.fixed])
    high = max(2.0 * low, FIRST)
    while excess(high) < 0.0:
        low, high = high, 2.0 * high
        if high > LARGEST:
            return float("inf")
    return float(optimize.brentq(excess, low, high, xtol=1e-6)) ** 2


def _profile(fit: Fit, factor: str) -> tuple[_Profile, Array]:
    from peerstats.model.engines.crossed import Crossed, Crossing
    from peerstats.model.engines.onefactor import OneFactor
    from peerstats.model.engines.problem import make_problem

    problem = make_problem(fit.design, fit.family)
    names = [fit.design.formula.random[place].group for place in problem.order]
    sds = dict(zip(fit.varcorr["group"], fit.varcorr["sd"], strict=True))
    tau = np.array([float(sds[name]) for name in names])
    fixed = names.index(factor)
    # A second variance at zero stays there: its own slope is zero, so a search would not leave it.
    free = tuple(k for k in range(len(names)) if k != fixed and tau[k] > 0)
    several = len(names) > 1
    likelihood: Likelihood = (
        Crossed(Crossing(problem)) if several else OneFactor(problem=problem, nodes=fit.nodes)
    )
    profile = _Profile(problem=problem, likelihood=likelihood, fixed=fixed, free=free, tau=tau)
    start = np.r_[np.asarray(fit.params, dtype=float), tau[list(free)]]
    return profile, start


def _maximum(profile: _Profile, start: Array, held: float) -> float:
    from peerstats.model.engines.fixed import fit_fixed
    from peerstats.model.engines.optimise import maximise

    p = profile.problem.X.shape[1]
    scale = np.eye(len(start)) * 0.3
    if p:
        root = np.linalg.cholesky(fit_fixed(profile.problem).information)
        scale[:p, :p] = np.linalg.inv(root).T
    modes = np.zeros(sum(profile.problem.sizes))

    def objective(parameters: Array, at: Array) -> Evaluation:
        return profile.evaluate(parameters, at, held)

    return maximise(objective, start, scale, modes).evaluation.value
