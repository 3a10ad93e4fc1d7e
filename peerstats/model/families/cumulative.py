"""Ordered outcomes with levels 1..K, by cumulative logits or probits (McCullagh 1980).

    P(Y <= j) = F(θ_j - η),   θ_1 < ... < θ_{K-1}

The sign is that of ordinal::clm: a positive coefficient moves answers to higher levels, and with
the logit exp(β) is the odds ratio of being above any one level. The thresholds play the part of
the intercept. So that any γ gives ordered thresholds, ψ_1 = θ_1 and ψ_j = log(θ_j - θ_{j-1}).

A row of level j has l = log[F(h) - F(g)], h = θ_j - η, g = θ_{j-1} - η (±∞ at the ends). Both ends
move with ψ_i when i < j, which is the same as moving -η: dl = -r, dr = W, dW = -W'. The upper end
alone moves with ψ_j. Writing δ = h - g and σ for the logistic function, with v = σ(1 - σ),

    logit:   l = log(1 - e^-δ) + log σ(h) + log σ(-g),     r = σ(g) - σ(-h),
             W = v(g) + v(h),    l_h = σ(-h) + 1/(e^δ - 1),    r_h = v(h),    W_h = v(1 - 2σ)(h)
    probit:  A = φ(h)/P,  B = φ(g)/P,   r = B - A,   p = gB - hA,   W = r² - p,
             W' = r³ - 3rW + r + h²A - g²B,
             l_h = A,   r_h = hA - rA,   W_h = 2r r_h - (h² - 1)A + pA

Both log-likelihoods are concave in (η, θ) (Pratt 1981).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import erfcx, expit, log_expit, log_ndtr, logit, ndtr, ndtri

from peerstats.errors import ModelError
from peerstats.model.families.family import Array, AuxiliarySlopes, Family

HALF_LOG_TWO_PI = 0.5 * np.log(2 * np.pi)
ROOT_TWO = np.sqrt(2.0)
ROOT_TWO_OVER_PI = np.sqrt(2.0 / np.pi)
WIDEST = 20.0  # log of the widest distance between thresholds; -60 is the narrowest
Slopes = tuple[Array, Array, Array]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """The ends h and g of each row's level; infinite at the lowest and highest level."""

    h: Array
    g: Array
    width: Array  # δ = h - g


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A distribution F: what a row's log[F(h) - F(g)] and its derivatives are."""

    slopes: Callable[[Ends], Slopes]
    third: Callable[[Ends], Array]
    upper: Callable[[Ends], Slopes]  # l, r and W by h, times δ where δ is finite
    cdf: Callable[[Array], Array]
    quantile: Callable[[Array], Array]
    latent_variance: float


def thresholds(psi: Array) -> Array:
    """Return θ (..., K-1) of ψ (..., K-1).

    >>> thresholds(np.array([-1.0, 0.0, np.log(2.0)]))
    array([-1.,  0.,  2.])
    """
    steps = np.exp(np.clip(psi[..., 1:], -60.0, WIDEST))
    return np.cumsum(np.concatenate([psi[..., :1], steps], axis=-1), axis=-1)


def threshold_slopes(psi: Array) -> tuple[Array, Array]:
    """Return the thresholds of one ψ (k,) and their derivatives (k, k), row by threshold."""
    steps = np.concatenate([[1.0], np.exp(np.clip(psi[1:], -60.0, WIDEST))])
    return thresholds(psi), np.tril(np.tile(steps, (len(psi), 1)))


def _ends(y: Array, eta: Array, psi: Array) -> Ends:
    k = psi.shape[1]
    level = np.clip(np.round(y), 0, k).astype(np.intp)
    theta = thresholds(psi)
    edge = np.full((len(psi), 1), np.inf)
    upper, lower = np.hstack([theta, edge]), np.hstack([-edge, theta])
    steps = np.hstack([edge, np.exp(np.clip(psi[:, 1:], -60.0, WIDEST)), edge])
    row = np.arange(len(psi)) if len(psi) > 1 else 0
    return Ends(h=upper[row, level] - eta, g=lower[row, level] - eta, width=steps[row, level])


def _logit_slopes(ends: Ends) -> Slopes:
    above, below = expit(-ends.h), expit(ends.g)
    kernel = np.log(-np.expm1(-ends.width)) + log_expit(ends.h) + log_expit(-ends.g)
    return kernel, below - above, above * expit(ends.h) + below * expit(-ends.g)


