"""Modified Poisson regression: prevalence ratios of a yes/no outcome (Zou 2004; Zou & Donner 2013).

A Poisson model with a log link fitted to 0/1 outcomes estimates log prevalence ratios without
bias; its own variance is wrong, so only the cluster-robust one is offered.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from peerstats.errors import DataError
from peerstats.model.design import Weights
from peerstats.model.formula import Formula
from peerstats.model.marginal.gee import gee
from peerstats.model.marginal.result import MarginalFit
from peerstats.model.prediction import check_choice


def modified_poisson(
    formula: str | Formula,
    data: Any,
    groups: str,
    *,
    covariance: Literal["cr2", "mancl_derouen", "robust"] = "cr2",
    reference: Literal["t", "z"] = "t",
    weights: Weights | None = None,
) -> MarginalFit:
    """Estimate prevalence ratios: log link, Poisson variance, independence, CR2 and t.

    The outcome is coded 0 and 1; `groups` names the clusters' variable. `ratios()` of the result
    gives prevalence ratios with intervals. Raises as `gee` does, and DataError for other codes.

    >>> import numpy as np
    >>> site = np.repeat(np.arange(6), 40)
    >>> x = np.tile([0, 1], 120)
    >>> y = np.tile([0, 0, 0, 1, 1, 1, 0, 1], 30)
    >>> model = modified_poisson("y ~ x", {"y": y, "x": x, "site": site}, "site")
    >>> model.ratios().loc["x", "ratio"].round(6)
    np.float64(3.0)
    """
    check_choice("covariance", covariance, ("cr2", "mancl_derouen", "robust"))
    fitted = gee(
        formula,
        data,
        groups,
        "poisson",
        correlation="independence",
        covariance=covariance,
        reference=reference,
        weights=weights,
    )
    if not np.isin(fitted.design.y, (0.0, 1.0)).all():
        raise DataError(
            f"Outcome '{fitted.formula.outcome}' of a modified Poisson model must be coded 0 and "
            "1. For counts use gee(..., family='poisson')."
        )
    return fitted
