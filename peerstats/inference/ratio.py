"""Tests and intervals from a likelihood ratio, for any likelihood that can be maximised again.

For one coefficient b let l(c) be the maximum with b held at c. The signed root of the ratio,

    ζ(c) = sign(c - b̂) √(2 [l(b̂) - l(c)]),

is nearly a straight line of slope 1/se, so the interval's ends, where |ζ| meets the critical value,
are found by the secant method from the Wald ends, each step held inside the bracket found so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scipy import special

from peerstats.errors import ModelError

CLOSE = 1e-6  # of the critical value
STEPS = 60
FURTHEST = 1e6  # standard errors beyond which an interval has no end


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """ζ of one coefficient, its estimate and the standard error there."""

    zeta: Callable[[float], float]
    estimate: float
    std_error: float

    def root(self, value: float) -> float:
        """The signed root as a test statistic of b = value: positive for an estimate above it."""
        return -self.zeta(value)

    def shrunk(self, factor: float) -> Ratio:
        """Return the ratio times a factor below 1; ModelError where nothing of it is left."""
        if factor <= 0.0:
            raise ModelError("there are as many parameters as women")
        scale = math.sqrt(factor)
        return replace(self, zeta=lambda value: scale * self.zeta(value))

    def end(self, critical: float) -> float:
        """The value beyond the estimate (below it for a negative `critical`) with |ζ| = |critical|.

        Infinite when the likelihood never falls that far, or falls in a jump, as where a search
        fails at extreme values: then no end is known.
        """
        side, wanted = math.copysign(1.0, critical), abs(critical)
        inside, at_inside, outside = 0.0, 0.0, math.inf
        distance = wanted * self.std_error
        for _ in range(STEPS):
            here = abs(self.root(self.estimate + side * distance))
            if abs(here - wanted) <= CLOSE * wanted:
                return self.estimate + side * distance
            if distance <= inside:  # the bracket has closed where the likelihood jumps
                break
            slope = (here - at_inside) / (distance - inside)
            if here < wanted:
                inside, at_inside = distance, here
            else:
                outside = distance
            following = distance + (wanted - here) / slope if slope > 0 else math.inf
            if not inside < following < outside or following > 3.0 * distance:
                following = 3.0 * distance if math.isinf(outside) else 0.5 * (inside + outside)
            if following > FURTHEST * self.std_error:
                break
            distance = following
        return side * math.inf


def tail(root: float, df: float) -> float:
    """Two-sided p-value of a signed root: χ²_1 of its square for df infinite, else F(1, df).

    >>> round(tail(1.96, math.inf), 3)
    0.05
    """
    return float(2.0 * special.stdtr(df, -abs(root)))


def quantile(df: float, alpha: float) -> float:
    """The root at which `tail` is alpha."""
    return float(special.stdtrit(df, 1.0 - alpha / 2.0))
