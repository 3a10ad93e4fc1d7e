"""The score wild cluster bootstrap: whole sites' scores are given random weights.

With b = c held, the model without random effects has residuals r = dl/dη and weights w = -d²l/dη².
The efficient score of site j is

    s_j = Σ_i e_i r_i,    e = x - W (W' diag(w) W)^-1 W' diag(w) x,

W the other columns; their sum is near 0 when b = c, however women of one site depend on each other.
The statistic is T = Σ s_j / √Σ (s_j - s̄)², and its distribution is that of the same with s_j g_j,
g_j independent with mean 0 and variance 1 (Kline & Santos 2012, J Econom Methods 1:23). Nothing is
fitted again. The g_j are ±1 with equal chance (Rademacher's); below 12 sites these give too few
different values and are taken from ±√½, ±1, ±√(3/2) (Webb 2014). All combinations are looked at
when there are not more than the replicates. p is twice the smaller tail, the observed T counting
in it; the interval holds each c that is not rejected.

It is no way out of few sites: with 3 it can hardly reject anything, with 4 to 12 it rejects true
nulls too often, in particular where few sites hold the exposure (MacKinnon & Webb 2017, J Appl
Econom 32:233).
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.inference.answer import method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.pooled import held, top_level, without_random
from peerstats.inference.rejection import Rejection, centre_of, interval_of
from peerstats.inference.scale import coefficient_scale

Array = NDArray[np.float64]

FEW = 12  # sites below which the weights are Webb's
LEAST = 4  # sites
RADEMACHER = np.array([-1.0, 1.0])
WEBB = np.array([sign * size for sign in (-1.0, 1.0) for size in np.sqrt([0.5, 1.0, 1.5])])


def weights_of(sites: int, replicates: int, rng: np.random.Generator) -> Array:
    """Return the sites' weights, a row a replicate: every combination, or ones and drawn ones.

    Either way weights of 1, and so what was observed, are among them.

    >>> import numpy as np
    >>> weights_of(14, 999, np.random.default_rng(1)).shape
    (1000, 14)
    >>> weights_of(4, 1296, np.random.default_rng(1)).shape  # 6⁴
    (1296, 4)
    """
    values = WEBB if sites < FEW else RADEMACHER
    if len(values) ** sites <= replicates:
        return np.array(list(itertools.product(values, repeat=sites)))
    return np.vstack([np.ones(sites), rng.choice(values, size=(replicates, sites))])


def studentised(scores: Array) -> Array:
    """T of scores whose last axis runs over sites; 0 where every score is 0."""
    total = scores.sum(axis=-1)
    spread = np.sqrt(((scores - scores.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total == 0.0, 0.0, total / spread))


def site_scores(question: Question, position: int, c: float) -> tuple[Array, float]:
    """Return the efficient score of each site when b = c, and its total information."""
    top, design = top_level(question), without_random(question)
    found = held(design, question.fit.family, position, c)
    x, root = design.X[:, position], np.sqrt(found.weight)
    other = np.linalg.lstsq(found.W * root[:, None], x * root, rcond=None)[0]
    e = x - found.W @ other
    scores = np.bincount(top.codes, weights=e * found.residual, minlength=top.count)
    return np.asarray(scores, dtype=np.float64), float(found.weight @ (e * e))


def _row(question: Question, position: int) -> Estimate:
    top = top_level(question)
    if top.count < LEAST:
        raise ModelError(
            f"with {top.count} {top.noun}s a wild bootstrap rejects next to nothing, be it true or "
            "not: too few combinations of their weights differ"
        )
    rng = question.rng("wild_bootstrap", position)
    weights = weights_of(top.count, question.replicates, rng)
    scores = cache(lambda c: site_scores(question, position, c))

    @cache
    def tails(c: float) -> tuple[float, float]:
        own, drawn = studentised(scores(c)[0]), studentised(weights * scores(c)[0])
        slack = 1e-9 * abs(float(own))
        return float((drawn >= own - slack).mean()), float((drawn <= own + slack).mean())

    error = float(question.fit.bse.iloc[position - len(question.fit.design.columns)])
    start = float(question.fit.solution.beta[position])
    estimate, _ = centre_of(lambda c: float(scores(c)[0].sum()), start, error)
    at, information = scores(estimate)
    spread = float(np.sqrt((at**2).sum())) / information
    if not spread > 0.0:
        raise ModelError(f"the {top.noun}s' scores do not differ")
    rejection = Rejection(tails=tails, estimate=estimate, scale=spread)
    low, high = interval_of(rejection, question.alpha)
    return Estimate(
        term=question.fit.design.names[position],
        estimate=estimate,
        std_error=spread,
        statistic=float(studentised(scores(0.0)[0])),
        p_value=min(1.0, 2.0 * min(tails(0.0))),
        conf_low=low,
        conf_high=high,
        scale=coefficient_scale(question.fit.family),
    )


WILD_BOOTSTRAP = method_of(
    "wild_bootstrap",
    "score wild cluster bootstrap of the model without random effects (population average), "
    "clusters being sites, with the interval that inverts it",
    _row,
)
