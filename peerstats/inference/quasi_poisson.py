"""Counts that vary more than Poisson counts, compared within sites: quasi-Poisson and F.

The dispersion of negative binomial counts is hard to learn from few women. Maximum likelihood makes
it too small, often zero, and its tests reject too often. Here the means are those of a Poisson
model with sites as fixed effects, and the dispersion is Pearson's,

    φ = Σ (y - μ̂)² / μ̂ / (N - J - p)      (at least 1),

so that the likelihood ratio over φ compares with F(1, N - J - p) (McCullagh & Nelder 1989, section
4.5; Venables & Ripley 2002, section 7.5). The rate ratio is that of the negative binomial model.
"""

from __future__ import annotations

import math

import numpy as np

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of
from peerstats.inference.estimates import Estimate
from peerstats.inference.lrt import ratio_row
from peerstats.inference.method import Question
from peerstats.inference.ratio import Ratio
from peerstats.inference.site_fixed import OVERDISPERSED, as_poisson, fixed_fit, site_ratio

FAMILIES = ("poisson", *OVERDISPERSED)


def quasi_ratio(question: Question, position: int) -> tuple[Ratio, float]:
    """Return the likelihood of one coefficient in units of φ, and N - J - p; ModelError without."""
    fit = question.fit
    if fit.family.name not in FAMILIES or fit.family.link != "log":
        raise ModelError(
            f"it is defined for counts with the log link, not for {a_model(fit.family)}"
        )
    if len(question.where.levels) != 1:
        raise ModelError("it is defined for sites with nothing nested inside them")

    poisson = as_poisson(question)
    ratio, df = site_ratio(poisson, position)
    size = math.sqrt(dispersion(poisson, df))
    scaled = Ratio(
        zeta=lambda value: ratio.zeta(value) / size,
        estimate=ratio.estimate,
        std_error=ratio.std_error * size,
    )
    return scaled, df


def dispersion(poisson: Question, df: float) -> float:
    """Pearson's φ of the Poisson model with sites as fixed effects, at least 1."""
    found = fixed_fit(poisson)
    mean = np.maximum(np.asarray(found.predict(), dtype=np.float64), 1e-12)
    weights = np.ones_like(mean) if found.design.weights is None else found.design.weights
    return max(float(weights @ ((found.design.y - mean) ** 2 / mean)) / df, 1.0)


def _row(question: Question, position: int) -> Estimate:
    ratio, df = quasi_ratio(question, position)
    return ratio_row(question, position, ratio, df)


QUASI_POISSON = method_of(
    "quasi_poisson",
    "quasi-Poisson likelihood ratio with sites as fixed effects, F test",
    _row,
)
