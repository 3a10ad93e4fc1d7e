"""Sampling weights in mixed models: pseudo-likelihood and a sandwich by cluster.

A woman who stands for many others carries a weight w_ij, the inverse of her probability to be
interviewed given her site j. With u_j the effects of a cluster and f the family's density,

    pl(φ) = Σ_j log ∫ exp{Σ_i w*_ij log f(y_ij | u_j)} φ(u_j) du_j

(Pfeffermann et al. 1998, J R Stat Soc B 60:23; Rabe-Hesketh & Skrondal 2006, J R Stat Soc A
169:805). The weights' sum in a cluster plays the part of its number of rows, so their scale moves
the variances; they are scaled to sum to it (method 2 of the first, method 1 of the second):

    w*_ij = n_j w_ij / Σ_i w_ij,   j the lowest level, such as the venue in (1 | site/venue).

What is left are differences in probability within clusters. Clusters themselves count alike.

pl is no likelihood: it has no AIC, no likelihood-ratio test and no profile, and its curvature says
nothing of its precision. With s_j = ∂pl_j/∂φ of the J top clusters and H = -∂²pl/∂φ²,

    Cov(φ̂) = H⁻¹ (J/(J-1) Σ_j s_j s_j') H⁻¹.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.design import Design
from peerstats.model.engines.components import transformed
from peerstats.model.refit import take_rows, with_solution
from peerstats.model.surface import covariance_of, printed_scale, surface_of

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

MANY_CLUSTERS = 40  # below it a sandwich is known to be too small


def scale_weights(design: Design, altered: bool) -> tuple[Design, str]:
    """Scale the design's weights within the lowest clusters; return it with the top factor's name.

    `altered` tells REML or a penalty. Raises ModelError for those, for a model without a random
    part and where groups are crossed or rows belong to several.
    """
    if not design.formula.random:
        raise ModelError(
            "Sampling weights in fit() need a random part, whose groups are the clusters of the "
            "standard errors; for a model without one use gee(..., groups=..., "
            "sampling_weights=..., correlation='independence')."
        )
    if altered:
        raise ModelError(
            "Sampling weights make a pseudo-likelihood, which has neither REML nor penalties: "
            "leave out reml and penalty."
        )
    top, lowest = _nesting(design)
    grouping, weights = design.groups[lowest], design.weights
    assert weights is not None  # noqa: S101 (sampling weights were given)
    total = np.bincount(grouping.codes, weights, minlength=len(grouping.levels))
    scaled = weights * (grouping.sizes / total)[grouping.codes]
    scaled.flags.writeable = False
    return replace(design, weights=scaled), top


def _nesting(design: Design) -> tuple[str, str]:
    """The factor that contains all others, and that which all others contain."""
    factors = sorted(design.groups.values(), key=lambda g: len(g.levels))
    several = any(g.members is not None for g in factors)
    for outer, inner in pairwise(factors):
        pairs = len(np.unique(inner.codes * len(outer.levels) + outer.codes))
        several = several or pairs > len(inner.levels)
    if several:
        raise ModelError(
            "Sampling weights need clusters that share no rows and no effects: grouping factors "
            "must be nested, such as (1 | site/venue), not crossed or of several members."
        )
    return factors[0].name, factors[-1].name


def with_sandwich(fit: Fit) -> Fit:
    """Return the fit with the sandwich covariance, and a message on what the weights do."""
    surface = surface_of(fit)
    modes = surface.objective(surface.best, surface.modes).modes
    bread = covariance_of(surface, modes)
    scores = cluster_scores(fit)
    count = len(scores)
    around = bread @ (scores.T @ scores * count / max(count - 1, 1)) @ bread
    told = [
        f"Sampling weights sum to the number of rows in each level of '{_nesting(fit.design)[1]}': "
        "they correct for who was interviewed there, not for which levels were visited.",
    ]
    if count < MANY_CLUSTERS:
        told.append(
            f"The standard errors are a sandwich over {count} levels of '{fit.sampled}', too small "
            f"below about {MANY_CLUSTERS}."
        )
    convergence = fit.convergence
    convergence = replace(convergence, messages=(*convergence.messages, *told))
    covariance = transformed(around, printed_scale(fit, surface))
    return with_solution(fit, replace(fit.solution, covariance=covariance, convergence=convergence))


def cluster_scores(fit: Fit) -> Array:
    """Return the derivatives of each top cluster's part of pl at the estimates, (J, parameters)."""
    codes = fit.design.groups[fit.sampled].codes
    order = np.argsort(codes, kind="stable")
    found = []
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        part = surface_of(replace(fit, design=take_rows(fit.design, np.sort(rows))))
        found.append(part.objective(part.best, part.modes).gradient[part.formula_order])
    # The parameters stand in the order of the whole fit's surface, as the bread does.
    whole = np.argsort(surface_of(fit).formula_order)
    return np.array(found)[:, whole]
