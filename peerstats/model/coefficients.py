"""A fit's coefficients as printed: thresholds of ordered outcomes come before the slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from peerstats.model.convergence import Solution
from peerstats.model.design import Design
from peerstats.model.families import Family

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coefficients:
    """Names, estimates and their covariance, in the order printed."""

    names: list[str]
    values: Array
    covariance: Array


def coefficients(design: Design, family: Family, solution: Solution) -> Coefficients:
    """Return β, after the thresholds θ(γ) where there are any (delta method: dθ = J dγ)."""
    p, k = len(solution.beta), len(solution.auxiliary)
    if family.thresholds is None:
        own = solution.covariance[:p, :p]
        return Coefficients(names=design.names, values=solution.beta, covariance=own)
    thresholds, slopes = family.thresholds(solution.auxiliary)
    order = [*range(p, p + k), *range(p)]
    change = linalg.block_diag(slopes, np.eye(p))
    return Coefficients(
        names=[*family.auxiliary, *design.names],
        values=np.r_[thresholds, solution.beta],
        covariance=change @ solution.covariance[np.ix_(order, order)] @ change.T,
    )


def auxiliary_names(design: Design, family: Family) -> list[str]:
    """Names of γ: the auxiliary predictor's own, with its columns where it has covariates."""
    names = []
    for name in family.auxiliary:
        if name in design.auxiliary and design.zero_recipe is not None:
            names += [f"{name}: {column.name}" for column in design.zero_recipe.columns]
        else:
            names.append(name)
    return names
