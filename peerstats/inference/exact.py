"""Exact conditional logistic tests and intervals for tiny samples.

Given the number of yes of each site and the totals Σ y w of the other columns, nothing but b is
left of the logit model, site effects of any size included, and T = Σ y x has

    P(T = t) = c(t) e^(b t) / Σ_u c(u) e^(b u)                     (Cox 1970; Mehta & Patel 1995)

where c(t) counts the outcomes with T = t that leave everything conditioned on as it is; how they
are counted is told in `inference.conditional`. The p-value is twice the smaller tail under b = 0,
at most 1, and the interval holds each b under which neither tail of the observed t is below
alpha/2 (Clopper & Pearson 1934). Both keep their level whatever the sample size, and are mostly
conservative; mid-p counts half the probability of the observed t only, which keeps the level on
average (Lancaster 1961). The estimate maximises the conditional likelihood. Where the observed t
is the largest or smallest possible there is no finite maximum; then the estimate is the median
unbiased one, under which the observed tail is one half, and the interval is open on that side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of
from peerstats.inference.conditional import Counts, count_outcomes
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.scale import coefficient_scale

Array = NDArray[np.float64]

WIDEST = 1e3  # log odds ratio for a unit, beyond which a search has lost its way


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditional:
    """The distribution of T in whole units: values t, log c(t), and the place of the observed."""

    t: Array
    log_count: Array
    place: int

    def probabilities(self, b: float) -> Array:
        """P(T = t) at log odds ratio b for a unit."""
        terms = self.log_count + b * self.t
        return np.asarray(np.exp(terms - special.logsumexp(terms)))

    def tails(self, b: float, share: float) -> tuple[float, float]:
        """P(T < t) and P(T > t) of the observed t, each with `share` of P(T = t)."""
        found = self.probabilities(b)
        own = share * float(found[self.place])
        return float(found[: self.place].sum()) + own, float(found[self.place + 1 :].sum()) + own

    def moments(self, b: float) -> tuple[float, float]:
        """Mean and variance of T."""
        found = self.probabilities(b)
        mean = float(found @ self.t)
        return mean, float(found @ (self.t - mean) ** 2)

    def estimate(self) -> float:
        """The conditional maximum likelihood estimate, or the median unbiased one at an edge."""
        observed = float(self.t[self.place])
        if self.place == len(self.t) - 1:
            return _root(lambda b: self.tails(b, 1.0)[1] - 0.5)
        if self.place == 0:
            return _root(lambda b: 0.5 - self.tails(b, 1.0)[0])
        return _root(lambda b: self.moments(b)[0] - observed)

    def interval(self, alpha: float, share: float) -> tuple[float, float]:
        """The values of b whose tails of the observed t are both alpha/2 or more."""
        low, high = -math.inf, math.inf
        if self.place > 0:
            low = _root(lambda b: self.tails(b, share)[1] - alpha / 2)
        if self.place < len(self.t) - 1:
            high = _root(lambda b: alpha / 2 - self.tails(b, share)[0])
        return low, high


def _root(rising: Callable[[float], float]) -> float:
    from scipy.optimize import brentq

    far = 1.0
    while not (rising(-far) < 0.0 < rising(far)):
        far *= 2.0
        if far > WIDEST:
            raise ModelError("the conditional distribution is too steep to be inverted")
    return float(brentq(rising, -far, far, xtol=1e-12, rtol=1e-13))


def distribution(counts: Counts) -> Conditional:
    """Return the distribution of T; ModelError where one value only is possible."""
    possible = np.flatnonzero(counts.counts)
    if len(possible) < 2:
        raise ModelError(
            "given the sites' totals and the other covariates only one outcome is possible"
        )
    return Conditional(
        t=possible.astype(np.float64),
        log_count=np.log(counts.counts[possible]),
        place=int(np.searchsorted(possible, counts.observed)),
    )


def _row(question: Question, position: int, *, share: float) -> Estimate:
    family = question.fit.family
    if (family.name, family.link) != ("binomial", "logit"):
        raise ModelError(f"it is defined for the logit of a yes/no outcome, not {a_model(family)}")
    counts: Counts = question.once(
        f"conditional counts {position}", lambda: count_outcomes(question, position)
    )
    found = distribution(counts)
    estimate = found.estimate()
    low, high = found.interval(question.alpha, share)
    return Estimate(
        term=question.fit.design.names[position],
        estimate=estimate / counts.step,
        std_error=1.0 / math.sqrt(found.moments(estimate)[1]) / counts.step,
        p_value=min(1.0, 2.0 * min(found.tails(0.0, share))),
        conf_low=low / counts.step,
        conf_high=high / counts.step,
        scale=coefficient_scale(family),
    )


EXACT = method_of(
    "exact",
    "exact conditional logistic test and interval given the sites' totals",
    partial(_row, share=1.0),
)
EXACT_MID_P = method_of(
    "exact_mid_p",
    "exact conditional logistic test and interval given the sites' totals, with mid-p",
    partial(_row, share=0.5),
)
