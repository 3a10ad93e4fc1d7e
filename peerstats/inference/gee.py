"""Generalised estimating equations with sites as clusters, CR2 and Bell & McCaffrey's t.

The coefficient is a population average: how the outcome differs between women with and without the
exposure, whatever their sites. Its variance comes from how the sites' scores differ, so with few
sites the plain sandwich is far too small; CR2 corrects it and t has the degrees of freedom of the
corrected variance (Bell & McCaffrey 2002, Survey Methodol 28:169; Pustejovsky & Tipton 2018, J Bus
Econ Stat 36:672). Formulas: `peerstats.model.marginal.sandwich`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerstats.errors import ModelError
from peerstats.inference.answer import method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.pooled import clustered
from peerstats.inference.scale import EstimateScale, coefficient_scale
from peerstats.model.marginal.gee import gee_of
from peerstats.model.marginal.result import MarginalFit
from peerstats.model.marginal.sandwich import determined_alone

LEAST_DF = 3.0  # of what is learnt from sites only
LEAST_WITHIN = 1.0


def _fitted(question: Question) -> MarginalFit:
    """The fit with exchangeable correlation; with few sites it can have none that is possible."""

    def make() -> MarginalFit:
        design, family = clustered(question), question.fit.family
        try:
            return gee_of(design, family)
        except ModelError:
            return gee_of(design, family, "independence")

    found: MarginalFit = question.once("gee", make)
    return found


def marginal_row(
    question: Question, position: int, fitted: MarginalFit, scale: EstimateScale
) -> Estimate:
    """Return one coefficient of a marginal fit; ModelError where sites say too little of it."""
    if not fitted.converged:
        raise ModelError("the estimating equations were not solved")
    df = float(fitted.df.iloc[position])
    of_sites = question.kinds[position].level == 0
    top = question.where.levels[0]
    if of_sites and determined_alone(fitted.equations):
        raise ModelError(f"a single {top.noun} determines an estimate alone, so none varies there")
    if not df >= (LEAST_DF if of_sites else LEAST_WITHIN):
        shown = f"{df:.1f}" if df > 0 else "no"
        raise ModelError(f"{top.count} {top.noun}s leave {shown} df to the cluster-robust variance")
    low, high = fitted.conf_int(question.alpha).to_numpy(dtype=np.float64)[position]
    return Estimate(
        term=question.fit.design.names[position],
        estimate=float(fitted.params.iloc[position]),
        std_error=float(fitted.bse.iloc[position]),
        statistic=float(fitted.tvalues.iloc[position]),
        df=df,
        p_value=float(fitted.pvalues.iloc[position]),
        conf_low=float(low),
        conf_high=float(high),
        scale=scale,
    )


def _row(question: Question, position: int) -> Estimate:
    scale = coefficient_scale(question.fit.family)
    fitted = _fitted(question)
    row = marginal_row(question, position, fitted, scale)
    if fitted.correlation == "exchangeable":
        return row
    return replace(row, method=f"{GEE_CR2.words} (independence, as no such correlation fits)")


GEE_CR2 = method_of(
    "gee_cr2",
    "generalised estimating equations (population average, exchangeable correlation within sites) "
    "with CR2 standard errors and Bell and McCaffrey's t",
    _row,
)
