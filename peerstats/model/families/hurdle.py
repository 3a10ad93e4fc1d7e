"""Counts behind a hurdle: zero or not, and how many if not (Mullahy 1986).

A row is zero with probability π, otherwise a count of 1 or more from f (Poisson or NB2, see
count_part.py) given that it is not zero: glmmTMB's truncated_poisson and truncated_nbinom2 with
ziformula, and pscl's hurdle with the sign of the zero part turned. The last auxiliary predictor z
is logit π: a positive coefficient of the zero part means more zeros. It has the columns of
`zero_formula`; η and its random effects concern the positive counts only.

With a = log f(0), o = f(0)/(1 - f(0)), q = o(1 + o), and r0, W0, W0' those of f at y = 0:

    y = 0:  l = z - log(1 + e^z),                        l_z = 1 - π,   r* = W* = W*' = 0
    y > 0:  l = log f - log(1 - e^a) - log(1 + e^z),     l_z = -π
            r* = r + o r0      W* = W - q r0² + o W0
            W*' = W' - q(1 + 2o) r0³ + 3q r0 W0 + o W0'
            l_ψ* = l_ψ + o a_ψ      r_ψ* = r_ψ + q a_ψ r0 + o r0_ψ
            W_ψ* = W_ψ - q(1 + 2o) a_ψ r0² - 2q r0 r0_ψ + q a_ψ W0 + o W0_ψ

As μ falls to 0 these terms cancel to y - 1, 0, ...; below μ = e^-30 they are held there.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from peerstats.model.families.count_part import NB2, POISSON, CountPart, mean
from peerstats.model.families.family import Array, AuxiliarySlopes, Family
from peerstats.model.families.two_parts import Slopes, TwoParts, two_part_family

LEAST = -30.0


def _odds(a: Array) -> Array:
    """f(0)/(1 - f(0))."""
    return np.exp(a) / np.maximum(-np.expm1(a), 1e-100)


def _slopes(part: CountPart, psi: Array, y: Array, eta: Array) -> Slopes:
    z, own, none = psi[:, -1], psi[:, :-1], np.zeros_like(y)
    held = np.maximum(eta, LEAST)
    log_f, r, w = part.slopes(y, held, own)
    a, r0, w0 = part.slopes(none, held, own)
    o = _odds(a)
    # Below the least η the truncated density is proportional to μ^(y-1).
    log_f = log_f - np.log(np.maximum(-np.expm1(a), 1e-300)) + (y - 1.0) * (eta - held)
    zero = y == 0
    return (
        np.where(zero, z, log_f) - np.logaddexp(0.0, z),
        np.where(zero, 0.0, r + o * r0),
        np.where(zero, 0.0, w - o * (1.0 + o) * r0 * r0 + o * w0),
    )


def _third(part: CountPart, psi: Array, y: Array, eta: Array) -> Array:
    own, none, held = psi[:, :-1], np.zeros_like(y), np.maximum(eta, LEAST)
    a, r0, w0 = part.slopes(none, held, own)
    o = _odds(a)
    q = o * (1.0 + o)
    more = o * part.third(none, held, own) + q * r0 * (3.0 * w0 - (1.0 + 2.0 * o) * r0 * r0)
    return np.where(y == 0, 0.0, part.third(y, held, own) + more)


def _auxiliary(part: CountPart, psi: Array, y: Array, eta: Array) -> AuxiliarySlopes:
    z, own, none = psi[:, -1], psi[:, :-1], np.zeros_like(y)
    held = np.maximum(eta, LEAST)
    zero, pi = (y == 0)[..., None], expit(z)
    l_z = np.where(y == 0, expit(-z), -pi)[..., None] + np.zeros_like(eta)[..., None]
    a, r0, w0 = (x[..., None] for x in part.slopes(none, held, own))
    o = _odds(a)
    q = o * (1.0 + o)
    l_y, r_y, w_y = part.auxiliary_slopes(y, held, own)
    l_0, r_0, w_0 = part.auxiliary_slopes(none, held, own)
    w_all = w_y + o * w_0 - 2.0 * q * r0 * r_0 + q * l_0 * (w0 - (1.0 + 2.0 * o) * r0 * r0)
    return (
        np.concatenate([np.where(zero, 0.0, l_y + o * l_0), l_z], axis=-1),
        np.concatenate([np.where(zero, 0.0, r_y + q * l_0 * r0 + o * r_0), 0.0 * l_z], axis=-1),
        np.concatenate([np.where(zero, 0.0, w_all), 0.0 * l_z], axis=-1),
    )


def _start(part: CountPart, y: Array, m: Array) -> Array:
    """The zeros' share, and the count part from the positive rows."""
    share = np.clip(float(m @ (y == 0) / m.sum()), 0.01, 0.99)
    positive = y > 0
    own = part.start(y[positive], m[positive]) if positive.any() else part.start(y, m)
    return np.append(own, np.log(share / (1.0 - share)))


def _some(part: CountPart, own: Array, eta: Array) -> Array:
    """1 - f(0)."""
    return -np.expm1(part.slopes(np.zeros_like(eta), np.maximum(eta, LEAST), own)[0])


def _mean(part: CountPart, psi: Array, eta: Array) -> Array:
    return expit(-psi[:, -1]) * mean(np.maximum(eta, LEAST)) / _some(part, psi[:, :-1], eta)


def _variance(part: CountPart, psi: Array, mu: Array) -> Array:
    """E(Y²) - μ², at the η that has this mean, found by halving."""
    low, high = np.full_like(mu, LEAST), np.full_like(mu, 50.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = _mean(part, psi, middle) > mu
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    rate, own = mean(low), psi[:, :-1]
    squares = (part.variance(rate, own) + rate * rate) / _some(part, own, low)
    return expit(-psi[:, -1]) * squares - mu * mu


def _draw(part: CountPart, psi: Array, rng: np.random.Generator, eta: Array) -> Array:
    z, own, held = psi[:, -1], psi[:, :-1], np.maximum(eta, LEAST)
    uniform = 1.0 - _some(part, own, held) * rng.random(len(eta))  # above f(0)
    counts = np.maximum(part.quantile(uniform, mean(held), own), 1.0)
    return np.where(rng.random(len(eta)) < expit(z), 0.0, counts)


def _bounds(part: CountPart, psi: Array, y: Array, eta: Array) -> tuple[Array, Array]:
    z, own, held = psi[:, -1], psi[:, :-1], np.maximum(eta, LEAST)

    def upto(value: Array) -> Array:
        share = 1.0 - (1.0 - part.cdf(value, mean(held), own)) / _some(part, own, held)
        return np.where(value < 0, 0.0, expit(z) + expit(-z) * np.maximum(share, 0.0))

    return upto(y - 1.0), upto(y)


HURDLE = TwoParts(
    slopes=_slopes,
    third=_third,
    auxiliary=_auxiliary,
    mean=_mean,
    variance=_variance,
    draw=_draw,
    bounds=_bounds,
    first=lambda y: np.log(np.maximum(y, 0.5)),
    start=_start,
)


def hurdle_poisson(link: str = "log") -> Family:
    """Return the hurdle family with a truncated Poisson part.

    >>> hurdle_poisson().auxiliary
    ('zero',)
    """
    return two_part_family("hurdle_poisson", POISSON, HURDLE)


def hurdle_negative_binomial(link: str = "log") -> Family:
    """Return the hurdle family with a truncated negative binomial part (NB2).

    >>> hurdle_negative_binomial().auxiliary
    ('log theta', 'zero')
    """
    return two_part_family("hurdle_negative_binomial", NB2, HURDLE)
