"""Models without a random part, by statsmodels: GLM, or least squares for a gaussian outcome."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerstats.model.convergence import Convergence, Solution
from peerstats.model.design import Design
from peerstats.model.families import Family

Array = NDArray[np.float64]
NO_CONVERGENCE = (
    "The iterations did not settle: do not use these numbers; look for rare levels or a covariate "
    "that separates the outcome."
)


def fit_glm(design: Design, family: Family, found: Array | None = None) -> Solution:
    """Fit a generalised linear model by iteratively reweighted least squares (statsmodels).

    Standard errors come from the expected information, as R's glm. The log-likelihood is ours,
    with every constant. `found` is the maximum where it is known; from afar a log link's steps
    leave the range of a risk.
    """
    if family.glm_family is None:
        raise NotImplementedError(f"{family!r} has no counterpart in statsmodels")
    outcome: Array = design.y
    if design.trials is not None:
        successes = design.y * design.trials
        outcome = np.column_stack([successes, design.trials - successes])
    start = _start(design, family)
    if start is not None and found is not None:
        start = found
    result, told = _fit_quietly(design, family.glm_family(), outcome, start)
    return _as_solution(design, family, result, told)


def _as_solution(design: Design, family: Family, result: Any, told: tuple[str, ...]) -> Solution:
    """Check the score ourselves and take the log-likelihood from the family."""
    offset = 0.0 if design.offset is None else design.offset
    eta = design.X @ result.params + offset
    m = np.ones(design.n) if design.weights is None else design.weights
    m = m if design.trials is None else m * design.trials
    score = family.slopes(design.y, eta, m)[1] @ design.X
    covariance = np.asarray(result.cov_params(), dtype=np.float64)
    length = float(np.sqrt(np.maximum(score @ covariance @ score, 0.0)))
    converged = bool(result.converged) and length < 1e-4
    return Solution(
        beta=np.asarray(result.params, dtype=np.float64),
        sds=np.zeros(0),
        covariance=covariance,
        loglik=family.loglik(design.y, eta, design.weights, design.trials),
        dispersion=1.0,
        modes={},
        convergence=Convergence(
            converged=converged,
            gradient=length,
            min_eigenvalue=1.0,
            iterations=int(result.fit_history["iteration"]),
            messages=(*(() if converged else (NO_CONVERGENCE,)), *told),
        ),
    )


def _start(design: Design, family: Family) -> Array | None:
    """A constant inside the link's range where the default start may lie outside it."""
    eta = family.start(design.y, np.ones(design.n))
    if np.ptp(eta) > 0 or not design.columns or design.columns[0].term != "Intercept":
        return None
    start = np.zeros(design.X.shape[1])
    start[0] = eta[0]
    return start


def _fit_quietly(
    design: Design, glm_family: Any, outcome: Array, start: Array | None
) -> tuple[Any, tuple[str, ...]]:
    """Fit, and keep what statsmodels would print as warnings."""
    from statsmodels.genmod.generalized_linear_model import GLM

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = GLM(
            outcome,
            design.X,
            family=glm_family,
            offset=design.offset,
            freq_weights=design.weights,
        )
        result = model.fit(maxiter=100, tol=1e-12, start_params=start)
    # That a log link may leave the range of a risk is answered by our own check of the optimum.
    told = {str(w.message) for w in caught if "does not respect the domain" not in str(w.message)}
    return result, tuple(sorted(told))


def fit_ols(design: Design) -> Solution:
    """Ordinary (or frequency-weighted) least squares; the residual variance has divisor n - p."""
    from statsmodels.regression.linear_model import WLS

    offset = 0.0 if design.offset is None else design.offset
    weights = np.ones(design.n) if design.weights is None else design.weights
    result = WLS(design.y - offset, design.X, weights=weights).fit()
    total = float(weights.sum())
    residual = design.y - offset - design.X @ result.params
    rss = float(weights @ (residual * residual))
    p = design.X.shape[1]
    sigma2 = rss / max(total - p, 1.0)
    covariance = np.full((p + 1, p + 1), np.nan)
    covariance[:p, :p] = result.normalized_cov_params * sigma2
    covariance[p, :p] = covariance[:p, p] = 0.0
    covariance[p, p] = 1.0 / (2.0 * max(total - p, 1.0))
    return Solution(
        beta=np.asarray(result.params, dtype=np.float64),
        sds=np.zeros(0),
        covariance=covariance,
        loglik=-0.5 * total * (1.0 + np.log(2.0 * np.pi * rss / total)),
        dispersion=sigma2,
        modes={},
        convergence=Convergence(converged=True, gradient=0.0, min_eigenvalue=1.0),
        has_residual_sd=True,
    )