def _logit_third(ends: Ends) -> Array:
    # v(1 - 2σ) = -v tanh(x/2), and v is 0 where x is infinite.
    return _bend(ends.h) + _bend(ends.g)


def _bend(x: Array) -> Array:
    return expit(x) * expit(-x) * np.tanh(0.5 * x)


def _logit_upper(ends: Ends) -> Slopes:
    width = np.where(np.isfinite(ends.width), ends.width, 1.0)
    pull = width / np.expm1(np.minimum(width, 700.0))
    above = expit(-ends.h)
    alone = ~np.isfinite(ends.width)
    l_h = np.where(alone, above, width * above + pull)
    v = above * expit(ends.h)
    return l_h, width * v, -width * _bend(ends.h)


def _normal(ends: Ends) -> tuple[Array, Array, Array, Array, Array]:
    """log P, A, B, hA and gB.

    Both ends are turned into the lower tail, where Φ(x) = erfcx(-x/√2) exp(-x²/2)/2 and so
    φ(x)/Φ(x) and the ratio of two Φ keep all digits.
    """
    flip = ends.h + ends.g > 0
    high, low = np.where(flip, -ends.g, ends.h), np.where(flip, -ends.h, ends.g)
    alone, tail = np.isinf(low), high < 0
    width = np.where(alone, 1.0, ends.width)
    low = np.where(alone, high - 1.0, low)
    drop = -0.5 * width * (high + low)  # log of φ(high)/φ(low)
    log_high, scaled = log_ndtr(high), erfcx(-np.minimum(high, 0.0) / ROOT_TWO)
    mills = np.where(
        tail, ROOT_TWO_OVER_PI / scaled, np.exp(_log_density(high) - np.maximum(log_high, -1.0))
    )
    fall = np.log(scaled / erfcx(-np.minimum(low, 0.0) / ROOT_TWO)) + drop
    gap = np.where(tail, fall, log_high - log_ndtr(low))
    inside = np.where(alone, 1.0, -np.expm1(-np.maximum(gap, 1e-300)))
    near = mills / inside
    far = np.where(alone, 0.0, near * np.exp(-np.maximum(drop, 0.0)))
    A, B = np.where(flip, far, near), np.where(flip, near, far)
    h, g = _finite(ends.h), _finite(ends.g)
    return log_high + np.log(inside), A, B, h * A, g * B


def _log_density(x: Array) -> Array:
    # Only used for x >= 0, where the ratio to Φ cannot overflow.
    x = np.maximum(x, 0.0)
    return -0.5 * x * x - HALF_LOG_TWO_PI


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), x, 0.0)


def _probit_slopes(ends: Ends) -> Slopes:
    log_p, A, B, hA, gB = _normal(ends)
    r = B - A
    return log_p, r, r * r - (gB - hA)


def _probit_third(ends: Ends) -> Array:
    _, A, B, hA, gB = _normal(ends)
    r = B - A
    w = r * r - (gB - hA)
    return r**3 - 3.0 * r * w + r + _finite(ends.h) * hA - _finite(ends.g) * gB


def _probit_upper(ends: Ends) -> Slopes:
    _, A, B, hA, gB = _normal(ends)
    r, p = B - A, gB - hA
    h = _finite(ends.h)
    width = np.where(np.isfinite(ends.width), ends.width, 1.0)
    r_h = hA - r * A
    return width * A, width * r_h, width * (2.0 * r * r_h - (h * hA - A) + p * A)


LOGIT = Curve(
    slopes=_logit_slopes,
    third=_logit_third,
    upper=_logit_upper,
    cdf=expit,
    quantile=logit,
    latent_variance=np.pi**2 / 3,
)
PROBIT = Curve(
    slopes=_probit_slopes,
    third=_probit_third,
    upper=_probit_upper,
    cdf=ndtr,
    quantile=ndtri,
    latent_variance=1.0,
)


def _auxiliary_slopes(
    curve: Curve,
) -> Callable[[Array, Array, Array, Array], AuxiliarySlopes]:
    def auxiliary_slopes(y: Array, eta: Array, m: Array, psi: Array) -> AuxiliarySlopes:
        ends = _ends(y, eta, psi)
        _, r, w = curve.slopes(ends)
        both, alone = (-r, w, -curve.third(ends)), curve.upper(ends)
        level, number = np.round(y)[..., None], np.arange(psi.shape[1])
        steps = np.concatenate(
            [np.ones((len(psi), 1)), np.exp(np.clip(psi[:, 1:], -60.0, WIDEST))], axis=1
        )
        below, here = number < level, number == level
        found = [
            m[..., None] * np.where(below, steps * b[..., None], np.where(here, a[..., None], 0.0))
            for b, a in zip(both, alone, strict=True)
        ]
        return found[0], found[1], found[2]

    return auxiliary_slopes


