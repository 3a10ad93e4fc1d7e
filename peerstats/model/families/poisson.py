"""Counts with variance equal to the mean, log link (McCullagh & Nelder 1989, ch. 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln, pdtr, xlogy

from peerstats.model.families.family import LARGEST_EXPONENT, Array, Family

LINKS = ("log",)


def _mean(eta: Array) -> Array:
    return np.exp(np.minimum(np.maximum(eta, -LARGEST_EXPONENT), LARGEST_EXPONENT / 4))


def slopes(y: Array, eta: Array, m: Array) -> tuple[Array, Array, Array]:
    """Kernel m(yη - μ), r = m(y - μ), W = mμ."""
    expected, observed = m * _mean(eta), m * y
    return observed * eta - expected, observed - expected, expected


def third(y: Array, eta: Array, m: Array) -> Array:
    """W' = mμ."""
    return m * _mean(eta)


def constant(y: Array, weights: Array, trials: Array) -> Array:
    """Minus log y!."""
    return -weights * gammaln(y + 1)


def check(y: Array) -> str | None:
    """None when every value is a count."""
    if np.any(y < 0) or np.any(y != np.round(y)):
        return "must be counts (0, 1, 2, ...), but negative or broken numbers were found"
    return None


def draw(rng: np.random.Generator, eta: Array, trials: Array, sd: float) -> Array:
    """Counts with mean exp(η)."""
    return rng.poisson(_mean(eta)).astype(np.float64)


def bounds(y: Array, eta: Array, trials: Array, sd: float) -> tuple[Array, Array]:
    """The Poisson distribution function just below y and at y."""
    mu = _mean(eta)
    return np.where(y > 0, pdtr(np.maximum(y - 1, 0), mu), 0.0), pdtr(y, mu)


def unit_deviance(y: Array, mu: Array) -> Array:
    """2 [y log(y/μ) - (y - μ)]."""
    return 2.0 * (xlogy(y, y) - xlogy(y, mu) - (y - mu))


def _glm_family() -> Any:
    from statsmodels.genmod.families import Poisson

    return Poisson()


def poisson(link: str = "log") -> Family:
    """Return the Poisson family.

    >>> poisson()
    <Family: poisson(log)>
    """
    return Family(
        name="poisson",
        link=link,
        slopes=slopes,
        third=third,
        higher=lambda y, eta, m, r, w: (w, w),
        constant=constant,
        inverse=_mean,
        variance=lambda mu: mu,
        start=lambda y, m: np.log(y + 0.5),
        check=check,
        glm_family=_glm_family,
        draw=draw,
        bounds=bounds,
        unit_deviance=unit_deviance,
    )
