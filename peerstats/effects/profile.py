"""Profile-likelihood intervals for between-group variances, where Wald intervals break down.

A variance estimated at zero has no Wald interval, a small one has an absurd one, and reading zero
as "no clustering" is the error that matters most with few sites. For the standard deviation τ of
one grouping factor let

    pl(τ) = max over β and the other standard deviations of L(β, τ, …),   D(τ) = 2 [L̂ − pl(τ)].

The interval holds every τ with D(τ) ≤ χ²_1(1 − α) (Pawitan 2001, section 9.11), zero included. At
the boundary D is a half-and-half mixture of 0 and χ²_1 (Self & Liang 1987, J Am Stat Assoc 82:605),
so an interval that starts at zero covers at least 1 − α: a little too wide, never too narrow.

Search. √D is nearly linear in τ and its slope -pl'(τ)/√D comes with each value, so a bracketed
Newton search on √D needs about four values. Each
pl(τ) is the fit's own search (`optimise.highest`) in a space whitened by the fit's covariance,
started from the last optimum and its modes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from peerstats.model.engines.evaluation import Evaluation, Likelihood
    from peerstats.model.engines.likelihood import HessianOf
    from peerstats.model.engines.optimise import Hessian
    from peerstats.model.fit import Fit

Array = NDArray[np.float64]
Excess = Callable[[float], tuple[float, float]]  # τ -> √D(τ) - its limit, and the slope

FIRST = 0.25  # where the search for the upper end starts when the estimate is zero
MOST_STEPS = 60  # of the search for an end; halving alone would need forty
CLOSE = 1e-7  # a Newton step in τ after which the end counts as found
LARGEST = 16.0  # a larger standard deviation on a link scale means that there is no upper end


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Profile:
    """The likelihood in (β, τ), of which one τ is held."""

    likelihood: Likelihood
    hessian: HessianOf | None
    p: int
    held: int
    tau: Array  # estimates, in the problem's order
    scale: Array  # whitens the parameters searched for; the rows of the others are zero
    best: float  # log-likelihood of the fit


@dataclass(slots=True)
class _Place:
    """Where the last search ended; only a start for the next one."""

    parameters: Array  # (β, τ)
    modes: Array


def profile_interval(fit: Fit, factor: str, alpha: float) -> tuple[float, float]:
    """Return the profile interval of a factor's variance, on the link scale squared.

    (nan, nan) for gaussian models, whose engine profiles nothing out, and for families with
    parameters of their own, and for penalised fits; the upper end is inf when
    the likelihood does not fall far enough at any standard deviation up to 16.
    """
    if fit.family.has_dispersion or fit.family.auxiliary or fit.penalty:
        return math.nan, math.nan
    from scipy import special

    profile, place = _start(fit, factor)
    limit = math.sqrt(float(special.chdtri(1, alpha)))

    def excess(tau: float) -> tuple[float, float]:
        value, slope = _maximum(profile, place, tau)
        root = math.sqrt(max(2.0 * (profile.best - value), 0.0))
        return root - limit, -slope / root if root > 0.0 else 0.0

    estimate = float(profile.tau[profile.held])
    upper = _upper(excess, estimate, -limit)
    lower = 0.0
    if estimate > 0.0:
        profile_at_zero, _ = excess(0.0)
        if profile_at_zero > 0.0:
            lower = _zero(excess, (estimate, -limit), (0.0, profile_at_zero))
    return lower**2, upper**2


def _upper(excess: Excess, estimate: float, at_estimate: float) -> float:
    """The upper end: double a first guess until it is outside, then close in."""
    inside, outside = (estimate, at_estimate), max(2.0 * estimate, FIRST)
    while (found := excess(outside)[0]) < 0.0:
        inside, outside = (outside, found), 2.0 * outside
        if outside > LARGEST:
            return math.inf
    return _zero(excess, inside, (outside, found))


def _zero(excess: Excess, inside: tuple[float, float], outside: tuple[float, float]) -> float:
    """The zero between a point with negative and one with positive excess, (τ, excess) each.

    Newton's method from the secant's point; a step that leaves the bracket is replaced by the
    bracket's middle. The last step is not evaluated: the next error is about its square.
    """
    low, high = inside[0], outside[0]
    tau = low + (high - low) * inside[1] / (inside[1] - outside[1])
    for _ in range(MOST_STEPS):
        value, slope = excess(tau)
        low, high = (tau, high) if value < 0.0 else (low, tau)
        following = tau - value / slope if slope else math.nan
        if not min(low, high) <= following <= max(low, high):
            following = 0.5 * (low + high)
        if abs(following - tau) < CLOSE:
            return following
        tau = following
    return tau


def _start(fit: Fit, factor: str) -> tuple[_Profile, _Place]:
    from peerstats.model.engines.likelihood import hessian_of, likelihood_of
    from peerstats.model.engines.problem import make_problem

    problem = make_problem(fit.design, fit.family)
    names = [fit.design.formula.random[position].group for position in problem.order]
    sds = dict(zip(fit.varcorr["group"], fit.varcorr["sd"], strict=True))
    tau = np.array([float(sds[name]) for name in names])
    held, p = names.index(factor), len(fit.params)
    # A second variance at zero stays there: its own slope is zero, so a search would not leave it.
    free = [k for k in range(len(names)) if k != held and tau[k] > 0]
    places = [*range(p), *(p + k for k in free)]
    scale = np.zeros((p + len(names), len(places)))
    scale[places] = _whitening(fit, [names[k] for k in free], tau[free])
    likelihood = likelihood_of(problem, fit.nodes)
    profile = _Profile(
        likelihood=likelihood,
        hessian=hessian_of(likelihood),
        p=p,
        held=held,
        tau=tau,
        scale=scale,
        best=fit.llf,
    )
    parameters = np.r_[np.asarray(fit.params, dtype=float), tau]
    return profile, _Place(parameters, np.zeros(sum(problem.sizes)))


def _whitening(fit: Fit, names: list[str], sds: Array) -> Array:
    """A root of the covariance of (β, τ), from that of (β, log τ) by dτ = τ d log τ."""
    p = len(fit.params)
    groups = [random.group for random in fit.design.formula.random]
    places = [*range(p), *(p + groups.index(name) for name in names)]
    slopes = np.r_[np.ones(p), sds]
    covariance = np.asarray(fit.covariance, dtype=float)[np.ix_(places, places)]
    return np.linalg.cholesky(covariance * np.outer(slopes, slopes))


def _joined(hessian: HessianOf | None, p: int) -> Hessian | None:
    """The same Hessian as a function of (β, τ) in one vector."""
    if hessian is None:
        return None

    def of_both(parameters: Array, modes: Array) -> Array:
        return hessian(parameters[:p], parameters[p:], modes)

    return of_both


def _maximum(profile: _Profile, place: _Place, held: float) -> tuple[float, float]:
    """Return pl(τ) and pl'(τ) for τ = `held`, starting from `place` and leaving it there."""
    from peerstats.model.engines.optimise import highest

    p = profile.p

    def value(parameters: Array, modes: Array) -> Evaluation:
        return profile.likelihood.evaluate(parameters[:p], parameters[p:], modes)

    start = place.parameters.copy()
    start[p + profile.held] = held
    place.parameters, found = highest(
        value, start, profile.scale, place.modes, _joined(profile.hessian, p)
    )
    place.modes = found.modes
    # At the maximum over the others, pl' is the derivative in τ alone (the envelope theorem).
    return found.value, float(found.gradient[p + profile.held])
