"""Mean differences of models with an identity link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerstats.effects.effect import Effect
from peerstats.inference.estimates import Estimates

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit


def why_not(family: Family) -> str | None:
    """A mean difference needs an identity link."""
    if family.link == "identity":
        return None
    return f"a coefficient is no mean difference with the {family.link} link"


def mean_difference(fit: Fit, estimates: Estimates) -> Estimates:
    """Return β itself: the difference in mean outcome, in the outcome's unit, per unit of x.

    >>> from peerstats.inference.estimates import Estimate, Estimates, as_frame
    >>> row = Estimate(term="x", estimate=2.5, std_error=0.1, scale="mean_difference")
    >>> mean_difference(None, Estimates(frame=as_frame([row]), alpha=0.05)).row("x").estimate
    2.5
    """
    return estimates


MEAN_DIFFERENCE = Effect(
    name="mean_difference",
    label="mean difference",
    short="b",
    scale="mean_difference",
    of="coefficient",
    null=0.0,
    why_not=why_not,
    measure=mean_difference,
)
