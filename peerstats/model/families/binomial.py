"""Yes/no outcomes and successes out of trials, with logit, probit, cloglog and log links.

All four log-likelihoods are concave in η, so Newton's method with step halving always ends.
Sources: McCullagh & Nelder (1989), ch. 4; the weights are written so that no difference of nearly
equal numbers is taken in the tails, and residuals are exact to the last digit of y.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import bdtr, expit, gammaln, log_ndtr, ndtr, ndtri, xlogy

from peerstats.model.families.family import LARGEST_EXPONENT, Array, Family

Slopes = tuple[Array, Array, Array]
HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)


def _logit_parts(eta: Array) -> tuple[Array, Array, Array]:
    """η below where e^η ends, p and 1 - p, both to all their digits."""
    held = np.minimum(eta, LARGEST_EXPONENT)
    odds = np.exp(held)
    rest = 1.0 / (1.0 + odds)
    return held, odds * rest, rest


def logit_slopes(y: Array, eta: Array, m: Array) -> Slopes:
    """Kernel y·η - log(1 + e^η), r = m(y - p), W = m p(1-p)."""
    held, p, rest = _logit_parts(eta)
    return m * (y * held + np.log(rest)), m * (y - p), m * (p * rest)


def logit_third(y: Array, eta: Array, m: Array) -> Array:
    """W' = m p(1-p)(1-2p)."""
    _, p, rest = _logit_parts(eta)
    return m * (p * rest) * (rest - p)


def logit_higher(y: Array, eta: Array, m: Array, r: Array, w: Array) -> tuple[Array, Array]:
    """W' = -tW and W'' = W(1-6p(1-p)) = W(3t² - 1)/2, with t = 2p - 1 and p = y - r/m."""
    t = 2.0 * (y - r / m) - 1.0
    return -w * t, w * (1.5 * t * t - 0.5)


def _mills(x: Array) -> tuple[Array, Array]:
    """log Φ(x) and φ(x)/Φ(x)."""
    log_cdf = log_ndtr(x)
    return log_cdf, np.exp(-0.5 * x * x - HALF_LOG_TWO_PI - log_cdf)


def probit_slopes(y: Array, eta: Array, m: Array) -> Slopes:
    """With λ(x) = φ(x)/Φ(x): d log Φ = λ, d² log Φ = -λ(x + λ)."""
    log_yes, up = _mills(eta)
    log_no, down = _mills(-eta)
    kernel = m * (y * log_yes + (1 - y) * log_no)
    curve = y * up * (eta + up) + (1 - y) * down * (down - eta)
    return kernel, m * (y * up - (1 - y) * down), m * curve


def probit_third(y: Array, eta: Array, m: Array) -> Array:
    """W' from λ' = -λ(x + λ)."""

    def third(x: Array) -> Array:
        ratio = _mills(x)[1]
        change = -ratio * (x + ratio)
        return change * (x + ratio) + ratio * (1 + change)

    return m * (y * third(eta) - (1 - y) * third(-eta))


def _cloglog_parts(eta: Array) -> tuple[Array, Array]:
    """u = e^η and ρ = u/(e^u - 1), the derivative of log(1 - e^-u)."""
    u = np.exp(np.minimum(np.maximum(eta, -LARGEST_EXPONENT), LARGEST_EXPONENT / 4))
    held = np.minimum(u, LARGEST_EXPONENT)  # beyond it ρ is zero but for 300 digits
    return u, np.where(u > 1e-300, held / np.maximum(np.expm1(held), 1e-300), 1.0)


def cloglog_slopes(y: Array, eta: Array, m: Array) -> Slopes:
    """With u = e^η: log p = log(1 - e^-u), log(1-p) = -u; ρ' = ρ(1 - u - ρ)."""
    u, rho = _cloglog_parts(eta)
    log_yes = np.log(np.maximum(-np.expm1(-u), 1e-300))
    kernel = m * (y * log_yes - (1 - y) * u)
    curve = -y * rho * (1 - u - rho) + (1 - y) * u
    return kernel, m * (y * rho - (1 - y) * u), m * curve


def cloglog_third(y: Array, eta: Array, m: Array) -> Array:
    """W' from ρ'' = ρ'(1 - u - ρ) - ρ(u + ρ')."""
    u, rho = _cloglog_parts(eta)
    first = rho * (1 - u - rho)
    second = first * (1 - u - rho) - rho * (u + first)
    return m * (-y * second + (1 - y) * u)


def _log_link_odds(eta: Array) -> Array:
    inside = np.minimum(eta, -1e-12)
    return np.exp(inside) / -np.expm1(inside)


def log_slopes(y: Array, eta: Array, m: Array) -> Slopes:
    """With odds o = p/(1-p): d log(1-p) = -o and o' = o(1 + o). η >= 0 has likelihood 0."""
    odds = _log_link_odds(eta)
    log_no = np.log(-np.expm1(np.minimum(eta, -1e-12)))
    kernel = np.where(eta < 0, m * (y * eta + (1 - y) * log_no), -np.inf)
    return kernel, m * (y - (1 - y) * odds), m * (1 - y) * odds * (1 + odds)


