"""Rate ratios of Poisson and negative binomial models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerstats.effects.effect import Effect
from peerstats.effects.ratio import exponentiate
from peerstats.inference.estimates import Estimates

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit

COUNTS = ("poisson", "negative_binomial", "negative_binomial1")


def why_not(family: Family) -> str | None:
    """A rate ratio needs counts and a log link."""
    if family.link == "log" and family.name in COUNTS:
        return None
    return f"exp(coefficient) is no rate ratio in a {family.name} model with {family.link} link"


def rate_ratio(fit: Fit, estimates: Estimates) -> Estimates:
    """Return RR = exp(β), conditional on the random effects.

    With a log link and a random intercept the ratio is also the population-averaged one, because
    the intercept's distribution only shifts the mean (Diggle et al. 2002, section 7.4).

    >>> from peerstats.inference.estimates import Estimate, Estimates, as_frame
    >>> row = Estimate(term="x", estimate=0.0, std_error=0.1, conf_low=-0.2, conf_high=0.2)
    >>> rate_ratio(None, Estimates(frame=as_frame([row]), alpha=0.05)).row("x").estimate
    1.0
    """
    return exponentiate(estimates, "rate_ratio")


RATE_RATIO = Effect(
    name="rate_ratio",
    label="rate ratio",
    short="RR",
    scale="rate_ratio",
    of="coefficient",
    null=1.0,
    why_not=why_not,
    measure=rate_ratio,
)
