"""Residuals of a fit, and whether its outcomes scatter more than the family says.

With μ̂ the mean given the groups' modes (or, for a marginal look, averaged over groups), V the
variance function, φ the residual variance and n_i the trials of a row:

    response   y - μ̂
    pearson    (y - μ̂) / √(φ V(μ̂)/n_i)
    deviance   sign(y - μ̂) √(n_i d(y, μ̂)/φ), d the family's unit deviance
    quantile   Φ^-1(u), u uniform between P(Y < y) and P(Y <= y) (Dunn & Smyth 1996,
               J Comput Graph Stat 5:236)

Quantile residuals of a right model are standard normal for any family, up to the estimation. Given
the modes they are a little too small, since the modes were fitted to the same rows; averaged over
groups they are exactly standard normal row by row, but rows of a group go together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

from peerstats.errors import ModelError, UsageError
from peerstats.model.averaging import average
from peerstats.model.families import Family
from peerstats.model.limits import check_likelihood
from peerstats.model.prediction import check_choice, fitted_link
from peerstats.model.random_effect import random_effects
from peerstats.model.simulation import fitted_family

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

KINDS = ("response", "pearson", "deviance", "quantile")
TINY = 1e-12  # keeps a quantile residual finite


def residuals(fit: Fit, kind: str, rng: np.random.Generator | None, conditional: bool) -> pd.Series:
    """Return one residual a row used; `rng` is needed for "quantile" of discrete outcomes.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.normal(size=12)[site] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site}, family="gaussian")
    >>> bool(np.allclose(model.residuals("quantile"), model.residuals("pearson")))
    True
    """
    check_choice("kind", kind, KINDS)
    if fit.family.outcome != "number" and kind != "quantile":
        raise UsageError(
            f"A level or an interval less a mean is no number: use kind='quantile' for a "
            f"{fit.family.name} model."
        )
    family = fitted_family(fit)
    eta, variance = _predictor(fit, conditional)
    if kind == "quantile":
        values = _quantile(quantile_bounds(fit, fit.design.y, conditional), rng)
    else:
        mean = average(family.inverse, eta, variance) if variance.any() else family.inverse(eta)
        values = _by_mean(fit, family, kind, mean)
    return pd.Series(values, index=fit.design.rows, name=f"{kind} residual")


def _by_mean(fit: Fit, family: Family, kind: str, mean: Array) -> Array:
    y = fit.design.y
    if kind == "response":
        return y - mean
    trials = np.ones_like(y) if fit.design.trials is None else fit.design.trials
    scale = trials / fit.solution.dispersion
    if family.inflation is not None:
        scale = scale / family.inflation(trials)
    if kind == "pearson":
        found: Array = (y - mean) * np.sqrt(scale / family.variance(mean))
        return found
    if family.unit_deviance is None:
        raise ModelError(f"{family!r} has no deviance residuals; use kind='quantile'.")
    lost = np.maximum(family.unit_deviance(y, mean), 0.0)
    signed: Array = np.sign(y - mean) * np.sqrt(scale * lost)
    return signed


def _predictor(fit: Fit, conditional: bool) -> tuple[Array, Array]:
    """The linear predictor, and its variance over groups where their modes do not enter."""
    eta = fitted_link(fit.design, fit.solution, conditional)
    variance = np.zeros_like(eta)
    if not conditional:
        variance = sum((effect.variance for effect in random_effects(fit)), variance)
    return eta, variance


def quantile_bounds(fit: Fit, y: Array, conditional: bool) -> tuple[Array, Array]:
    """Return P(Y < y) and P(Y <= y) of every row, for an outcome coded as the design codes it.

    Quantile residuals are uniform between the two, on the normal scale. Raises ModelError for a
    family without them.
    """
    bounds = fitted_family(fit).bounds
    if bounds is None:
        raise ModelError(f"{fit.family!r} has no quantile residuals.")
    at, sd = _predictor(fit, conditional), float(np.sqrt(fit.solution.dispersion))
    trials = np.ones_like(y) if fit.design.trials is None else fit.design.trials
    below = average(lambda eta: bounds(y, eta, trials, sd)[0], *at)
    upto = average(lambda eta: bounds(y, eta, trials, sd)[1], *at)
    return below, upto


def _quantile(between: tuple[Array, Array], rng: np.random.Generator | None) -> Array:
    below, upto = between
    share = np.zeros_like(below)
    if np.any(upto > below):
        if rng is None:
            raise UsageError(
                "Quantile residuals of a discrete outcome are drawn at random: pass "
                "rng=numpy.random.default_rng(seed)."
            )
        share = rng.uniform(size=len(below))
    found: Array = ndtri(np.clip(below + share * (upto - below), TINY, 1 - TINY))
    return found


def overdispersion(fit: Fit) -> pd.Series:
    """Return statistic, df, ratio and p_value: sum of squared Pearson residuals over df_resid.

    A ratio well above 1 says that the outcomes scatter more than the family allows (McCullagh &
    Nelder 1989, 4.5). The chi-squared p-value is rough when means are small. Raises ModelError for
    families that fit their own scatter and for 0/1 outcomes, which cannot be overdispersed.
    """
    check_likelihood(fit, "test of overdispersion")
    trials = fit.design.trials
    if fit.family.has_dispersion or fit.family.auxiliary:
        raise ModelError(f"{fit.family!r} estimates its own dispersion; there is none to test.")
    if fit.family.has_trials and (trials is None or np.all(trials == 1)):
        raise ModelError(
            "Yes/no outcomes of single rows cannot be overdispersed; look at residuals by group."
        )
    weights = np.ones(fit.design.n) if fit.design.weights is None else fit.design.weights
    pearson = residuals(fit, "pearson", None, True).to_numpy(dtype=np.float64)
    statistic = float(weights @ pearson**2)
    df = fit.df_resid
    p_value = float(chdtrc(df, statistic))
    return pd.Series(
        {"statistic": statistic, "df": df, "ratio": statistic / df, "p_value": p_value}
    )
