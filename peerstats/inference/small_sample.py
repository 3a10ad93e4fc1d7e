"""t tests of gaussian mixed models with Satterthwaite's or Kenward and Roger's degrees of freedom.

The formulas are those of `peerstats.model.small_sample`. Kenward and Roger also widen the standard
errors for variances being estimated, and fit by REML whatever the fit's own criterion.
"""

from __future__ import annotations

from functools import partial

import pandas as pd

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.scale import coefficient_scale

LEAST_DF = 1.0  # below it t has no mean, and an interval no use


def _row(question: Question, position: int, *, approximation: str) -> Estimate:
    fit = question.fit
    if fit.family.name != "gaussian":
        raise ModelError(
            f"it is defined for gaussian models with random effects, not for {a_model(fit.family)}"
        )
    if not fit.formula.random:
        raise ModelError("the model has no random effects; its t test is exact as it is: wald_t")
    key = f"{approximation} {question.alpha}"
    table: pd.DataFrame = question.once(
        key, lambda: fit.small_sample(approximation, question.alpha)
    )
    found = {str(name): float(value) for name, value in table.iloc[position].items()}
    if not found["df"] >= LEAST_DF:
        raise ModelError("fewer than 1 degree of freedom is left for this coefficient")
    return Estimate(
        term=str(table.index[position]),
        scale=coefficient_scale(fit.family),
        **found,  # type: ignore[arg-type]
    )


SATTERTHWAITE = method_of(
    "satterthwaite",
    "t test and interval with Satterthwaite's degrees of freedom",
    partial(_row, approximation="satterthwaite"),
)
KENWARD_ROGER = method_of(
    "kenward_roger",
    "t test and interval with Kenward and Roger's standard errors and degrees of freedom",
    partial(_row, approximation="kenward_roger"),
)
