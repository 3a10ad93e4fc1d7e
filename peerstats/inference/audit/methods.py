"""What is audited: the report's own inference, and what other software prints by default.

    chosen     what `peerstats.inference.rule.infer` answers by default
    ml_z       maximum likelihood of the mixed model, Wald z (lme4's summary, Stata's melogit)
    gee_z      exchangeable estimating equations, uncorrected sandwich, z (statsmodels' GEE)
    poisson_z  Poisson regression of 0/1 outcomes, cluster-robust covariance times
               J/(J-1) · (N-1)/(N-p), z (statsmodels' GLM with cov_type="cluster")

Each is scored against what it estimates: the first two against the conditional coefficients that
were simulated from, the marginal ones against the coefficients they would give in endless data.

The chosen method is refitted replicate by replicate. Where it is Firth's comparison within sites,
or the second stage on top of it, all replicates can be fitted at once, and likelihood ratios need
no interval. `agreeing` finds the coefficients for which a quicker way gives the same by doing a few
replicates both ways, so that the audit follows the rule whatever that is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError, PeerstatsError
from peerstats.inference.audit import quick
from peerstats.inference.audit.setting import Setting, marginal_truth
from peerstats.inference.audit.tally import Scored
from peerstats.inference.ratio import quantile
from peerstats.inference.rule import question_of, row_of
from peerstats.inference.site_fixed import fixed_fit
from peerstats.model.fit import Fit
from peerstats.model.refit import hold_column, pools, refit, with_outcome, with_solution

Array = NDArray[np.float64]
Positions = tuple[int, ...]
Score = Callable[[Setting, Array, Array, Positions], Scored]

CLOSE = 1e-4  # difference of two estimates, relative, that is no difference of method


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A method under audit, in words, and the truth it is scored against."""

    name: str
    words: str
    short: str
    truth: Callable[[Setting], Array]
    applies: Callable[[Setting], bool]


def refitted(setting: Setting, y: Array) -> Fit | None:
    """Return the model fitted to other outcomes, or None where these cannot answer."""
    fit = setting.fit
    design = with_outcome(fit.design, y)
    try:
        solution = refit(fit, design)
    except (ModelError, np.linalg.LinAlgError, FloatingPointError):
        return None
    if not solution.convergence.converged:
        return None
    return with_solution(fit, solution, design=design)


def by_rule(setting: Setting, truth: Array, outcomes: Array, positions: Positions) -> Scored:
    """Score what the rule answers, replicate by replicate; a refused test has none."""
    scored = Scored.empty(len(outcomes), len(positions))
    for r, y in enumerate(outcomes):
        fit = refitted(setting, y)
        if fit is None:
            continue
        question = question_of(fit, setting.sites, alpha=quick.ALPHA)
        for at, k in enumerate(positions):
            row = row_of(question, k)
            if not (math.isfinite(row.conf_low) or math.isfinite(row.conf_high)):
                continue
            scored.estimate[r, at] = row.estimate
            scored.covers[r, at] = row.conf_low <= truth[k] <= row.conf_high
            scored.width[r, at] = row.conf_high - row.conf_low
            if math.isfinite(row.p_value):
                scored.rejects[r, at] = row.p_value < quick.ALPHA
    return scored


def by_refit(setting: Setting, truth: Array, outcomes: Array, positions: Positions) -> Scored:
    """Score Wald z of the model itself, replicate by replicate."""
    columns = list(positions)
    estimate = np.full((len(outcomes), len(columns)), np.nan)
    error = estimate.copy()
    for r, y in enumerate(outcomes):
        fit = refitted(setting, y)
        if fit is not None:
            estimate[r] = fit.solution.beta[columns]
            variances = np.diag(fit.solution.covariance)[columns]
            error[r] = np.sqrt(np.where(variances > 0, variances, np.nan))
    return quick.by_wald(estimate, error, truth[columns])


