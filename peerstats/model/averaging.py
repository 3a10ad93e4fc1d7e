"""Averages over a normal effect: what the mean outcome is over groups, not in a typical one.

For a row with linear predictor η and random effects of total variance s², whatever their
structure, the average of f over groups is one integral of one variable,

    E f(η + s z),   z ~ N(0, 1),   by Gauss-Hermite quadrature with 40 nodes.

Forty are exact to 1e-8 for a logit up to s = 3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NODES = 40


@cache
def normal_rule(nodes: int = NODES) -> tuple[Array, Array]:
    """Nodes and weights for averages over a standard normal variable."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return points, weights / weights.sum()


def average(function: Callable[[Array], Array], eta: Array, variance: Array) -> Array:
    """Return E f(η + s z) of each row (n,).

    >>> float(average(np.exp, np.zeros(1), np.ones(1))[0].round(6))  # exp(1/2)
    1.648721
    """
    spread = np.sqrt(variance)
    total = np.zeros_like(eta)
    for point, weight in zip(*normal_rule(), strict=True):
        total = total + weight * function(eta + spread * point)
    return total
