"""Times known to lie in an interval [low, high), such as the months since the last HIV test.

"This month", "six months to a year ago", "more than two years ago" are what women can answer. The
time T is Weibull in the accelerated failure time form of Odell, Anderson & D'Agostino (1992):

    log T = η + σε,    P(ε > x) = exp(-e^x),    P(T > t) = exp(-(t/e^η)^(1/σ))

the model of R's survreg(Surv(low, high, type = "interval2"), dist = "weibull") with its scale σ.
exp(β) is a time ratio: with 1.3 the time since the last test is longer by 30 % at every quantile.
As the Weibull is the one family that is proportional in time and in hazard, exp(-β/σ) is the hazard
ratio of the same model. Months since a test are reported with ends that differ from woman to woman
(heaped, censored, or exact), so a grouped-time hazard model would need a baseline parameter for
every end; the parametric likelihood uses each interval as it is (Lindsey & Ryan 1998). It
is concave in η for every σ.

low = 0 is a time known to be less than high (left-censored), high = ∞ one known to be more than
low (right-censored, never tested so far), low = high > 0 an exact time.

With h = (log high - η)/σ, g = (log low - η)/σ, a = e^g, x = e^h - e^g, ρ = x/(e^x - 1),
ρ1 = ρ(1 - x - ρ), ρ2 = ρ1(1 - x - ρ) - ρ(x + ρ1), ψ = log σ and s = dlog x/dlog(1/σ), which is
g + (h - g)/(1 - e^(g-h)), or h when low = 0:

    l = -a + log(1 - e^-x)    σr = a - ρ         σ²W = a - ρ1         σ³W' = ρ2 - a
    l_ψ = ga - ρs             σr_ψ = ρ1 s - ga - σr                   σ²W_ψ = ρ2 s - ga - 2σ²W

and for an exact time l = z - e^z - ψ - log t, z = (log t - η)/σ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import gamma

from peerstats.errors import DataError, ModelError
from peerstats.model.families.family import Array, AuxiliarySlopes, Family

LINKS = ("log",)
FARTHEST = 200.0  # e^(3 z) stays a number
Slopes = tuple[Array, Array, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """σ and the pieces of the formulas above; `exact` rows have a = e^z, s = z, g = z."""

    sigma: Array
    exact: Array
    g: Array
    a: Array
    s: Array
    x: Array
    rho: Array
    rho1: Array
    rho2: Array


def _rows(logs: Array, y: Array, eta: Array, psi: Array) -> _Rows:
    code = np.round(y).astype(np.intp)
    low, high = logs[code, 0], logs[code, 1]
    sigma = np.exp(np.clip(psi[:, 0], -20.0, 20.0))
    exact, open_, closed = low == high, np.isinf(high), np.isinf(low)
    g = np.clip((np.where(closed, 0.0, low) - eta) / sigma, -FARTHEST, FARTHEST)
    h = np.clip((np.where(open_, 0.0, high) - eta) / sigma, -FARTHEST, FARTHEST)
    a = np.where(closed, 0.0, np.exp(g))
    with np.errstate(invalid="ignore"):
        gap = np.where(closed | open_ | exact, 1.0, (high - low) / sigma)
    s = np.where(closed, h, np.where(open_, 0.0, g + gap / -np.expm1(-gap)))
    wide = np.where(closed, np.exp(h), a * np.expm1(np.minimum(gap, 2 * FARTHEST)))
    x = np.where(open_ | exact, 700.0, np.clip(wide, 1e-200, 700.0))
    rho = np.where(open_ | exact, 0.0, x / np.expm1(x))
    rho1 = rho * (1.0 - x - rho)
    rho2 = rho1 * (1.0 - x - rho) - rho * (x + rho1)
    return _Rows(sigma=sigma, exact=exact, g=g, a=a, s=s, x=x, rho=rho, rho1=rho1, rho2=rho2)


def _slopes(logs: Array, psi: Array, y: Array, eta: Array) -> Slopes:
    at = _rows(logs, y, eta, psi)
    log_t = np.where(at.exact, logs[np.round(y).astype(np.intp), 0], 0.0)
    density = at.g - np.clip(psi[:, 0], -20.0, 20.0) - log_t
    kernel = -at.a + np.where(at.exact, density, np.log(-np.expm1(-at.x)))
    r = (at.a - np.where(at.exact, 1.0, at.rho)) / at.sigma
    return kernel, r, (at.a - at.rho1) / at.sigma**2


def _third(logs: Array, psi: Array, y: Array, eta: Array) -> Array:
    at = _rows(logs, y, eta, psi)
    return (at.rho2 - at.a) / at.sigma**3


def _auxiliary(logs: Array, psi: Array, y: Array, eta: Array) -> Slopes:
    at = _rows(logs, y, eta, psi)
    pull = at.g * at.a
    l_psi = pull - np.where(at.exact, at.g + 1.0, at.rho * at.s)
    r = at.a - np.where(at.exact, 1.0, at.rho)
    r_psi = (at.rho1 * at.s - pull - r) / at.sigma
    w_psi = (at.rho2 * at.s - pull - 2.0 * (at.a - at.rho1)) / at.sigma**2
    return l_psi, r_psi, w_psi


def _at(family: Family, ends: Array, psi: Array) -> Family:
    with np.errstate(divide="ignore"):
        logs = np.log(ends)
    sigma = np.exp(np.clip(psi[:, 0], -20.0, 20.0))

    def slopes(y: Array, eta: Array, m: Array) -> Slopes:
        kernel, r, w = _slopes(logs, psi, y, eta)
        return m * kernel, m * r, m * w

    def upto(edge: Array, eta: Array) -> Array:
        return -np.expm1(-np.exp(np.minimum((edge - eta) / sigma, 6.0)))

    def bounds(y: Array, eta: Array, trials: Array, sd: float) -> tuple[Array, Array]:
        code = np.round(y).astype(np.intp)
        return upto(logs[code, 0], eta), upto(logs[code, 1], eta)

    return replace(
        family,
        slopes=slopes,
        third=lambda y, eta, m: m * _third(logs, psi, y, eta),
        inverse=lambda eta: np.exp(np.clip(eta, -700.0, 700.0)) * gamma(1.0 + sigma),
        bounds=bounds,
        draw=lambda rng, eta, trials, sd: _draw(ends, rng, eta, sigma),
    )


def _draw(ends: Array, rng: np.random.Generator, eta: Array, sigma: Array) -> Array:
    """Draw T = e^η E^σ, E exponential, and report it in the interval that holds it.

    That is known only where the intervals of the data follow on each other from 0 to infinity.
    """
    order = np.argsort(ends[:, 0], kind="stable")
    low, high = ends[order].T
    if low[0] != 0 or not np.isinf(high[-1]) or not np.array_equal(low[1:], high[:-1]):
        raise ModelError(
            "The intervals of the data overlap or leave gaps, so it is not known in which one a "
            "new time would have been reported: times can be simulated where intervals follow on "
            "each other from 0 to infinity."
        )
    times = np.exp(eta) * rng.standard_exponential(len(eta)) ** sigma
    return order[np.searchsorted(low, times, side="right") - 1].astype(np.float64)


def _start_line(ends: Array, y: Array) -> Array:
    """log of a time inside each interval."""
    low, high = ends[np.round(y).astype(np.intp)].T
    finite = np.where(np.isfinite(high), high, 2.0 * low)
    return np.log(0.5 * (low + finite))


def _for_intervals(family: Family, intervals: tuple[Any, ...]) -> Family:
    ends = np.array(intervals, dtype=np.float64).reshape(-1, 2)
    low, high = ends.T
    if np.any(low < 0) or np.any(high < low) or np.any(high <= 0) or np.any(np.isinf(low)):
        raise DataError(
            "The ends of the intervals must satisfy 0 <= low <= high, and a time cannot be exactly "
            "0: write 0 and 1 for 'less than a month', and no end (infinity) for 'more than low'."
        )
    if np.all((low == 0) & np.isinf(high)):
        raise DataError("No interval says anything: all reach from 0 to infinity.")
    with np.errstate(divide="ignore"):
        logs = np.log(ends)

    def auxiliary_slopes(y: Array, eta: Array, m: Array, psi: Array) -> AuxiliarySlopes:
        one, two, three = (m * part for part in _auxiliary(logs, psi, y, eta))
        return one[..., None], two[..., None], three[..., None]

    def auxiliary_start(y: Array, m: Array) -> Array:
        spread = float(np.std(_start_line(ends, y)))
        return np.array([np.log(np.clip(0.78 * spread, 0.2, 3.0))])

    ready = replace(
        family,
        auxiliary_slopes=auxiliary_slopes,
        auxiliary_start=auxiliary_start,
        start=lambda y, m: _start_line(ends, y),
    )
    ready = replace(ready, at=lambda psi: _at(ready, ends, psi))
    return _at(ready, ends, np.zeros((1, 1)))


def check(y: Array) -> str | None:
    """The design numbers the intervals; `for_outcome` checks their ends."""
    return None


def interval_censored(link: str = "log") -> Family:
    """Return the family of interval-censored times, for one interval until `for_outcome`.

    `inverse` is the mean time e^η Γ(1 + σ).

    >>> family = interval_censored().for_outcome(((0.0, 1.0), (1.0, 6.0), (6.0, np.inf)))
    >>> round(family.loglik(np.array([1.0]), np.array([0.5])), 3)
    -0.656
    """
    empty = Family(
        name="interval_censored",
        link=link,
        slopes=lambda y, eta, m: (y, y, y),
        third=lambda y, eta, m: y,
        constant=lambda y, weights, trials: np.zeros_like(y),
        inverse=np.exp,
        variance=lambda mu: np.full_like(mu, np.nan),
        start=lambda y, m: y,
        check=check,
        auxiliary=("log scale",),
        reported=lambda psi: float(np.exp(psi[0])),
        sums_up=False,
        outcome="interval",
        for_outcome=lambda intervals: _for_intervals(empty, intervals),
    )
    return _for_intervals(empty, ((0.0, 1.0),))
