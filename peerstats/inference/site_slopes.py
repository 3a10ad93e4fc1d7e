"""The mean of an effect that differs between sites: one estimate a site, then a t test of them.

With a random slope the question is what the effect is on average over sites like these, and J
effects answer it, however many women each site has. In every site where the covariate varies the
logit model of all covariates that vary there is fitted by Firth's penalised likelihood; the slopes'
unweighted mean is tested by t with J - 1 degrees of freedom, whose variance holds the differences
between sites and the error of each estimate together (the summary measures of Matthews et al.
1990, BMJ 300:230).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of, t_row
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.pooled import clustered, top_level
from peerstats.model.marginal.firth import fit_within
from peerstats.model.refit import take_rows

Array = NDArray[np.float64]

VARIES = 1e-7  # of a column's length; less is rounding


def slopes(question: Question, position: int) -> Array:
    """Return the covariate's slope in each site where it varies; ModelError for fewer than two."""
    top, design = top_level(question), clustered(question)
    found = []
    for site in range(top.count):
        rows = np.flatnonzero(top.codes == site)
        part = take_rows(design, rows)
        kept = _independent(part.X - part.X.mean(axis=0), position)
        if position not in kept:
            continue
        part = replace(part, X=part.X[:, kept], columns=tuple(part.columns[k] for k in kept))
        try:
            fitted = fit_within(part, question.fit.family, top.name)
        except ModelError:  # all yes or all no, which says nothing of the slope
            continue
        found.append(float(fitted.solution.beta[kept.index(position)]))
    if len(found) < 2:
        raise ModelError(f"fewer than two {top.noun}s have an effect of their own")
    return np.array(found)


def _independent(X: Array, last: int) -> list[int]:
    """Columns that are no combination of earlier ones, the one asked about being the last."""
    order = [k for k in range(X.shape[1]) if k != last] + [last]
    kept: list[int] = []
    for k in order:
        column = X[:, k]
        if kept:
            column = column - X[:, kept] @ np.linalg.lstsq(X[:, kept], column, rcond=None)[0]
        if np.linalg.norm(column) > VARIES * max(1.0, float(np.linalg.norm(X[:, k]))):
            kept.append(k)
    return kept


def _row(question: Question, position: int) -> Estimate:
    family = question.fit.family
    if (family.name, family.link) != ("binomial", "logit"):
        raise ModelError(
            f"it is defined for yes/no outcomes with the logit, not for {a_model(family)}"
        )
    found = slopes(question, position)
    df = float(len(found) - 1)
    error = float(found.std(ddof=1)) / math.sqrt(len(found))
    return t_row(question, position, float(found.mean()), error, df)


SITE_SLOPES = method_of(
    "site_slopes",
    "mean of the sites' own effects (Firth), t test with one degree of freedom less than sites",
    _row,
)