def _start(curve: Curve) -> Callable[[Array, Array], Array]:
    def start(y: Array, m: Array) -> Array:
        """Thresholds of a model without covariates."""
        counts = np.bincount(np.round(y).astype(np.intp), weights=m)
        share = np.cumsum(counts)[:-1] / counts.sum()
        theta = curve.quantile(np.clip(share, 1e-4, 1 - 1e-4))
        return np.concatenate([theta[:1], np.log(np.maximum(np.diff(theta), 1e-3))])

    return start


def _at(family: Family, curve: Curve, psi: Array) -> Family:
    def slopes(y: Array, eta: Array, m: Array) -> Slopes:
        kernel, r, w = curve.slopes(_ends(y, eta, psi))
        return m * kernel, m * r, m * w

    def probabilities(eta: Array) -> Array:
        upto = curve.cdf(thresholds(psi) - eta[:, None])
        return np.diff(upto, axis=1, prepend=0.0, append=1.0)

    def draw(rng: np.random.Generator, eta: Array, trials: Array, sd: float) -> Array:
        upto = curve.cdf(thresholds(psi) - eta[:, None])
        return (rng.random(len(eta))[:, None] > upto).sum(axis=1).astype(np.float64)

    def bounds(y: Array, eta: Array, trials: Array, sd: float) -> tuple[Array, Array]:
        ends = _ends(y, eta, psi)
        return curve.cdf(ends.g), curve.cdf(ends.h)

    def inverse(eta: Array) -> Array:
        return probabilities(eta) @ np.arange(1.0, psi.shape[1] + 2.0)

    return replace(
        family,
        slopes=slopes,
        third=lambda y, eta, m: m * curve.third(_ends(y, eta, psi)),
        inverse=inverse,
        probabilities=probabilities,
        draw=draw,
        bounds=bounds,
    )


def _for_levels(family: Family, curve: Curve, labels: tuple[Any, ...]) -> Family:
    """Make the family for these labels; two levels or one are no ordered outcome."""
    if len(labels) < 2:
        raise ModelError(
            "The outcome has one level in the rows used; there is nothing to explain. Check the "
            "coding and the rows left out."
        )
    names = tuple(f"{low}|{high}" for low, high in pairwise(labels))
    ready = replace(family, auxiliary=names, auxiliary_slopes=_auxiliary_slopes(curve))
    ready = replace(ready, auxiliary_start=_start(curve), thresholds=threshold_slopes)
    ready = replace(ready, at=lambda psi: _at(ready, curve, psi))
    return _at(ready, curve, np.zeros((1, len(names))))


def check(y: Array) -> str | None:
    """The design numbers the levels, so any number that is one is right."""
    return None


def _make(name: str, link: str, curve: Curve) -> Family:
    psi = np.zeros((1, 1))
    empty = Family(
        name=name,
        link=link,
        slopes=lambda y, eta, m: curve.slopes(_ends(y, eta, psi)),
        third=lambda y, eta, m: curve.third(_ends(y, eta, psi)),
        constant=lambda y, weights, trials: np.zeros_like(y),
        inverse=lambda eta: eta,
        variance=np.ones_like,
        start=lambda y, m: np.zeros_like(y),
        check=check,
        latent_variance=curve.latent_variance,
        sums_up=False,
        outcome="levels",
        for_outcome=lambda labels: _for_levels(empty, curve, labels),
    )
    return replace(_for_levels(empty, curve, (0, 1)), auxiliary=("0|1",))


def cumulative_logit(link: str = "logit") -> Family:
    """Return the cumulative logit family, for two levels until `for_outcome` names them.

    `inverse` is the mean level, counted from 1.

    >>> cumulative_logit().for_outcome(("never", "once", "often")).auxiliary
    ('never|once', 'once|often')
    """
    return _make("cumulative_logit", link, LOGIT)


def cumulative_probit(link: str = "probit") -> Family:
    """Return the cumulative probit family, for two levels until `for_outcome` names them.

    >>> cumulative_probit().latent_variance
    1.0
    """
    return _make("cumulative_probit", link, PROBIT)
