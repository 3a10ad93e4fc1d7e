"""How much of the outcome's variance the model explains (Nakagawa & Schielzeth).

On the link's scale the variance is that of the fixed part, of the random effects and of the
distribution,

    marginal R² = σ_f²/(σ_f² + σ_u² + σ_e²),   conditional R² = (σ_f² + σ_u²)/(σ_f² + σ_u² + σ_e²),

σ_f² the variance of Xβ̂ over the rows (divisor n - 1), σ_u² the rows' mean of z_i'Σz_i, which holds
for random slopes too (Johnson 2014, Methods Ecol Evol 5:944), and σ_e²

    gaussian                  the residual variance
    logit, probit, cloglog    that of the latent variable: π²/3, 1, π²/6
    log link                  log(1 + V(λ)/λ²), λ the mean outcome exp(Xβ̂ + ½ σ_u²) averaged
                              over the rows; log(1 + 1/λ) for Poisson. Of counts with a zero
                              part λ and V are those of all counts, zeros included
    interval-censored         σ²π²/6, the variance of log T

(Nakagawa & Schielzeth 2013, Methods Ecol Evol 4:133; Nakagawa, Johnson & Schielzeth 2017, J R Soc
Interface 14:20170213, who take λ from a model without covariates.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from peerstats.errors import ModelError
from peerstats.model.prediction import fitted_link
from peerstats.model.random_effect import random_effects
from peerstats.model.simulation import fitted_family

if TYPE_CHECKING:
    from peerstats.model.result import Fit

NO_VARIANCE = (
    "a distribution without a variance on the link's scale (Nakagawa et al. 2017 give none), so no "
    "R². Compare models by AIC, or report the variances themselves."
)


def r_squared(fit: Fit) -> pd.Series:
    """Return marginal and conditional R² with their parts: fixed, random, distribution.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.normal(size=12)[site] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site}, family="gaussian")
    >>> found = model.r_squared()
    >>> bool(found["conditional"].round(6) == (found["random"] / found[2:].sum()).round(6))
    True
    """
    weights = np.ones(fit.design.n) if fit.design.weights is None else fit.design.weights
    total = float(weights.sum())
    by_row = fit.design.X @ fit.solution.beta
    centred = by_row - float(weights @ by_row) / total
    fixed = float(weights @ centred**2) / (total - 1)
    effects = [effect.variance for effect in random_effects(fit)]
    random = sum(float(weights @ variance) / total for variance in effects)
    own = _distribution(fit, sum(effects, np.zeros(fit.design.n)), weights)
    whole = fixed + random + own
    return pd.Series(
        {
            "marginal": fixed / whole,
            "conditional": (fixed + random) / whole,
            "fixed": fixed,
            "random": random,
            "distribution": own,
        }
    )


def _distribution(fit: Fit, variance: np.ndarray, weights: np.ndarray) -> float:
    family = fit.family
    if family.has_dispersion and family.link == "identity":
        return float(fit.solution.dispersion)
    if family.latent_variance is not None:
        return float(family.latent_variance)
    if family.outcome == "interval":
        return float(fit.dispersion**2 * np.pi**2 / 6)
    if family.link != "log":
        raise ModelError(f"{family!r}: {NO_VARIANCE}")
    eta = fitted_link(fit.design, fit.solution, conditional=False) + 0.5 * variance
    own = fitted_family(fit)
    mean = float(weights @ own.inverse(eta) / weights.sum())
    spread = np.asarray(own.variance(np.full(fit.design.n, mean)))
    if not np.isfinite(spread).all():
        raise ModelError(f"{family!r}: {NO_VARIANCE}")
    return float(np.log1p(float(weights @ spread / weights.sum()) / mean**2))
