"""Wald tests and intervals: estimate over standard error against a t or normal reference.

For coefficient k the statistic is β̂_k / se_k and the interval β̂_k ± q · se_k, where q is the
1 − α/2 quantile of the reference. The reference is what separates the three methods here: the
normal distribution, t with N − p degrees of freedom (gaussian models without random effects), and t
with between-within degrees of freedom, which count clusters for coefficients that are learnt from
clusters.
"""

from __future__ import annotations

import math

from scipy import special

from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Method, Question
from peerstats.inference.scale import coefficient_scale


def wald_row(question: Question, position: int, df: float, method: Method) -> Estimate:
    """Return the row of one coefficient against t with `df` degrees of freedom (inf: normal)."""
    fit = question.fit
    place = position + len(fit.params) - len(fit.design.columns)  # thresholds come first
    value = float(fit.params.iloc[place])
    error = float(fit.bse.iloc[place])
    quantile = float(special.stdtrit(df, 1.0 - question.alpha / 2.0))
    statistic = value / error if error > 0 else math.nan
    return Estimate(
        term=str(fit.params.index[place]),
        estimate=value,
        std_error=error,
        statistic=statistic,
        df=df,
        p_value=2.0 * float(special.stdtr(df, -abs(statistic))),
        conf_low=value - quantile * error,
        conf_high=value + quantile * error,
        method=method.words,
        scale=coefficient_scale(fit.family),
    )


def _always(question: Question, position: int) -> None:
    return None


def _needs_df(question: Question, position: int) -> str | None:
    if question.between_within_df(position) >= 1:
        return None
    return "no between-within degrees of freedom are left for this coefficient"


def _between_within(question: Question, position: int) -> Estimate:
    df = question.between_within_df(position)
    return wald_row(question, position, df, WALD_BETWEEN_WITHIN)


def _residual(question: Question, position: int) -> Estimate:
    df = float(question.fit.nobs - len(question.fit.params))
    return wald_row(question, position, df, WALD_T)


def _normal(question: Question, position: int) -> Estimate:
    return wald_row(question, position, math.inf, WALD_Z)


WALD_BETWEEN_WITHIN = Method(
    name="wald_between_within",
    words="Wald t test and interval with between-within degrees of freedom",
    why_not=_needs_df,
    estimate=_between_within,
)
WALD_T = Method(
    name="wald_t",
    words="Wald t test and interval with residual degrees of freedom",
    why_not=_always,
    estimate=_residual,
)
WALD_Z = Method(
    name="wald_z",
    words="Wald z test and interval",
    why_not=_always,
    estimate=_normal,
)
