"""Measurements with constant variance, identity link; derivatives are for dispersion 1."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from peerstats.model.families.family import Array, Family

LINKS = ("identity",)


def slopes(y: Array, eta: Array, m: Array) -> tuple[Array, Array, Array]:
    """Kernel -m(y - η)²/2, r = m(y - η), W = m."""
    gap = y - eta
    return -0.5 * m * gap * gap, m * gap, m


def third(y: Array, eta: Array, m: Array) -> Array:
    """W does not depend on η."""
    return np.zeros_like(y)


def constant(y: Array, weights: Array, trials: Array) -> Array:
    """Minus half log 2π."""
    return -0.5 * weights * np.log(2 * np.pi)


def check(y: Array) -> str | None:
    """Every finite number is a measurement."""
    return None


def draw(rng: np.random.Generator, eta: Array, trials: Array, sd: float) -> Array:
    """η plus a normal error of that standard deviation."""
    return eta + sd * rng.standard_normal(len(eta))


def bounds(y: Array, eta: Array, trials: Array, sd: float) -> tuple[Array, Array]:
    """The two are equal for a continuous outcome."""
    upto = ndtr((y - eta) / sd)
    return upto, upto


def unit_deviance(y: Array, mu: Array) -> Array:
    """The squared difference."""
    return (y - mu) ** 2


def gaussian(link: str = "identity") -> Family:
    """Return the gaussian family.

    >>> gaussian().has_dispersion
    True
    """
    return Family(
        name="gaussian",
        link=link,
        slopes=slopes,
        third=third,
        constant=constant,
        inverse=lambda eta: eta,
        variance=np.ones_like,
        start=lambda y, m: y,
        check=check,
        has_dispersion=True,
        sums_up=False,
        draw=draw,
        bounds=bounds,
        unit_deviance=unit_deviance,
    )
