"""A planned study: who is exposed where, and outcomes drawn on that layout.

Exposed women, venues or sites are spread as evenly as their number allows: the shares of a real
study vary around them, which costs a little power. Outcomes follow

    logit P(y = 1) = b0 + b1 x + u_site + v_venue,   u ~ N(0, τ_s²),  v ~ N(0, τ_v²),

with b0 and b1 such that the risks of all unexposed and all exposed women, over the distribution of
u + v, are those planned; τ² = ICC · (π²/3) / (1 - ICC_site - ICC_venue) on the latent scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from peerstats.spec.power import PowerPlan, risks

Array = NDArray[np.float64]

LATENT = math.pi**2 / 3
NODES = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planned:
    """A layout: unexposed and exposed women of each venue, (sites, venues, 2)."""

    plan: PowerPlan
    sites: int
    women_per_venue: int
    n: Array

    @property
    def df(self) -> float:
        """Degrees of freedom of the test: infinite for an exposure of women."""
        J, V = self.n.shape[:2]
        level = self.plan.exposure.level
        return {"site": J - 2.0, "venue": J * V - J - 1.0}.get(level, math.inf)


def planned(plan: PowerPlan, sites: int, women_per_venue: int) -> Planned:
    """Return the layout of one cell of the grid."""
    V, m = plan.design.venues_per_site, women_per_venue
    q, level = plan.exposure.prevalence, plan.exposure.level
    exposed = np.zeros((sites, V))
    if level == "site":
        exposed += (_spread(sites, q, 1) * m)[:, None]
    elif level == "venue":
        exposed += _spread(sites * V, q, 1).reshape(sites, V) * m
    else:
        exposed += _spread(sites * V, q, m).reshape(sites, V)
    return Planned(
        plan=plan,
        sites=sites,
        women_per_venue=m,
        n=np.stack([m - exposed, exposed], axis=2),
    )


def _spread(units: int, share: float, size: int) -> Array:
    """Exposed among `size` in each of `units`, the total as near to the share as can be.

    >>> _spread(5, 0.5, 1).tolist(), _spread(2, 0.5, 5).tolist()
    ([0.0, 1.0, 0.0, 1.0, 0.0], [2.0, 3.0])
    """
    total = int(np.clip(math.floor(share * units * size + 1e-9), 1, units * size - 1))
    steps = np.floor(np.arange(units + 1) * total / units + 1e-9)
    return np.asarray(np.diff(steps))


def deviations(plan: PowerPlan) -> tuple[float, float]:
    """Return τ of sites and of venues."""
    left = 1.0 - plan.outcome.icc_site - plan.outcome.icc_venue
    return (
        math.sqrt(plan.outcome.icc_site / left * LATENT),
        math.sqrt(plan.outcome.icc_venue / left * LATENT),
    )


def log_odds(risk: float, deviation: float) -> float:
    """Return the log odds of a typical woman whose risk over N(0, deviation²) is `risk`.

    >>> round(log_odds(0.3, 0.0), 6), log_odds(0.3, 1.0) < log_odds(0.3, 0.0)
    (-0.847298, True)
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)

    def excess(eta: float) -> float:
        mean = 1 / (1 + np.exp(-(eta + deviation * nodes)))
        return float(weights @ mean / weights.sum() - risk)

    return float(optimize.brentq(excess, -60.0, 60.0, xtol=1e-12))


def draw(study: Planned, effect: float, rng: np.random.Generator, size: int) -> Array:
    """Return how many women have the outcome, (sites, venues, 2, size)."""
    of_site, of_venue = deviations(study.plan)
    total = math.hypot(of_site, of_venue)
    eta = np.array([log_odds(risk, total) for risk in risks(study.plan, effect)])
    J, V, _ = study.n.shape
    u = of_site * rng.standard_normal((J, 1, 1, size))
    v = of_venue * rng.standard_normal((J, V, 1, size))
    risk = 1 / (1 + np.exp(-(eta[:, None] + u + v)))
    counts = np.broadcast_to(study.n[..., None], risk.shape).astype(np.int64)
    return rng.binomial(counts, risk).astype(np.float64)


def conditional_effect(study: Planned, effect: float) -> float:
    """Return b1, the log odds ratio within a site and venue."""
    total = math.hypot(*deviations(study.plan))
    unexposed, exposed = (log_odds(risk, total) for risk in risks(study.plan, effect))
    return exposed - unexposed
