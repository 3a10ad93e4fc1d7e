"""Likelihood ratios judged by simulation: their own distribution instead of chi-squared.

The model is fitted with b = 0, outcomes are drawn from that fit with new random effects, the rows
and covariates staying as they are, and each draw gives a ratio LR* = 2 [l*(b̂*) - l*(0)]. Then

    p = (1 + #{LR* >= LR}) / (B + 1)          (Davison & Hinkley 1997, section 4.2.5)

and the interval holds every c with LR(c) below the LR* at which p = alpha. Bartlett's form
compares LR / mean(LR*) with chi-squared, which B draws tell more precisely than a tail (Bartlett
1937; Rocke 1989, Technometrics 31:105). Where the fit without b has no between-site variance, as is
common with few sites, neither draws any, and both stay somewhat liberal.

A draw that cannot be fitted (it may be separated) has no ratio. It counts as one that exceeds the
observed ratio, and it is told; the mean leaves it out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import DataError, ModelError
from peerstats.inference.answer import method_of
from peerstats.inference.estimates import NONE, Estimate
from peerstats.inference.lrt import likelihood_ratio, ratio_row
from peerstats.inference.method import Question
from peerstats.inference.ratio import Ratio, quantile, tail
from peerstats.model.fit import Fit
from peerstats.model.refit import hold_column, one_row_each, refit, with_outcome
from peerstats.model.simulation import draw_outcome

Array = NDArray[np.float64]

COST = 5  # replicates that one of these is worth: it takes two fits, not one
MOST_FAILED = 0.1  # share of draws that cannot be fitted beyond which there is no answer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """The observed ratio, and those drawn under b = 0; without a ratio infinite."""

    observed: Ratio
    drawn: Array

    @property
    def failed(self) -> int:
        """Draws without a ratio."""
        return int(np.isinf(self.drawn).sum())


def _simulated(question: Question, position: int) -> Simulated:
    def make() -> Simulated:
        observed = likelihood_ratio(question, position)
        full = one_row_each(question.fit)
        design = hold_column(full.design, position)
        null = replace(full, design=design, solution=refit(full, design, reml=False))
        rng = question.rng("parametric_bootstrap", position)
        count = max(question.replicates // COST, 1)
        drawn = np.array([_ratio(full, null, rng) for _ in range(count)])
        return Simulated(observed=observed, drawn=drawn)

    found: Simulated = question.once(f"simulated ratios {position}", make)
    if found.failed > MOST_FAILED * len(found.drawn):
        raise ModelError(
            f"{found.failed} of {len(found.drawn)} data sets simulated without it cannot be fitted"
        )
    return found


def _ratio(full: Fit, null: Fit, rng: np.random.Generator) -> float:
    """One draw's likelihood ratio; infinite when one of its two fits does not exist."""
    y = draw_outcome(null, rng)
    try:
        large = refit(full, with_outcome(full.design, y), reml=False)
        small = refit(null, with_outcome(null.design, y), reml=False)
    except (ModelError, DataError, np.linalg.LinAlgError):
        return math.inf
    if not (large.convergence.converged and small.convergence.converged):
        return math.inf
    return max(2.0 * (large.loglik - small.loglik), 0.0)


def _told(words: str, found: Simulated) -> str:
    if not found.failed:
        return words
    return f"{words} ({found.failed} of {len(found.drawn)} simulations could not be fitted)"


def _bootstrap(question: Question, position: int) -> Estimate:
    found = _simulated(question, position)
    count, observed = len(found.drawn), found.observed
    root = observed.root(0.0)
    reached = int((found.drawn >= root**2 - 1e-8).sum())
    last = math.floor(question.alpha * (count + 1) + 1e-9)  # p = alpha at the ratio in this place
    critical = math.sqrt(np.sort(found.drawn)[-last]) if last else math.inf
    if math.isinf(critical):
        usable = count - found.failed
        raise ModelError(f"{usable} simulations with a ratio are too few for a test at this level")
    return replace(
        ratio_row(question, position, observed, math.inf),
        df=NONE,
        p_value=(1 + reached) / (count + 1),
        conf_low=observed.end(-critical),
        conf_high=observed.end(critical),
        method=_told(PARAMETRIC_BOOTSTRAP.words, found),
    )


def _bartlett(question: Question, position: int) -> Estimate:
    found = _simulated(question, position)
    scale = math.sqrt(float(found.drawn[np.isfinite(found.drawn)].mean()))
    root, critical = found.observed.root(0.0) / scale, quantile(math.inf, question.alpha) * scale
    return replace(
        ratio_row(question, position, found.observed, math.inf),
        statistic=root,
        p_value=tail(root, math.inf),
        conf_low=found.observed.end(-critical),
        conf_high=found.observed.end(critical),
        method=_told(BARTLETT.words, found),
    )


PARAMETRIC_BOOTSTRAP = method_of(
    "parametric_bootstrap",
    "likelihood ratio test and interval with the reference simulated from the model without the "
    "coefficient",
    _bootstrap,
)
BARTLETT = method_of(
    "bartlett",
    "likelihood ratio test and profile likelihood interval with a simulated Bartlett correction",
    _bartlett,
)
