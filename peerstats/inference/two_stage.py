"""Two stages for what is constant inside sites: site effects first, then a regression of sites.

A site-level exposure is compared between sites and between nothing else, so J sites are J
observations however many women they have. First each site's intercept α_j is estimated, adjusted
for what varies inside sites (`fe_firth`, where Firth's penalty keeps α_j finite in a site of all
yes or all no and `shrinkage` gives the differences between small sites their size back; the model's
own likelihood with sites as fixed effects otherwise). Then

    α̂_j = z_j'γ + e_j,   ordinary least squares,   t with J - rank Z degrees of freedom,

whose residual variance holds the differences between sites and the error of the α̂_j together
(Thompson et al. 2022, BMC Med Res Methodol 22:222, call it the cluster-level analysis).

An exposure of venues in sites is compared likewise between the venues of a site: their intercepts
on the venue-level columns and a dummy of each site, t with V - J - p degrees of freedom. That needs
5 women a venue; with the 2 or 3 visits of a woman an intercept is too coarse.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of, t_row
from peerstats.inference.estimates import Estimate
from peerstats.inference.fe_firth import within_fit
from peerstats.inference.layout import Level
from peerstats.inference.method import Question
from peerstats.inference.pooled import clustered, top_level
from peerstats.inference.site_fixed import site_effects
from peerstats.model.design import Design
from peerstats.model.marginal.firth import site_log_odds
from peerstats.model.marginal.shrinkage import drawn_in, spread_out

Array = NDArray[np.float64]
FEWEST = 5  # rows a venue, on average
TESTED = 3  # df from which there is a p-value
DRAWN = 0.3  # standard errors; a test at 5 % that is off by as much has 6 %


def intercepts(question: Question) -> Array:
    """Return α̂ (J,); ModelError where some site has none."""
    family, levels = question.fit.family, question.where.levels
    if (family.name, family.link) != ("binomial", "logit") or len(levels) > 1:
        return site_effects(question)
    design = clustered(question)
    if all(kind.level == 0 for kind in question.kinds):
        return spread_out(site_log_odds(design), *_yes_and_total(design, levels[0]))
    found = within_fit(question, levels[0])
    alpha = found.site_effects["intercept"].to_numpy(dtype=np.float64)
    return spread_out(alpha, *_yes_and_total(design, levels[0]))


def _yes_and_total(design: Design, top: Level) -> tuple[Array, Array]:
    """Women with the outcome and women of each site."""
    ones = np.ones(design.n)
    n = ones if design.trials is None else design.trials
    n = n if design.weights is None else n * design.weights
    sites = (top.codes[:, None] == np.arange(top.count)).astype(np.float64)
    return (n * design.y) @ sites, n @ sites


def site_level(question: Question) -> tuple[list[int], Array]:
    """Return the positions of the site-level columns and their values (J, columns).

    A column that varies inside a single site only has that site's mean.
    """
    top, X = top_level(question), question.fit.design.X
    own = [k for k in range(X.shape[1]) if question.kinds[k].level == 0]
    sizes = np.bincount(top.codes, minlength=top.count)
    means = [np.bincount(top.codes, weights=X[:, k], minlength=top.count) / sizes for k in own]
    return own, np.column_stack([np.zeros((top.count, 0)), *means])


def _between_venues(question: Question, position: int) -> Estimate:
    """Venues of the same site compared: their intercepts on venue-level columns and sites."""
    at, family = question.kinds[position].level, question.fit.family
    level, above = question.where.levels[at], question.where.levels[at - 1]
    if (family.name, family.link) != ("binomial", "logit"):
        raise ModelError(f"inside sites it is defined for yes/no outcomes, not {a_model(family)}")
    if level is not question.where.levels[-1] or question.fit.nobs < FEWEST * level.count:
        raise ModelError(f"it needs {FEWEST} rows a {level.noun}, with nothing nested in them")
    design, X = clustered(question, level), question.fit.design.X
    if any(kind.level > at for kind in question.kinds):
        effects = within_fit(question, level).site_effects["intercept"]
        alpha = effects.to_numpy(dtype=np.float64)
    else:
        alpha = site_log_odds(design)
    alpha = spread_out(alpha, *_yes_and_total(design, level))
    first = np.unique(level.codes, return_index=True)[1]
    own = [k for k in range(X.shape[1]) if question.kinds[k].level == at]
    sites = above.codes[first][:, None] == np.arange(above.count)
    Z = np.column_stack([X[first][:, own], sites])
    return _least_squares(question, position, (alpha, Z, own.index(position)))


def _row(question: Question, position: int) -> Estimate:
    top = top_level(question)
    if 0 < question.kinds[position].level < len(question.where.levels):
        return _between_venues(question, position)
    if question.kinds[position].level > 0 or question.is_site_effect(position):
        raise ModelError(f"it varies inside a {top.noun}")
    own, Z = site_level(question)
    if question.fit.family.thresholds is not None:  # which stand for the intercept
        Z = np.column_stack([Z, np.ones(len(Z))])
    if len(Z) - int(np.linalg.matrix_rank(Z)) < 1:
        raise ModelError(f"{top.count} {top.noun}s leave no degree of freedom")
    alpha = question.once("site intercepts", lambda: intercepts(question))
    return _least_squares(question, position, (alpha, Z, own.index(position)))


def _least_squares(question: Question, position: int, stage: tuple[Array, Array, int]) -> Estimate:
    """Second stage: clusters' effects on their columns, one of them the coefficient's."""
    alpha, Z, k = stage
    df = len(Z) - int(np.linalg.matrix_rank(Z))
    if df < 1:
        raise ModelError("the clusters leave no degree of freedom")
    gamma = np.linalg.lstsq(Z, alpha, rcond=None)[0]
    residual = alpha - Z @ gamma
    variance = float(residual @ residual) / df * float(np.linalg.pinv(Z.T @ Z)[k, k])
    if df >= TESTED:
        _check_sizes(question, position, stage, math.sqrt(variance))
    return t_row(question, position, float(gamma[k]), math.sqrt(variance), float(df))


def _check_sizes(
    question: Question, position: int, stage: tuple[Array, Array, int], error: float
) -> None:
    """ModelError where clusters' sizes alone would make a difference, all risks being equal.

    Firth's α̂ of a small cluster with a rare outcome is nearer to 0 than α. It cancels between
    clusters of one size, and does not where the exposed ones are smaller.
    """
    family, design = question.fit.family, question.fit.design
    binary = (family.name, family.link) == ("binomial", "logit")
    if not binary or not design.columns[position].variables:
        return
    _, Z, k = stage
    level = question.where.levels[question.kinds[position].level]
    yes, total = _yes_and_total(design, level)
    if total.max() == total.min():
        return
    drawn = spread_out(drawn_in(yes, total), yes, total)
    if abs(float(np.linalg.lstsq(Z, drawn, rcond=None)[0][k])) > DRAWN * error:
        raise ModelError(
            f"the {level.noun}s it compares differ in size, and the smaller have too few women for "
            "so rare an outcome to have effects of their own"
        )


TWO_STAGE = method_of(
    "two_stage",
    "two stages (adjusted effects of sites, then least squares between sites), t test",
    _row,
)
