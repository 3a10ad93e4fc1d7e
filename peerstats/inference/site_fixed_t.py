"""Gaussian outcomes within sites: least squares with an intercept for each site, and its exact t.

Kenward and Roger's test rests on the variance between sites. From three sites that is estimated at
zero in a third of samples, where the test has nothing to work with and what is left counts women
instead of sites; from five it is so uncertain that intervals are too wide, and still from twelve
where sites hardly differ. With sites as fixed
effects no such variance is needed, and t with N - J - p degrees of freedom is exact whatever sites
differ in. What it gives up, the comparison between sites, says little when sites are few.
"""

from __future__ import annotations

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of, t_row
from peerstats.inference.estimates import Estimate
from peerstats.inference.method import Question
from peerstats.inference.site_fixed import fixed_fit, freedom


def _row(question: Question, position: int) -> Estimate:
    family = question.fit.family
    if family.name != "gaussian":
        raise ModelError(f"it is defined for gaussian models, not for {a_model(family)}")
    df, found = freedom(question, position), fixed_fit(question)
    if found.formula.random:
        raise ModelError("it is exact only where nothing inside sites is random")
    name = question.fit.design.names[position]
    return t_row(question, position, float(found.params[name]), float(found.bse[name]), df)


SITE_FIXED_T = method_of(
    "site_fixed_t",
    "t test of least squares with sites as fixed effects",
    _row,
)
