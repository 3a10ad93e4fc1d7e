"""The rule that decides, for each coefficient, which method answers or why nothing can.

For each coefficient the data decide its kind (`inference.kind`), and the kind, the number of sites
and what the model holds decide the method:

1. Fewer than 3 degrees of freedom for a coefficient that is learnt from sites (or venues) only: no
   p-value and no interval. With 3 sites a test that holds its level has next to no power, and the
   tests that seem to have some reject true nulls far more often than they say.
2. A model without any effect of site cannot test what is constant inside sites: its standard error
   counts women where it should count sites.
3. Random effects: Wald t with between-within degrees of freedom.
4. No random effects: t with N − p degrees of freedom for gaussian outcomes, z for the others.

What is sharper than Wald for few sites enters as further methods and further lines of `_choose`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from peerstats.errors import UsageError, did_you_mean
from peerstats.inference.estimates import Estimate, Estimates, as_frame
from peerstats.inference.kind import kinds
from peerstats.inference.layout import Layout, Level, layout
from peerstats.inference.method import Method, Question
from peerstats.inference.methods import METHODS
from peerstats.inference.remarks import remarks

if TYPE_CHECKING:
    import pandas as pd

    from peerstats.model.fit import Fit

LEAST_DF = 3  # below this a cluster-level coefficient has no p-value


def infer(
    fit: Fit,
    *,
    sites: str | pd.Series | None = None,
    alpha: float = 0.05,
    rule: str = "default",
) -> Estimates:
    """Return estimates on the link scale with intervals, p-values or the reason there are none.

    `sites` names the site's grouping factor or is a Series of site labels on the data's index; by
    default the outermost grouping factor of the fit. `rule` is "default" or the name of one method
    for every coefficient; the refusals hold for every rule, because no method can lift them.
    Thresholds of ordered outcomes are no coefficients and have no row.

    Raises UsageError for an unknown rule or a level outside (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise UsageError("alpha lies between 0 and 1; 0.05 gives 95% intervals.")
    if rule != "default" and rule not in METHODS:
        known = ", ".join(("default", *METHODS))
        raise UsageError(f"Unknown inference rule '{rule}' ({known}).{did_you_mean(rule, METHODS)}")
    where = layout(fit, sites)
    columns = fit.design.X
    if fit.family.thresholds is not None:  # which stand for the intercept, and use up a df
        columns = np.column_stack([columns, np.ones(fit.design.n)])
    question = Question(fit=fit, where=where, kinds=kinds(columns, where), alpha=alpha)
    rows = [_row(question, position, rule) for position in range(len(fit.design.columns))]
    return Estimates(frame=as_frame(rows), alpha=alpha, remarks=remarks(question, rows))


def _row(question: Question, position: int, rule: str) -> Estimate:
    method = _choose(question, position) if rule == "default" else METHODS[rule]
    reason = refusal(question, position) or method.why_not(question, position)
    if reason is None:
        return method.estimate(question, position)
    # Value and standard error stay for the team's own eyes; nothing that could be read as a test.
    df = question.between_within_df(position)
    bare = METHODS["wald_z"].estimate(question, position)
    return Estimate(
        term=bare.term,
        estimate=bare.estimate,
        std_error=bare.std_error,
        df=df,
        method="none",
        scale=bare.scale,
        reason=reason,
    )


def _choose(question: Question, position: int) -> Method:
    """Return the method of one coefficient that is not refused."""
    if any(level.random for level in question.where.levels):
        return METHODS["wald_between_within"]
    gaussian = question.fit.family.name == "gaussian"
    return METHODS["wald_t" if gaussian else "wald_z"]


def refusal(question: Question, position: int) -> str | None:
    """Return why one coefficient has no p-value and no interval under any method, or None.

    The sentence has no capital and no full stop, so that the coefficient's label can precede it.
    """
    kind, where = question.kinds[position], question.where
    if kind.level == len(where.levels) or question.is_site_effect(position):
        return None
    level = where.levels[kind.level]
    df = question.between_within_df(position)
    if df < LEAST_DF:
        intercept = not question.fit.design.columns[position].variables
        return _too_few(level, where, df, "average" if intercept else "exposure")
    if not question.models(kind.level):
        return (
            f"constant within every {level.noun}, and the model has no effect of {level.noun}: "
            f"add (1 | {level.name}) to test a {level.noun}-level exposure"
        )
    return None


def _too_few(level: Level, where: Layout, df: float, what: str) -> str:
    clusters = f"{level.count} {level.noun}{'s' if level.count != 1 else ''}"
    top = where.levels[0]
    if level is not top:
        clusters += f" in {top.count} {top.noun}{'s' if top.count != 1 else ''}"
    return (
        f"with {clusters} and {max(df, 0.0):g} df this design cannot test a "
        f"{level.noun}-level {what}"
    )
