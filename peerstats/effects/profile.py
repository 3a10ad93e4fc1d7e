"""Profile-likelihood intervals for between-group variances, where Wald intervals break down.

A variance estimated at zero has no Wald interval, a small one has an absurd one, and reading zero
as "no clustering" is the error that matters most with few sites. For the standard deviation τ of
one grouping factor let

    pl(τ) = max over β and the other standard deviations of L(β, τ, …),   D(τ) = 2 [L̂ − pl(τ)].

The interval holds every τ with D(τ) ≤ χ²_1(1 − α) (Pawitan 2001, section 9.11), zero included. At
the boundary D is a half-and-half mixture of 0 and χ²_1 (Self & Liang 1987, J Am Stat Assoc 82:605),
so an interval that starts at zero covers at least 1 − α: a little too wide, never too narrow.

Search. √D is nearly linear in τ, so a bracketed secant search on it needs about six values. Each
pl(τ) is a quasi-Newton search in a space whitened by the fit's own covariance, started from the
last optimum, and ends at a gradient of 1e-7 standard errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from peerstats.model.engines.evaluation import Likelihood
    from peerstats.model.fit import Fit

Array = NDArray[np.float64]

FIRST = 0.25  # where the search for the upper end starts when the estimate is zero
LARGEST = 16.0  # a larger standard deviation on a link scale means that there is no upper end
FAR = 1e6  # what a point outside a link's range loses; infinity would upset the line search
TIGHT = 1e-7  # gradient, in standard errors, at which a maximum counts as found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Profile:
    """The likelihood with the τ at `held` given and β and the τ in `free` searched for."""

    likelihood: Likelihood
    p: int
    held: int
    free: tuple[int, ...]
    tau: Array  # estimates, in the problem's order
    scale: Array  # whitens (β, free τ)
    best: float  # log-likelihood of the fit


@dataclass(slots=True)
class _Place:
    """Where the last search ended; only a start for the next one."""

    parameters: Array
    modes: Array = field(default_factory=lambda: np.zeros(0))


def profile_interval(fit: Fit, factor: str, alpha: float) -> tuple[float, float]:
    """Return the profile interval of a factor's variance, on the link scale squared.

    (nan, nan) for gaussian models, whose engine profiles nothing out; the upper end is inf when
    the likelihood does not fall far enough at any standard deviation up to 16.
    """
    if fit.family.has_dispersion:
        return math.nan, math.nan
    from scipy import optimize, special

    profile, place = _start(fit, factor)
    limit = math.sqrt(float(special.chdtri(1, alpha)))

    def excess(tau: float) -> float:
        return math.sqrt(max(2.0 * (profile.best - _maximum(profile, place, tau)), 0.0)) - limit

    estimate = float(profile.tau[profile.held])
    low, high = estimate, max(2.0 * estimate, FIRST)
    while excess(high) < 0.0:
        low, high = high, 2.0 * high
        if high > LARGEST:
            high = math.inf
            break
    if math.isfinite(high):
        high = float(optimize.brentq(excess, low, high, xtol=1e-9))
    lower = 0.0
    if estimate > 0.0 and excess(0.0) > 0.0:
        lower = float(optimize.brentq(excess, 0.0, estimate, xtol=1e-9))
    return lower**2, high**2


def _start(fit: Fit, factor: str) -> tuple[_Profile, _Place]:
    from peerstats.model.engines.crossed import Crossed, Crossing
    from peerstats.model.engines.onefactor import OneFactor
    from peerstats.model.engines.problem import make_problem

    problem = make_problem(fit.design, fit.family)
    names = [fit.design.formula.random[position].group for position in problem.order]
    sds = dict(zip(fit.varcorr["group"], fit.varcorr["sd"], strict=True))
    tau = np.array([float(sds[name]) for name in names])
    held = names.index(factor)
    # A second variance at zero stays there: its own slope is zero, so a search would not leave it.
    free = tuple(k for k in range(len(names)) if k != held and tau[k] > 0)
    single = len(names) == 1
    profile = _Profile(
        likelihood=OneFactor(problem=problem, nodes=fit.nodes)
        if single
        else Crossed(Crossing(problem)),
        p=len(fit.params),
        held=held,
        free=free,
        tau=tau,
        scale=_whitening(fit, [names[k] for k in free], tau[list(free)]),
        best=fit.llf,
    )
    parameters = np.r_[np.asarray(fit.params, dtype=float), tau[list(free)]]
    return profile, _Place(parameters, np.zeros(sum(problem.sizes)))


def _whitening(fit: Fit, names: list[str], sds: Array) -> Array:
    """A root of the covariance of (β, τ), from that of (β, log τ) by dτ = τ d log τ."""
    p = len(fit.params)
    groups = [random.group for random in fit.design.formula.random]
    places = [*range(p), *(p + groups.index(name) for name in names)]
    slopes = np.r_[np.ones(p), sds]
    covariance = np.asarray(fit.covariance, dtype=float)[np.ix_(places, places)]
    return np.linalg.cholesky(covariance * np.outer(slopes, slopes))


def _maximum(profile: _Profile, place: _Place, held: float) -> float:
    """Return pl(τ) for τ = `held`, starting from `place` and leaving it at the optimum."""
    from scipy import optimize

    start, modes = place.parameters, place.modes
    keep = [*range(profile.p), *(profile.p + k for k in profile.free)]

    def falling(x: Array) -> tuple[float, Array]:
        nonlocal modes
        parameters = start + profile.scale @ x
        tau = np.zeros(len(profile.tau))
        tau[list(profile.free)] = parameters[profile.p :]
        tau[profile.held] = held
        found = profile.likelihood.evaluate(parameters[: profile.p], tau, modes)
        if not found.usable:
            return FAR - profile.best, np.zeros_like(x)
        modes = found.modes
        return -found.value, -(found.gradient[keep] @ profile.scale)

    ended = optimize.minimize(
        falling, np.zeros(len(start)), jac=True, method="BFGS", options={"gtol": TIGHT}
    )
    place.parameters, place.modes = start + profile.scale @ ended.x, modes
    return -float(ended.fun)
