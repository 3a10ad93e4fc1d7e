"""Prevalence (risk) ratios of log-binomial models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerstats.effects.effect import Effect
from peerstats.effects.ratio import exponentiate
from peerstats.inference.estimates import Estimates

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit


def why_not(family: Family) -> str | None:
    """A prevalence ratio needs a binary outcome and a log link."""
    if (family.name, family.link) == ("binomial", "log"):
        return None
    return f"exp(coefficient) is no prevalence ratio with the {family.link} link; use the log link"


def prevalence_ratio(fit: Fit, estimates: Estimates) -> Estimates:
    """Return PR = exp(β) of a log-binomial model (Wacholder 1986, Am J Epidemiol 123:174).

    >>> from peerstats.inference.estimates import Estimate, Estimates, as_frame
    >>> row = Estimate(term="x", estimate=0.0, std_error=0.1, conf_low=-0.2, conf_high=0.2)
    >>> prevalence_ratio(None, Estimates(frame=as_frame([row]), alpha=0.05)).row("x").scale
    'risk_ratio'
    """
    return exponentiate(estimates, "risk_ratio")


PREVALENCE_RATIO = Effect(
    name="prevalence_ratio",
    label="prevalence ratio",
    short="PR",
    scale="risk_ratio",
    of="coefficient",
    null=1.0,
    why_not=why_not,
    measure=prevalence_ratio,
)
