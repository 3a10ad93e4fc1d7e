"""Modified Poisson regression with sites as clusters: prevalence ratios, whatever the fit's link.

A Poisson model with log link, fitted to a yes/no outcome, estimates log prevalence ratios (Zou
2004, Am J Epidemiol 159:702); its own variance is replaced by CR2 with Bell & McCaffrey's t, as in
`inference.gee`. What it reports is another measure than the odds ratios of a logit model: its rows
have the scale `log_risk`.
"""

from __future__ import annotations

import numpy as np

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.gee import marginal_row
from peerstats.inference.method import Question
from peerstats.inference.pooled import clustered
from peerstats.model.families import find_family
from peerstats.model.marginal.gee import gee_of
from peerstats.model.marginal.result import MarginalFit


def _prevalence(question: Question) -> MarginalFit:
    if question.fit.family.name != "binomial":
        raise ModelError(
            f"prevalence ratios need a yes/no outcome, not {a_model(question.fit.family)}"
        )
    design = clustered(question)
    if design.trials is not None or not np.isin(design.y, (0.0, 1.0)).all():
        raise ModelError("it needs one row a woman; this outcome counts trials")
    if design.offset is not None:
        raise ModelError("an offset on the fit's own scale is none of a log prevalence")
    found: MarginalFit = question.once(
        "modified poisson", lambda: gee_of(design, find_family("poisson"), "independence")
    )
    return found


def _row(question: Question, position: int) -> Estimate:
    return marginal_row(question, position, _prevalence(question), "log_risk")


MODIFIED_POISSON_CR2 = method_of(
    "modified_poisson_cr2",
    "modified Poisson regression (log prevalence ratio) with CR2 standard errors clustered by site "
    "and Bell and McCaffrey's t",
    _row,
)