def log_third(y: Array, eta: Array, m: Array) -> Array:
    """W' = m(1-y) o(1+o)(1+2o)."""
    odds = _log_link_odds(eta)
    return m * (1 - y) * odds * (1 + odds) * (1 + 2 * odds)


def constant(y: Array, weights: Array, trials: Array) -> Array:
    """log of the binomial coefficient, times the row's frequency weight."""
    if np.all(trials == 1):
        return np.zeros_like(y)
    successes = y * trials
    return weights * (
        gammaln(trials + 1) - gammaln(successes + 1) - gammaln(trials - successes + 1)
    )


def check(y: Array) -> str | None:
    """None when every value is a proportion that the engine can use (0/1 without trials)."""
    if np.all((y >= 0) & (y <= 1)):
        return None
    found = len(np.unique(y))
    return f"must be coded 0 and 1, but {found} different codes were found, some outside 0 to 1"


def _cloglog_inverse(eta: Array) -> Array:
    return -np.expm1(-np.exp(np.clip(eta, -LARGEST_EXPONENT, np.log(LARGEST_EXPONENT))))


def _log_inverse(eta: Array) -> Array:
    return np.exp(np.minimum(eta, 0.0))


def _smoothed(y: Array, m: Array) -> Array:
    return (y * m + 0.5) / (m + 1.0)


def _log_start(y: Array, m: Array) -> Array:
    # A constant below 0: every row is then inside the link's range.
    share = float((y * m).sum() / m.sum())
    return np.full_like(y, np.log(min(max(share, 1e-3), 0.9)))


def _logit_start(y: Array, m: Array) -> Array:
    p = _smoothed(y, m)
    return np.log(p / (1 - p))


def _probit_start(y: Array, m: Array) -> Array:
    return ndtri(_smoothed(y, m))


def _cloglog_start(y: Array, m: Array) -> Array:
    return np.log(-np.log1p(-_smoothed(y, m)))


def unit_deviance(y: Array, mu: Array) -> Array:
    """2 [y log(y/μ) + (1-y) log((1-y)/(1-μ))] (McCullagh & Nelder 1989, 2.3)."""
    yes = xlogy(y, y) - xlogy(y, mu)
    no = xlogy(1 - y, 1 - y) - xlogy(1 - y, 1 - mu)
    return 2.0 * (yes + no)


def _draw_with(
    inverse: Callable[[Array], Array],
) -> Callable[[np.random.Generator, Array, Array, float], Array]:
    def draw(rng: np.random.Generator, eta: Array, trials: Array, sd: float) -> Array:
        return rng.binomial(trials.astype(np.int64), inverse(eta)) / trials

    return draw


def _bounds_with(
    inverse: Callable[[Array], Array],
) -> Callable[[Array, Array, Array, float], tuple[Array, Array]]:
    def bounds(y: Array, eta: Array, trials: Array, sd: float) -> tuple[Array, Array]:
        successes, n, p = np.round(y * trials), trials.astype(np.intp), inverse(eta)
        below = np.where(successes > 0, bdtr(np.maximum(successes - 1, 0), n, p), 0.0)
        return below, bdtr(successes, n, p)

    return bounds


Parts = tuple[
    Callable[[Array, Array, Array], Slopes],
    Callable[[Array, Array, Array], Array],
    Callable[[Array], Array],
    Callable[[Array, Array], Array],
    float | None,
]
LINKS: dict[str, Parts] = {
    "logit": (logit_slopes, logit_third, expit, _logit_start, np.pi**2 / 3),
    "probit": (probit_slopes, probit_third, ndtr, _probit_start, 1.0),
    "cloglog": (cloglog_slopes, cloglog_third, _cloglog_inverse, _cloglog_start, np.pi**2 / 6),
    "log": (log_slopes, log_third, _log_inverse, _log_start, None),
}


def _glm_family(link: str) -> Any:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.families.links import CLogLog, Log, Logit, Probit

    links = {"logit": Logit, "probit": Probit, "cloglog": CLogLog, "log": Log}
    with warnings.catch_warnings():
        # A log link may give risks above 1; ours refuses those by a likelihood of zero.
        warnings.simplefilter("ignore")
        return Binomial(links[link]())


def binomial(link: str = "logit") -> Family:
    """Return the binomial family with one of its links.

    >>> binomial("probit").latent_variance
    1.0
    """
    slopes, third, inverse, start, latent = LINKS[link]
    return Family(
        name="binomial",
        link=link,
        slopes=slopes,
        third=third,
        higher=logit_higher if link == "logit" else None,
        constant=constant,
        inverse=inverse,
        variance=lambda mu: mu * (1 - mu),
        start=start,
        check=check,
        latent_variance=latent,
        has_trials=True,
        glm_family=lambda: _glm_family(link),
        draw=_draw_with(inverse),
        bounds=_bounds_with(inverse),
        unit_deviance=unit_deviance,
    )
