"""Two stages for a covariate that is constant within sites: site intercepts, then a regression.

The first stage gives each site an intercept adjusted for the women's covariates (FE-Firth, finite
also where a site is all yes or all no), the second regresses them, unweighted, on the site-level
design Z (J, q): t with J - rank Z degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from peerstats.model.batch.tables import Array, Mask, cholesky, inverse, times

LEAST_RANK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regression:
    """Coefficients of Z and their standard errors (q, R), and degrees of freedom (R,)."""

    b: Array
    std_error: Array
    df: Array

    def half_width(self, alpha: float = 0.05) -> Array:
        """Half the interval's width (q, R); nan without degrees of freedom."""
        df = np.where(self.df > 0, self.df, np.nan)
        return np.asarray(special.stdtrit(df, 1 - alpha / 2) * self.std_error)


def regress(alpha: Array, Z: Array, kept: Mask | None = None) -> Regression:
    """Regress site intercepts (J, R) on Z (q, J, R or 1); `kept` (q, R) leaves columns out.

    Singular designs give nan.

    >>> import numpy as np
    >>> Z = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]])[:, :, None]
    >>> found = regress(np.array([[1.0], [3.0], [0.0], [2.0]]), Z)
    >>> float(found.b[1, 0].round(9)), float(found.std_error[1, 0].round(9)), found.df
    (1.0, 1.414213562, array([2.]))
    """
    J, R = alpha.shape
    kept = np.ones((len(Z), R), dtype=bool) if kept is None else kept
    both = kept[:, None] & kept[None]
    products = np.where(both, np.einsum("kjr,mjr->kmr", Z, Z), np.eye(len(Z))[:, :, None])
    root = cholesky(products)
    pivots = np.einsum("kkr->kr", root) ** 2
    sizes = np.einsum("kkr->kr", products)
    full = (pivots > LEAST_RANK * sizes).all(axis=0)
    inner = np.where(full, inverse(root), np.nan)
    b = np.where(kept, times(inner, np.where(kept, (Z * alpha).sum(axis=1), 0.0)), 0.0)
    left = alpha - (Z * b[:, None]).sum(axis=0)
    df = (J - kept.sum(axis=0)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(df > 0, (left**2).sum(axis=0) / df, np.nan)
        error = np.sqrt(np.einsum("kkr->kr", inner) * variance)
    return Regression(b=b, std_error=np.where(kept, error, np.nan), df=df)
