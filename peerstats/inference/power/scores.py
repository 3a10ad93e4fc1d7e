"""How a planned study would be analysed: by the methods of the default rule, many at a time.

women exposed    comparison within sites (within venues where venues differ), Firth's profile
                 penalised likelihood ratio
venues exposed   each venue's log odds (Firth's, ½ added), least squares on exposure and sites,
                 t with venues - sites - 1 degrees of freedom
sites exposed    each site's log odds, least squares on exposure, t with sites - 2
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from peerstats.inference.power.planned import Planned
from peerstats.model.batch.firth import fit_firth, hold_firth, profile_ratio
from peerstats.model.batch.tables import Tables
from peerstats.model.marginal.shrinkage import spread_out

Array = NDArray[np.float64]

ALPHA = 0.05
TIGHT = 1e-12


def analyse(study: Planned, yes: Array) -> tuple[Array, Array, Array]:
    """Return estimate, p-value and interval width (log odds) of each replicate, (R,) each.

    nan where all women have the outcome or none has. The width of the likelihood interval is that
    of its quadratic approximation.
    """
    everybody = study.n.sum()
    total = yes.sum(axis=(0, 1, 2))
    kept = np.flatnonzero((total > 0) & (total < everybody))
    found = np.full((3, yes.shape[-1]), np.nan)
    if len(kept):
        method = _within if study.plan.exposure.level == "within" else _between
        with np.errstate(all="ignore"):
            found[:, kept] = method(study, yes[..., kept])
    return found[0], found[1], found[2]


def _within(study: Planned, yes: Array) -> Array:
    J, V, _ = study.n.shape
    R = yes.shape[-1]
    n = np.repeat(study.n[..., None], R, axis=3)
    if study.plan.outcome.icc_venue > 0:
        n, yes = n.reshape(J * V, 2, R), yes.reshape(J * V, 2, R)
    else:
        n, yes = n.sum(axis=1), yes.sum(axis=1)
    x = np.array([0.0, 1.0]).reshape(1, 2, 1)
    tables = Tables(columns=(x,), yes=yes, n=n)
    best = fit_firth(tables, np.ones((1, R), dtype=bool), tight=TIGHT)
    held = hold_firth(tables, best, 0, 0.0, tight=TIGHT)
    ratio = np.where(best.converged & held.converged, profile_ratio(best, held), np.nan)
    p = 2 * stats.norm.sf(np.sqrt(ratio))
    critical = float(stats.norm.isf(ALPHA / 2))
    return np.stack([best.b[0], p, 2 * critical / np.sqrt(best.S[0, 0])])


def _between(study: Planned, yes: Array) -> Array:
    """Least squares between sites, or between venues of the same site."""
    n = study.n.sum(axis=2)
    x = study.n[..., 1] / n
    of_sites = study.plan.exposure.level == "site"
    events = yes.sum(axis=2)
    if of_sites:
        n, x, events = n.sum(axis=1), x[:, 0], events.sum(axis=1)
    odds = np.log((events + 0.5) / (n[..., None] - events + 0.5))
    if of_sites:
        odds = spread_out(odds, events, np.broadcast_to(n[..., None], events.shape))
    # Differences from the mean: of all sites, or of the venue's own site.
    centre = 0 if of_sites else 1
    gap = x - x.mean(axis=centre, keepdims=not of_sites)
    left = odds - odds.mean(axis=centre, keepdims=True)
    axes = tuple(range(left.ndim - 1))
    square = float((gap**2).sum())
    slope = (gap[..., None] * left).sum(axis=axes) / square
    rest = ((left - gap[..., None] * slope) ** 2).sum(axis=axes)
    error = np.sqrt(rest / study.df / square) if study.df > 0 else np.full_like(slope, np.nan)
    p = (
        2 * stats.t.sf(np.abs(slope) / error, study.df)
        if study.df > 0
        else np.full_like(slope, np.nan)
    )
    width = 2 * error * (stats.t.isf(ALPHA / 2, study.df) if study.df > 0 else np.nan)
    return np.stack([slope, p, width])
