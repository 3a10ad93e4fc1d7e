"""Likelihood-ratio tests and the profile intervals that invert them.

With l(c) the maximum of the log-likelihood over everything else, b held at c, b = c is compared by

    LR(c) = 2 [l(b̂) - l(c)]

with χ² of 1 degree of freedom, or with F(1, ν) of between-within denominator degrees of freedom ν,
which few clusters need (Qiu, Cook & Bobb 2024, Stat Med 43:201). The interval holds every c that
the test does not reject, so it is the profile likelihood interval (Venzon & Moolgavkar 1988, Appl
Stat 37:87). REML compares no fixed effects, so gaussian models are fitted by maximum likelihood.

A test of l with the random part maximised anew at each c: b held at c is the column taken out of
the design and c times it added to the offset.
"""

from __future__ import annotations

import math

import numpy as np

from peerstats.errors import ModelError
from peerstats.inference.answer import method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.ratio import Ratio, quantile, tail
from peerstats.inference.scale import coefficient_scale
from peerstats.model.convergence import Solution
from peerstats.model.fit import Fit
from peerstats.model.profile import root_of
from peerstats.model.refit import hold_column, refit, with_solution


def likelihood_ratio(question: Question, position: int) -> Ratio:
    """Return the likelihood of one coefficient.

    Raises ModelError for a penalised fit, and where a maximum is not reached.
    """
    if question.fit.penalty:
        raise ModelError(
            "the fit is penalised, and its likelihood ratio has no chi-squared reference; use "
            "penalised_lrt"
        )
    best = question.once("maximum likelihood", lambda: maximum_likelihood(question))
    return ratio_of(with_solution(question.fit, best, method=_likelihood(question.fit)), position)


def _likelihood(fit: Fit) -> str:
    return "ml" if fit.method == "reml" else fit.method


def ratio_of(fit: Fit, position: int) -> Ratio:
    """Return ζ of one column's coefficient in a fit by (penalised) maximum likelihood.

    A standard deviation at zero may leave it when the coefficient is held: the model is then fitted
    anew at each value. Otherwise each maximum is searched for from its neighbours (model.profile).
    """
    estimate = float(fit.solution.beta[position])

    def anew(value: float) -> float:
        held = reached(refit(fit, hold_column(fit.design, position, value), reml=False))
        gain = max(2.0 * (fit.llf - held.loglik), 0.0)
        return math.copysign(math.sqrt(gain), value - estimate)

    singular = bool(np.any(fit.varcorr["sd"].to_numpy(dtype=np.float64) == 0.0))
    return Ratio(
        zeta=anew if singular else root_of(fit, fit.design.names[position]),
        estimate=estimate,
        std_error=math.sqrt(float(fit.solution.covariance[position, position])),
    )


def maximum_likelihood(question: Question) -> Solution:
    """Return the fit's own numbers, or for REML those of maximum likelihood."""
    fit = question.fit
    return reached(refit(fit, fit.design, reml=False) if fit.method == "reml" else fit.solution)


def reached(solution: Solution) -> Solution:
    """Return a refit's numbers; ModelError when they are not at a maximum."""
    if not solution.convergence.converged:
        raise ModelError("the likelihood's maximum was not reached, so it has no ratio")
    return solution


def ratio_row(question: Question, position: int, ratio: Ratio, df: float) -> Estimate:
    """Return the test of 0 and the interval against χ² (df infinite) or F(1, df).

    The statistic is the signed root of the ratio, which compares with z or t.
    """
    root, critical = ratio.root(0.0), quantile(df, question.alpha)
    return Estimate(
        term=question.fit.design.names[position],
        estimate=ratio.estimate,
        std_error=ratio.std_error,
        statistic=root,
        df=df,
        p_value=tail(root, df),
        conf_low=ratio.end(-critical),
        conf_high=ratio.end(critical),
        scale=coefficient_scale(question.fit.family),
    )


def _chi_squared(question: Question, position: int) -> Estimate:
    return ratio_row(question, position, likelihood_ratio(question, position), math.inf)


def _between_within(question: Question, position: int) -> Estimate:
    df = question.between_within_df(position)
    if df < 1:
        raise ModelError("no between-within degrees of freedom are left for this coefficient")
    return ratio_row(question, position, likelihood_ratio(question, position), df)


LRT = method_of(
    "lrt",
    "likelihood ratio test and profile likelihood interval",
    _chi_squared,
)
LRT_BETWEEN_WITHIN = method_of(
    "lrt_between_within",
    "likelihood ratio test and profile likelihood interval against F with between-within "
    "denominator degrees of freedom",
    _between_within,
)
