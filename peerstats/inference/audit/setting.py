"""A truth on the layout of a study: what replicates are drawn from.

The rows of the model stay as they are, with their sites, venues, covariates and whoever was left
out for a missing answer; only outcomes are drawn anew, from η = Xβ + offset + Σ z'b, b ~ N(0, Σ)
with new effects of sites and venues in every replicate. A replicate answers "what if this study had
been done again, at other sites like these".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.bootstrap import bare
from peerstats.model.fit import Fit
from peerstats.model.prediction import fitted_link
from peerstats.model.random_effect import effects_of, random_effects
from peerstats.model.refit import hold_column, one_row_each, refit, with_solution
from peerstats.model.simulation import fitted_family

Array = NDArray[np.float64]
NODES = 40  # of the marginal mean; enough for standard deviations up to 5 on the link's scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """A fit whose numbers are the truth, and the site of each of its rows (0 … J-1; all 0
    where there are no sites).

    `sites` are the same labels as `peerstats.inference.rule.infer` takes.
    """

    fit: Fit
    sites: pd.Series | str | None
    codes: NDArray[np.intp]

    @property
    def beta(self) -> Array:
        """The true coefficients, in the order of the design's columns."""
        return self.fit.solution.beta

    @property
    def binary(self) -> bool:
        """Whether outcomes are 0 or 1 for single rows."""
        return self.fit.family.name == "binomial" and self.fit.design.trials is None

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Return outcomes (size, n), coded as the design codes them."""
        fit = self.fit
        family = fitted_family(fit)
        if family.draw is None:
            raise ModelError(f"{family!r} cannot be simulated from.")
        eta = fitted_link(fit.design, fit.solution, conditional=False)
        effects = random_effects(fit)
        trials = np.ones(fit.design.n) if fit.design.trials is None else fit.design.trials
        spread = float(np.sqrt(fit.solution.dispersion))
        drawn = np.empty((size, fit.design.n))
        for row in drawn:
            noise = sum((effect.of(effect.draw(rng)) for effect in effects), np.zeros_like(eta))
            row[:] = family.draw(rng, eta + noise, trials, spread)
        return drawn

    def marginal_mean(self) -> Array:
        """Return each row's mean over new random effects, E[g⁻¹(η + b)] (Gauss-Hermite)."""
        design, solution = self.fit.design, self.fit.solution
        eta = fitted_link(design, solution, conditional=False)
        variance = sum((e.variance for e in effects_of(design, solution)), np.zeros_like(eta))
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        family = fitted_family(self.fit)
        means = np.array([family.inverse(eta + z * np.sqrt(variance)) for z in nodes])
        found: Array = weights @ means / weights.sum()
        return found


def setting_of(fit: Fit, sites: pd.Series | str | None, codes: NDArray[np.intp]) -> Setting:
    """Return the setting in which the fit's own estimates are the truth."""
    whole = one_row_each(fit)
    weights = fit.design.weights
    if weights is not None:  # frequencies: rows repeat, and with them their sites
        codes = np.repeat(codes, np.round(weights).astype(np.intp))
    return Setting(fit=bare(whole), sites=sites, codes=codes)


def without(setting: Setting, positions: tuple[int, ...]) -> Setting:
    """Return the setting with these coefficients 0 and the others as estimated without them.

    The other coefficients are fitted again, so that a study without the association looks like
    this one in all else; standard deviations do not become smaller than they are. Raises
    ModelError when that model cannot be fitted.
    """
    fit = setting.fit
    design = fit.design
    for position in sorted(positions, reverse=True):
        design = hold_column(design, position)
    solution = refit(replace(fit, design=design), design)
    kept = [k for k in range(len(fit.design.columns)) if k not in positions]
    beta = np.zeros(len(fit.design.columns))
    beta[kept] = solution.beta
    changed = replace(
        fit.solution,
        beta=beta,
        sds=np.maximum(solution.sds, fit.solution.sds),
        correlations=solution.correlations,
        auxiliary=solution.auxiliary,
        dispersion=solution.dispersion,
    )
    return replace(setting, fit=with_solution(fit, changed))


def with_sds(setting: Setting, sds: Array) -> Setting:
    """Return the setting with other standard deviations of its random effects."""
    solution = replace(setting.fit.solution, sds=np.asarray(sds, dtype=np.float64))
    return replace(setting, fit=with_solution(setting.fit, solution))


def marginal_truth(setting: Setting, link: str) -> Array:
    """Return what a marginal model of this link estimates: its coefficients in endless data.

    The solution of Σ x_i (m_i - g⁻¹(x_i'β)) = 0 for the means m of the truth; with link "logit"
    that of logistic regression, with "log" of Poisson regression.
    """
    design = setting.fit.design
    X, m = design.X, setting.marginal_mean()
    offset = np.zeros(design.n) if design.offset is None else design.offset
    beta = np.linalg.lstsq(X, _linear(link, m) - offset, rcond=None)[0]
    for _ in range(100):
        mu = _mean(link, X @ beta + offset)
        w = mu * (1 - mu) if link == "logit" else mu
        step = np.linalg.solve(X.T @ (w[:, None] * X), X.T @ (m - mu))
        beta = beta + step * min(1.0, 3.0 / float(np.abs(step).max(initial=1e-300)))
        if float(np.abs(step).max(initial=0.0)) < 1e-10:
            break
    return np.asarray(beta)


def _linear(link: str, mean: Array) -> Array:
    return np.log(mean / (1 - mean)) if link == "logit" else np.log(mean)


def _mean(link: str, eta: Array) -> Array:
    return 1 / (1 + np.exp(-eta)) if link == "logit" else np.exp(np.minimum(eta, 50.0))
