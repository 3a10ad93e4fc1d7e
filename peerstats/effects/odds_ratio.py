"""Odds ratios of logistic models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerstats.effects.effect import Effect
from peerstats.effects.ratio import exponentiate
from peerstats.inference.estimates import Estimates

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit

# With ordered levels it is the odds ratio of being above any one level.
LOGITS = ("binomial", "beta_binomial", "cumulative_logit")


def why_not(family: Family) -> str | None:
    """An odds ratio needs a logit link."""
    if family.link == "logit" and family.name in LOGITS:
        return None
    return f"exp(coefficient) is no odds ratio with the {family.link} link; use the logit link"


def odds_ratio(fit: Fit, estimates: Estimates) -> Estimates:
    """Return OR = exp(β), conditional on the random effects.

    In a model with random intercepts this compares two women of the same site (Zeger, Liang &
    Albert 1988, Biometrics 44:1049); the population-averaged ratio is nearer to 1.

    >>> from peerstats.inference.estimates import Estimate, Estimates, as_frame
    >>> row = Estimate(term="urban", estimate=0.7324, std_error=0.1195, conf_low=0.4, conf_high=1.0)
    >>> ratios = odds_ratio(None, Estimates(frame=as_frame([row]), alpha=0.05))
    >>> round(ratios.row("urban").estimate, 3), ratios.row("urban").scale
    (2.08, 'odds_ratio')
    """
    return exponentiate(estimates, "odds_ratio")


ODDS_RATIO = Effect(
    name="odds_ratio",
    label="odds ratio",
    short="OR",
    scale="odds_ratio",
    of="coefficient",
    null=1.0,
    why_not=why_not,
    measure=odds_ratio,
)
