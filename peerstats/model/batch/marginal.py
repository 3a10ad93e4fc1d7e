"""Population-averaged logit (GEE) and log (modified Poisson) models of many replicates at once.

With M_j = D_j'V_j⁻¹D_j and U_j = D_j'V_j⁻¹(y - μ) of site j, the robust covariance is

    V = A (Σ_j U_j U_j') A,   A = (Σ_j M_j)⁻¹                         (Liang & Zeger 1986).

GEE has an exchangeable correlation ρ, estimated by the moments of the standardised residuals as
statsmodels does (scale with N - p, pairs less p); modified Poisson (Zou 2004) has independence and
the factor J/(J-1) · (N-1)/(N-p) that statsmodels puts on its cluster covariance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from peerstats.model.batch.tables import Array, Mask, Tables, cholesky, inverse, times

STEPS = 60  # as statsmodels' GEE
ENOUGH = 1e-18  # squared length of a step in standard errors
TOO_FAR = 8.0
LONGEST = 2.0  # logits or log risks a step may move

Link = Literal["logit", "log"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarginalBatch:
    """Coefficients and robust standard errors (p, R), correlation and last decrement (R,)."""

    b: Array
    std_error: Array
    rho: Array
    decrement: Array

    @property
    def usable(self) -> Mask:
        """Replicates with finite estimates short of separation and standard errors (R,)."""
        fine = np.isfinite(self.std_error) & (self.std_error > 0) & (np.abs(self.b) < TOO_FAR)
        return np.asarray(fine.all(axis=0) & (self.decrement < 1e-6))


def fit_gee(tables: Tables) -> MarginalBatch:
    """Fit logit GEE with exchangeable correlation; robust standard errors without correction."""
    return _fit(tables, "logit")


def fit_modified_poisson(tables: Tables) -> MarginalBatch:
    """Fit a log link with the Poisson variance and cluster-robust standard errors."""
    found = _fit(tables, "log")
    J, p, N = (tables.n.sum(axis=1) > 0).sum(axis=0), len(tables.columns), tables.women
    factor = J / (J - 1) * (N - 1) / (N - p)
    return MarginalBatch(
        b=found.b,
        std_error=found.std_error * np.sqrt(factor),
        rho=found.rho,
        decrement=found.decrement,
    )


def _fit(tables: Tables, link: Link) -> MarginalBatch:
    p, R = len(tables.columns), tables.replicates
    b, rho = np.zeros((p, R)), np.zeros(R)
    risk = np.clip(tables.yes.sum(axis=(0, 1)) / tables.women, 1e-3, 1 - 1e-3)
    b[0] = np.log(risk / (1 - risk)) if link == "logit" else np.log(risk)
    decrement, A, U = np.full(R, np.inf), np.zeros((p, p, R)), np.zeros((p, 1, R))
    with np.errstate(all="ignore"):
        for step in range(STEPS):
            mean, sd = _mean(tables, b, link)
            if link == "logit" and step > 0:
                rho = _correlation(tables, mean, sd, p)
            M, U = _equations(tables, mean, sd, rho)
            A = inverse(cholesky(M))
            move = times(A, U.sum(axis=1))
            decrement = (move * U.sum(axis=1)).sum(axis=0)
            if step > 1 and not (decrement > ENOUGH).any():
                break
            far = np.abs(move).max(axis=0)
            b = b + move * np.minimum(1.0, LONGEST / np.maximum(far, 1e-300))
        variance = np.einsum("kir,ijr,ljr,lkr->kr", A, U, U, A, optimize=True)
        return MarginalBatch(b=b, std_error=np.sqrt(variance), rho=rho, decrement=decrement)


def _mean(tables: Tables, b: Array, link: Link) -> tuple[Array, Array]:
    """Means and the square root of the variance function, (J, C, R)."""
    eta = np.clip(tables.predictor(b), -30.0, 30.0)
    if link == "log":
        mean = np.exp(eta)
        return mean, np.sqrt(mean)
    mean = 1.0 / (1.0 + np.exp(-eta))
    return mean, np.sqrt(mean * (1 - mean))


def _correlation(tables: Tables, mean: Array, sd: Array, p: int) -> Array:
    """Moment estimate of ρ from standardised residuals; one woman's square has a closed form."""
    sums = ((tables.yes - tables.n * mean) / sd).sum(axis=1)  # (J, R)
    squares = (tables.yes * (1 - mean) ** 2 + (tables.n - tables.yes) * mean**2) / sd**2
    squares = squares.sum(axis=1)
    size = tables.n.sum(axis=1)
    scale = squares.sum(axis=0) / (tables.women - p)
    pairs = (size * (size - 1) / 2).sum(axis=0)
    found = (sums**2 - squares).sum(axis=0) / 2 / scale
    return np.asarray(found / (pairs - p))


def _equations(tables: Tables, mean: Array, sd: Array, rho: Array) -> tuple[Array, Array]:
    """Σ_j M_j (p, p, R) and U_j (p, J, R); both links are canonical, so D = sd² x."""
    size = tables.n.sum(axis=1)
    share = rho / (1 + rho * (size - 1))  # (J, R)
    residual = tables.yes - tables.n * mean
    across = (residual / sd).sum(axis=1)
    weight = tables.n * sd
    sums = np.array([(weight * c).sum(axis=1) for c in tables.columns])  # (p, J, R)
    U = np.array([(residual * c).sum(axis=1) for c in tables.columns]) - sums * (share * across)
    p = len(sums)
    M = np.empty((p, p, len(rho)))
    for k, column in enumerate(tables.columns):
        here = weight * sd * column
        for m in range(k + 1):
            own = (here * tables.columns[m]).sum(axis=(0, 1))
            M[k, m] = M[m, k] = own - (share * sums[k] * sums[m]).sum(axis=0)
    return M / (1 - rho), U / (1 - rho)
