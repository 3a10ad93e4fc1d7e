"""Profiles of the penalised likelihood: the ratio statistic at a value, and the interval's ends.

With z(c) = √(2 [l*(max) - l*(b_k = c)]), nearly a straight line away from the maximum, an end of
the interval solves z(c) = z_crit. The slope of l* along the profile is its partial derivative u_k
there (the other parameters are at their maximum), so dz/dc = -u_k / z and Newton's method needs no
differences. Each search starts where the last one ended; a bracket keeps the steps honest.
"""

from __future__ import annotations

import numpy as np

from peerstats.model.marginal.jeffreys import Maximum, SiteRows, maximise

CLOSE = 1e-9  # standard errors
STEPS = 80


def held_at(rows: SiteRows, near: Maximum, k: int, value: float) -> Maximum:
    """Maximise l* with slope k held at `value`, from a maximum nearby."""
    b = near.point.b.copy()
    b[k] = value
    return maximise(rows, (near.point.alpha, b), held=k)


def profile_ratio(rows: SiteRows, best: Maximum, k: int, value: float) -> float:
    """2 [l*(max) - l*(b_k = value)]."""
    found = held_at(rows, best, k, value)
    return max(2.0 * (best.point.value - found.point.value), 0.0)


def limit(rows: SiteRows, best: Maximum, k: int, z: float) -> float:
    """The value of slope k, above (z > 0) or below its estimate, whose ratio statistic is z²."""
    centre, side = float(best.point.b[k]), float(np.sign(z))
    spread = float(np.sqrt(np.linalg.inv(best.point.S)[k, k]))
    inside, outside = 0.0, np.inf  # distances from the estimate
    distance, near = abs(z) * spread, best
    for _ in range(STEPS):
        near = held_at(rows, near, k, centre + side * distance)
        here = float(np.sqrt(max(2.0 * (best.point.value - near.point.value), 0.0)))
        if here < abs(z):
            inside = distance
        else:
            outside = distance
        slope = -side * float(near.point.u_b[k]) / max(here, 1e-12)
        step = (abs(z) - here) / slope if slope > 0 else np.inf
        following = distance + step
        if not inside < following < outside or following > 3.0 * distance:
            following = 2.0 * distance if np.isinf(outside) else 0.5 * (inside + outside)
        if abs(step) < CLOSE * spread or abs(following - distance) < CLOSE * spread:
            return centre + side * following
        distance = following
    return centre + side * distance