def by_site_fixed(setting: Setting, truth: Array, outcomes: Array, positions: Positions) -> Scored:
    """Score the likelihood ratio with sites as fixed effects, at the truth and at 0 only.

    That is all that coverage and power ask; the interval's ends would take ten times as long.
    """
    scored = Scored.empty(len(outcomes), len(positions))
    for r, y in enumerate(outcomes):
        fit = replace(setting.fit, design=with_outcome(setting.fit.design, y))
        question = question_of(fit, setting.sites, alpha=quick.ALPHA)
        try:
            found = fixed_fit(question)
            for at, k in enumerate(positions):
                if fit.design.names[k] not in found.design.names:
                    continue  # constant within sites
                place = found.design.names.index(fit.design.names[k])
                most = quantile(question.between_within_df(k), quick.ALPHA) ** 2
                values = dict.fromkeys((float(truth[k]), 0.0))
                ratio = {value: 2 * (found.llf - _held(found, place, value)) for value in values}
                scored.covers[r, at] = ratio[float(truth[k])] <= most
                scored.rejects[r, at] = ratio[0.0] > most
                scored.estimate[r, at] = found.solution.beta[place]
        except (PeerstatsError, np.linalg.LinAlgError):
            continue
    return scored


def _held(found: Fit, place: int, value: float) -> float:
    """The largest log-likelihood with one coefficient held."""
    return refit(found, hold_column(found.design, place, value), reml=False).loglik


def agreeing(
    setting: Setting, outcomes: Array, positions: Positions, way: str = "fe_firth"
) -> Positions:
    """Return the positions whose chosen method gives the same as a quicker way."""
    if not positions or (way == "fe_firth" and not quick.within_sites(setting)):
        return ()
    truth = setting.beta
    slow = by_rule(setting, truth, outcomes, positions)
    fast = WAYS[way](setting, truth, outcomes, positions)
    found = []
    for at, k in enumerate(positions):
        both = np.isfinite(slow.estimate[:, at]) & np.isfinite(fast.estimate[:, at])
        one, other = slow.estimate[both, at], fast.estimate[both, at]
        near = np.abs(one - other) <= CLOSE * (1 + np.abs(one))
        alike = [
            np.array_equal(a[both, at], b[both, at])
            for a, b in ((slow.covers, fast.covers), (slow.rejects, fast.rejects))
            if np.isfinite(a[both, at]).all()  # a refused test has no answer to compare
        ]
        if both.any() and near.all() and all(alike):
            found.append(k)
    return tuple(found)


def _conditional(setting: Setting) -> Array:
    return setting.beta


AUDITED: Mapping[str, Audited] = {
    method.name: method
    for method in (
        Audited(
            name="chosen",
            words="the method of this report",
            short="this report",
            truth=_conditional,
            applies=lambda setting: True,
        ),
        Audited(
            name="ml_z",
            words="maximum likelihood with Wald z, as lme4 prints",
            short="ML, Wald z (lme4)",
            truth=_conditional,
            applies=lambda setting: True,
        ),
        Audited(
            name="gee_z",
            words="GEE with robust z, as statsmodels prints",
            short="GEE, robust z (statsmodels)",
            truth=lambda setting: marginal_truth(setting, "logit"),
            applies=quick.suits,
        ),
        Audited(
            name="poisson_z",
            words="Poisson regression with cluster-robust z, as statsmodels prints",
            short="Poisson, cluster-robust z (statsmodels)",
            truth=lambda setting: marginal_truth(setting, "log"),
            applies=quick.suits,
        ),
    )
}

# How a method is scored. The first of a pair goes replicate by replicate, the second all at once.
WAYS: Mapping[str, Score] = {
    "rule": by_rule,
    "site_fixed": by_site_fixed,
    "refit": by_refit,
    "fe_firth": quick.fe_firth,
    "ml_z": quick.ml_z,
    "gee_z": quick.gee_z,
    "poisson_z": quick.poisson_z,
}
SLOW = ("rule", "site_fixed", "refit")


def score(way: str, setting: Setting, truth: Array, asked: tuple[Array, Positions]) -> Scored:
    """Score outcomes (R, n) at some positions, in one thread: cores must not change a number."""
    outcomes, positions = asked
    with pools().limit(limits=1):
        return WAYS[way](setting, truth, outcomes, positions)
