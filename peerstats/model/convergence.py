"""What a fit knows about its own optimum, and what an engine hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


INCREDIBLE = 6.0  # an sd of effects on the logit scale that pushes risks to 0 and 1
RUNAWAY = (
    "A standard deviation between groups is incredibly large: most groups are nearly all yes or "
    "all no, so the search ran off and may have met a maximum of the approximation only. Do not "
    "use these numbers; compare the groups by conditional_logit() or gee(), or use method='agq' if "
    "one factor has all groups."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """Did the optimiser reach a maximum, and one that may be used?

    A standard deviation above `INCREDIBLE` where risks are modelled is no result: `converged` is
    False there too, wherever the search ended.

    `gradient` is the largest element of the gradient in units of standard errors (the step to
    the optimum is about that many standard errors long); `min_eigenvalue` is the smallest
    eigenvalue of the negative Hessian in the whitened space, where 1 is typical and 0 or less
    means a flat or rising direction. `restart` is the largest difference, in standard errors,
    between this optimum and where a second start ended: 0 when both agree, nan when the first
    search was sound and no second start was made. `singular` says that a variance was estimated as
    zero.
    """

    converged: bool
    gradient: float
    min_eigenvalue: float
    restart: float = np.nan
    singular: bool = False
    iterations: int = 0
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """Numbers from an engine, in the order of the design's columns and random terms.

    `sds` holds the standard deviations of all random effects, block by block, and `correlations`
    the matrix of each block (none are given when every block has one effect). `covariance` is that
    of (β, γ, each block's log sds and atanh correlations row by row, log residual sd when there is
    one), rows of a zero variance being nan. `modes` maps a grouping factor to the conditional modes
    and their standard deviations: (levels,), or (levels, effects) where it has several.
    `auxiliary` holds γ, the family's own parameters.
    """

    beta: Array
    sds: Array
    covariance: Array
    loglik: float
    dispersion: float
    modes: Mapping[str, tuple[Array, Array]]
    convergence: Convergence
    has_residual_sd: bool = False
    method: str = "ML"
    correlations: tuple[Array, ...] = ()
    auxiliary: Array = field(default_factory=lambda: np.zeros(0))
