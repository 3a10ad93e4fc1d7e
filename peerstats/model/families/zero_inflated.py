"""Counts with more zeros than their distribution has: two kinds of rows (Lambert 1992).

With probability π a row is a certain zero, otherwise a count from f (Poisson or NB2, see
count_part.py). The last auxiliary predictor z is logit π, as in glmmTMB and pscl: a positive
coefficient of the zero part means more zeros. It has the columns of `zero_formula`.

With a = log f(0), s = f(0)/(e^z + f(0)) = expit(a - z), t = s(1 - s), and r, W, W' those of f:

    y > 0:  l = log f - log(1 + e^z),                          l_z = -π
    y = 0:  l = log(e^z + e^a) - log(1 + e^z),                 l_z = 1 - s - π
            r* = sr     W* = sW - tr²     W*' = sW' + t[3rW - (1 - 2s)r³]
            r_z = -tr   W_z = -tW + t(1 - 2s)r²
            l_ψ = sa_ψ  r_ψ* = sr_ψ + ta_ψr   W_ψ* = sW_ψ + ta_ψ[W - (1 - 2s)r²] - 2trr_ψ

W may be negative where zeros are of both kinds: the log-likelihood is not concave in η.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from peerstats.model.families.count_part import NB2, POISSON, CountPart, mean
from peerstats.model.families.family import Array, AuxiliarySlopes, Family
from peerstats.model.families.two_parts import Slopes, TwoParts, two_part_family


def _slopes(part: CountPart, psi: Array, y: Array, eta: Array) -> Slopes:
    z, own = psi[:, -1], psi[:, :-1]
    log_f, r, w = part.slopes(y, eta, own)
    a, r0, w0 = part.slopes(np.zeros_like(y), eta, own)
    s, t = expit(a - z), expit(a - z) * expit(z - a)
    zero, rest = y == 0, np.logaddexp(0.0, z)
    return (
        np.where(zero, np.logaddexp(z, a), log_f) - rest,
        np.where(zero, s * r0, r),
        np.where(zero, s * w0 - t * r0 * r0, w),
    )


def _third(part: CountPart, psi: Array, y: Array, eta: Array) -> Array:
    z, own = psi[:, -1], psi[:, :-1]
    a, r, w = part.slopes(np.zeros_like(y), eta, own)
    s, t = expit(a - z), expit(a - z) * expit(z - a)
    third = part.third(y, eta, own)
    at_zero = s * third + t * (3.0 * r * w - (1.0 - 2.0 * s) * r**3)
    return np.where(y == 0, at_zero, third)


def _auxiliary(part: CountPart, psi: Array, y: Array, eta: Array) -> AuxiliarySlopes:
    z, own = psi[:, -1], psi[:, :-1]
    a, r, w = part.slopes(np.zeros_like(y), eta, own)
    s, t, pi = expit(a - z), expit(a - z) * expit(z - a), expit(z)
    zero, turn = y == 0, 1.0 - 2.0 * s
    l_z = np.where(zero, expit(z - a) - pi, -pi)
    r_z = np.where(zero, -t * r, 0.0)
    w_z = np.where(zero, t * (turn * r * r - w), 0.0)
    l_o, r_o, w_o = part.auxiliary_slopes(y, eta, own)
    s, t, r, w, turn, zero = (x[..., None] for x in (s, t, r, w, turn, zero))
    w_0 = s * w_o + t * l_o * (w - turn * r * r) - 2.0 * t * r * r_o
    return (
        np.concatenate([np.where(zero, s * l_o, l_o), l_z[..., None]], axis=-1),
        np.concatenate([np.where(zero, s * r_o + t * l_o * r, r_o), r_z[..., None]], axis=-1),
        np.concatenate([np.where(zero, w_0, w_o), w_z[..., None]], axis=-1),
    )


def _start(part: CountPart, y: Array, m: Array) -> Array:
    """Half of the zeros are certain ones; the count part as if they were not there."""
    share = float(m @ (y == 0) / m.sum())
    z = np.log((0.5 * share + 0.01) / (1.0 - 0.5 * share))
    return np.append(part.start(y, m * np.where(y == 0, 0.5, 1.0)), z)


def _mean(part: CountPart, psi: Array, eta: Array) -> Array:
    return expit(-psi[:, -1]) * mean(eta)


def _variance(part: CountPart, psi: Array, mu: Array) -> Array:
    z, own = psi[:, -1], psi[:, :-1]
    counts = mu / expit(-z)
    return expit(-z) * (part.variance(counts, own) + expit(z) * counts**2)


def _draw(part: CountPart, psi: Array, rng: np.random.Generator, eta: Array) -> Array:
    counts = part.draw(rng, mean(eta), psi[:, :-1])
    return np.where(rng.random(len(eta)) < expit(psi[:, -1]), 0.0, counts)


def _bounds(part: CountPart, psi: Array, y: Array, eta: Array) -> tuple[Array, Array]:
    z, own = psi[:, -1], psi[:, :-1]
    below, upto = part.cdf(y - 1, mean(eta), own), part.cdf(y, mean(eta), own)
    certain, rest = expit(z), expit(-z)
    return np.where(y > 0, certain + rest * below, 0.0), certain + rest * upto


INFLATED = TwoParts(
    slopes=_slopes,
    third=_third,
    auxiliary=_auxiliary,
    mean=_mean,
    variance=_variance,
    draw=_draw,
    bounds=_bounds,
    first=lambda y: np.log(y + 0.5),
    start=_start,
)


def zero_inflated_poisson(link: str = "log") -> Family:
    """Return the zero-inflated Poisson family.

    >>> zero_inflated_poisson().auxiliary
    ('zero',)
    """
    return two_part_family("zero_inflated_poisson", POISSON, INFLATED)


def zero_inflated_negative_binomial(link: str = "log") -> Family:
    """Return the zero-inflated negative binomial family (NB2).

    >>> zero_inflated_negative_binomial().auxiliary
    ('log theta', 'zero')
    """
    return two_part_family("zero_inflated_negative_binomial", NB2, INFLATED)
