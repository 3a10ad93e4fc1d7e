"""Solving the estimating equations: Fisher scoring in β, the moment estimate of α at each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.convergence import Convergence
from peerstats.model.marginal.clusters import (
    Clusters,
    Equations,
    Standardised,
    equations,
    exchangeable,
    standardise,
)
from peerstats.model.marginal.sandwich import root_of

Array = NDArray[np.float64]

STEPS = 200
TIGHT = 1e-10  # the next step, in model-based standard errors
HALVINGS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solved:
    """β, the equations there and whether they are solved."""

    beta: Array
    found: Equations
    convergence: Convergence


def solve(clusters: Clusters, start: Array, correlated: bool) -> Solved:
    """Solve from the fit without correlation; `correlated` estimates an exchangeable one."""
    beta = start
    at = standardise(clusters, beta)
    if at is None:
        raise ModelError(
            "The model without clusters ends at the edge of the link's range, where some mean is "
            "impossible; use another link, or modified_poisson() for prevalence ratios."
        )
    for step in range(STEPS):
        alpha = _alpha(clusters, at) if correlated else 0.0
        found = equations(clusters, at, alpha)
        root = root_of(found.M)
        whitened = root.T @ found.U.sum(axis=0)
        length = float(np.abs(whitened).max(initial=0.0)) / np.sqrt(max(at.scale, 1e-300))
        if length < TIGHT:
            return _solved(beta, found, length, step)
        beta, trial = _step(clusters, beta, root @ whitened)
        if trial is None:
            break
        at = trial
    return _solved(beta, found, length, STEPS)


def _step(clusters: Clusters, beta: Array, step: Array) -> tuple[Array, Standardised | None]:
    """Take the step, or as much of it as stays inside the link's range."""
    for _ in range(HALVINGS):
        trial = standardise(clusters, beta + step)
        if trial is not None and np.isfinite(trial.g).all() and np.isfinite(trial.e).all():
            return beta + step, trial
        step = 0.5 * step
    return beta, None


def _alpha(clusters: Clusters, at: Standardised) -> float:
    """The exchangeable correlation, refused where no cluster could have it."""
    if not at.scale > 0:
        raise ModelError(
            "The covariates give the outcome exactly, so residuals have no correlation; check "
            "that none of them is a form of the outcome."
        )
    alpha = exchangeable(clusters, at)
    largest = float(clusters.sums(np.ones_like(clusters.y)).max())
    least = -1.0 / (largest - 1.0) if largest > 1 else -1.0
    if least < alpha < 1.0:
        return alpha
    raise ModelError(
        f"The exchangeable correlation is estimated as {alpha:.3f}, which no cluster of "
        f"{largest:.0f} rows can have; use correlation='independence'."
    )


def _solved(beta: Array, found: Equations, length: float, steps: int) -> Solved:
    told = (
        "The estimating equations were not solved: do not use these numbers; look for rare "
        "levels, or use another link or correlation='independence'."
    )
    reached = bool(length < 1e-6)
    convergence = Convergence(
        converged=reached,
        gradient=length,
        min_eigenvalue=1.0,
        iterations=steps,
        messages=() if reached else (told,),
    )
    return Solved(beta=beta, found=found, convergence=convergence)
