"""The random part of a fit on the scale of its intervals: log standard deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from peerstats.inference.layout import factor_noun, random_intercepts
from peerstats.inference.remarks import FEW_FOR_VARIANCE

if TYPE_CHECKING:
    from peerstats.model.fit import Fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogSd:
    """Random intercepts' standard deviations by factor, and the covariance of their logarithms.

    `factors` are grouping factors in the formula's order, `variances` (k,) their variances;
    `residual` is the residual variance (gaussian), the latent one (logit: π²/3), or None where
    the link has none. `covariance` is that of the k log standard deviations, with a last row for
    the log residual one in gaussian models; rows of a variance at zero are nan.
    """

    factors: tuple[str, ...]
    variances: NDArray[np.float64]
    covariance: NDArray[np.float64]
    residual: float | None


def log_sds(fit: Fit) -> LogSd:
    """Return the random intercepts of a fit."""
    factors = random_intercepts(fit)
    rows = fit.varcorr.drop_duplicates("group").set_index("group").loc[list(factors)]
    p = len(fit.solution.beta) + len(fit.solution.auxiliary)
    residual = fit.family.latent_variance
    if fit.family.has_dispersion:
        residual = float(fit.dispersion)
    return LogSd(
        factors=factors,
        variances=rows["variance"].to_numpy(dtype=float),
        covariance=np.asarray(fit.covariance, dtype=float)[p:, p:],
        residual=residual,
    )


def why_not_reported(fit: Fit, factor: str) -> str:
    """Return why a factor's variance is no finding, or "".

    The sentence has no capital and no full stop.
    """
    count = fit.groups[factor]
    if count < FEW_FOR_VARIANCE:
        noun = factor_noun(factor)
        return f"with {count} {noun}s this design cannot show how much {noun}s differ"
    return ""
