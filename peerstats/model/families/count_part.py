"""Count distributions as parts of other families: log f(y) and its derivatives in η and ψ.

Poisson:  log f = yη - μ - log y!,  μ = e^η.

Negative binomial, variance μ + μ²/θ (NB2; Hilbe 2011, ch. 8), ψ = log θ, d = η - ψ,
p = μ/(μ + θ) = expit(d), L = log(1 + e^d), G and D_1 as in gamma_differences.py:

    log f = G(θ, y) - θL + y(d - L) - log y!
    r   = (y - μ)(1 - p)        W   = (1 - p)(yp + μ(1 - p))        W'  = W(1 - 2p)
    l_ψ = θ(D_1 + p - L) - y(1 - p)     r_ψ = pr     W_ψ = μ(1 - p)² - W(1 - 2p)

and, with W = p(1 - p)(y + θ), so that W'' = W((1 - 2p)² - 2p(1 - p)),

    l_ψψ = l_ψ + θ²D_2 + θp² + y(1 - p)²      r_ψψ = p(2p - 1)r     W'_ψ = W_ψ(1 - 2p) + 2p(1 - p)W
    W_ψψ = p(2p - 1)W + p(1 - p)(1 - 4p)r.

No term is a difference of numbers that grow with θ, so the Poisson limit is smooth. The log y! is
left to `constant`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, gammaln, pdtr

from peerstats.model.families.family import LARGEST_EXPONENT, Array
from peerstats.model.families.gamma_differences import gamma_differences

Slopes = tuple[Array, Array, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountPart:
    """A count distribution with log link, for weight 1.

    `slopes(y, eta, psi)` returns (log f + log y!, r, W), `third` W', and `auxiliary_slopes` the
    derivatives of the three in the k auxiliary predictors, each (..., k); psi is (n, k) or (1, k).
    `draw(rng, mu, psi)`, `cdf(y, mu, psi)` (0 below zero) and `quantile` are the distribution's.
    """

    name: str
    auxiliary: tuple[str, ...]
    slopes: Callable[[Array, Array, Array], Slopes]
    third: Callable[[Array, Array, Array], Array]
    auxiliary_slopes: Callable[[Array, Array, Array], Slopes]
    start: Callable[[Array, Array], Array]
    variance: Callable[[Array, Array], Array]
    draw: Callable[[np.random.Generator, Array, Array], Array]
    cdf: Callable[[Array, Array, Array], Array]
    quantile: Callable[[Array, Array, Array], Array]


def mean(eta: Array) -> Array:
    """μ = e^η, held inside the range of numbers."""
    return np.exp(np.clip(eta, -LARGEST_EXPONENT, LARGEST_EXPONENT / 4))


def log_factorials(y: Array, weights: Array, trials: Array) -> Array:
    """Minus log y!, times the row's frequency weight."""
    return -weights * gammaln(y + 1)


def check_counts(y: Array) -> str | None:
    """None when every value is a count."""
    if np.any(y < 0) or np.any(y != np.round(y)):
        return "must be counts (0, 1, 2, ...), but negative or broken numbers were found"
    return None


def moments(y: Array, m: Array) -> tuple[float, float]:
    """Weighted mean and the variance in excess of it, both above zero."""
    average = max(float(m @ y / m.sum()), 1e-3)
    excess = float(m @ (y - average) ** 2 / m.sum()) - average
    return average, max(excess, 0.05 * average)


def _poisson_slopes(y: Array, eta: Array, psi: Array) -> Slopes:
    mu = mean(eta)
    return y * eta - mu, y - mu, mu


def _none(y: Array, eta: Array, psi: Array) -> Slopes:
    empty = np.zeros((*np.shape(eta), 0))
    return empty, empty, empty


@dataclass(frozen=True, slots=True, eq=False)
class Nb2:
    """The negative binomial at one (η, ψ): θ, p, 1 - p, d and L of the head, r and W."""

    theta: Array
    p: Array
    rest: Array
    d: Array
    log_rest: Array
    r: Array
    w: Array
    mu_rest: Array  # μ(1 - p)


def nb2_at(y: Array, eta: Array, psi: Array) -> Nb2:
    """Return what all derivatives are made of; beyond the range of numbers η and ψ are held."""
    log_theta = np.minimum(np.maximum(psi[:, 0], -60.0), 60.0)
    d = np.minimum(np.maximum(eta, -LARGEST_EXPONENT), LARGEST_EXPONENT / 4) - log_theta
    odds, theta = np.exp(d), np.exp(log_theta)
    rest = 1.0 / (1.0 + odds)
    p = odds * rest
    mu_rest = theta * p
    w = rest * (y * p + mu_rest)
    return Nb2(theta, p, rest, d, np.log1p(odds), y * rest - mu_rest, w, mu_rest)


def nb2_gammas(y: Array, psi: Array, orders: int = 2) -> list[Array]:
    """G, D_1 and D_2, which do not change with η."""
    log_theta = np.minimum(np.maximum(psi[:, 0], -60.0), 60.0)
    return gamma_differences(np.exp(log_theta), y, orders)


