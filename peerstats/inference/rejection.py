"""Intervals from tests that have no formula: the values of a coefficient that are not rejected.

A permutation or bootstrap p-value is a step function of the value tested, so its ends are searched
for by bisection: one value inside, where the p-value is above alpha, and one outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from peerstats.errors import ModelError

CLOSE = 1e-3  # standard errors
FURTHEST = 64.0  # standard errors beyond which an interval has no end
STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """`tails` gives the shares above and below the observed statistic when b = c."""

    tails: Callable[[float], tuple[float, float]]
    estimate: float
    scale: float


def interval_of(test: Rejection, alpha: float) -> tuple[float, float]:
    """The values, either side of the estimate, at which a tail falls to alpha / 2.

    An end is infinite where it never does. ModelError where both are: nothing is learnt.
    """
    low, high = _end(test, alpha, -1.0), _end(test, alpha, 1.0)
    if math.isinf(low) and math.isinf(high):
        raise ModelError("its test rejects no value however far from the estimate")
    return low, high


def _end(test: Rejection, alpha: float, side: float) -> float:
    # Testing a value below the estimate leaves the observed statistic high, its upper tail thin.
    place = 0 if side < 0 else 1

    def rejects(distance: float) -> bool:
        return test.tails(test.estimate + side * distance)[place] <= alpha / 2

    inside, outside = 0.0, 2.0 * test.scale
    while not rejects(outside):
        inside, outside = outside, 1.5 * outside
        if outside > FURTHEST * test.scale:
            return side * math.inf
    while outside - inside > CLOSE * test.scale:
        middle = 0.5 * (inside + outside)
        inside, outside = (inside, middle) if rejects(middle) else (middle, outside)
    return test.estimate + side * 0.5 * (inside + outside)


def centre_of(falling: Callable[[float], float], start: float, scale: float) -> tuple[float, float]:
    """The value at which a statistic that falls in b is 0, and the size of its slope there."""
    from scipy.optimize import brentq

    reach = scale
    while not (falling(start - reach) > 0.0 > falling(start + reach)):
        reach *= 2.0
        if reach > FURTHEST * scale:
            raise ModelError("the statistic is 0 for no value of the coefficient")
    value = float(brentq(falling, start - reach, start + reach, xtol=1e-8 * scale))
    step = 0.01 * scale
    slope = (falling(value - step) - falling(value + step)) / (2.0 * step)
    if not slope > 0.0 or math.isinf(slope):
        raise ModelError("the statistic does not change with the coefficient")
    return value, slope