def nb2_slopes(y: Array, at: Nb2, gammas: list[Array]) -> Slopes:
    """The slopes where G is known."""
    return gammas[0] - at.theta * at.log_rest + y * (at.d - at.log_rest), at.r, at.w


def _nb2_third(y: Array, eta: Array, psi: Array) -> Array:
    at = nb2_at(y, eta, psi)
    return at.w * (at.rest - at.p)


def nb2_auxiliary(y: Array, at: Nb2, gammas: list[Array]) -> Slopes:
    """The slopes of l, r and W in ψ where D_1 is known."""
    w_psi = at.mu_rest * at.rest - at.w * (at.rest - at.p)
    return _in_psi(y, at, gammas)[..., None], (at.p * at.r)[..., None], w_psi[..., None]


def _in_psi(y: Array, at: Nb2, gammas: list[Array]) -> Array:
    """l_ψ."""
    return at.theta * (gammas[1] + (at.p - at.log_rest)) - y * at.rest


def nb2_second(y: Array, at: Nb2, gammas: list[Array]) -> tuple[Array, Slopes]:
    """W'_ψ, and l_ψψ, r_ψψ and W_ψψ; one auxiliary predictor."""
    theta, p, rest, w = at.theta, at.p, at.rest, at.w
    away, both = rest - p, p * rest
    w_psi = at.mu_rest * rest - w * away
    turn = -p * away
    l_2 = _in_psi(y, at, gammas) + theta * (theta * gammas[2] + p * p) + y * rest * rest
    w_2 = turn * w + both * (rest - 3.0 * p) * at.r
    seconds = (l_2[..., None, None], (turn * at.r)[..., None, None], w_2[..., None, None])
    return (w_psi * away + 2.0 * both * w)[..., None], seconds


def nb2_higher(at: Nb2, w: Array) -> tuple[Array, Array]:
    """W' and W'' of a row whose weight is W."""
    t = at.p - at.rest
    return -w * t, w * (1.5 * t * t - 0.5)


def _nb2_start(y: Array, m: Array) -> Array:
    average, excess = moments(y, m)
    return np.array([np.log(np.clip(average**2 / excess, 0.1, 50.0))])


def reported_theta(psi: Array) -> float:
    """θ of ψ = log θ."""
    return float(np.exp(psi[0]))


def _odds_of_zero(mu: Array, psi: Array) -> tuple[Array, Array]:
    """θ and θ/(θ + μ), the parameters by which numpy and scipy know the distribution."""
    theta = np.exp(np.clip(psi[:, 0], -60.0, 30.0))
    return theta, theta / (theta + mu)


def _nb2_draw(rng: np.random.Generator, mu: Array, psi: Array) -> Array:
    theta = np.broadcast_to(_odds_of_zero(mu, psi)[0], mu.shape)
    return rng.poisson(mu / theta * rng.gamma(theta)).astype(np.float64)


def _nb2_cdf(y: Array, mu: Array, psi: Array) -> Array:
    theta, p = _odds_of_zero(mu, psi)
    return np.where(y < 0, 0.0, betainc(theta, np.maximum(y, 0.0) + 1.0, p))


def _nb2_quantile(u: Array, mu: Array, psi: Array) -> Array:
    from scipy.stats import nbinom

    return np.asarray(nbinom.ppf(u, *_odds_of_zero(mu, psi)))


def _poisson_quantile(u: Array, mu: Array, psi: Array) -> Array:
    from scipy.stats import poisson

    return np.asarray(poisson.ppf(u, mu))


def _nb2_auxiliary_slopes(y: Array, eta: Array, psi: Array) -> Slopes:
    return nb2_auxiliary(y, nb2_at(y, eta, psi), nb2_gammas(y, psi, 1))


POISSON = CountPart(
    name="poisson",
    auxiliary=(),
    slopes=_poisson_slopes,
    third=lambda y, eta, psi: mean(eta),
    auxiliary_slopes=_none,
    start=lambda y, m: np.zeros(0),
    variance=lambda mu, psi: mu,
    draw=lambda rng, mu, psi: rng.poisson(mu).astype(np.float64),
    cdf=lambda y, mu, psi: np.where(y < 0, 0.0, pdtr(np.maximum(y, 0.0), mu)),
    quantile=_poisson_quantile,
)
NB2 = CountPart(
    name="negative_binomial",
    auxiliary=("log theta",),
    slopes=lambda y, eta, psi: nb2_slopes(y, nb2_at(y, eta, psi), nb2_gammas(y, psi, 0)),
    third=_nb2_third,
    auxiliary_slopes=_nb2_auxiliary_slopes,
    start=_nb2_start,
    variance=lambda mu, psi: mu + mu * mu * np.exp(-psi[:, 0]),
    draw=_nb2_draw,
    cdf=_nb2_cdf,
    quantile=_nb2_quantile,
)
