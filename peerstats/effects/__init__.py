"""Effect measures: one file each, and the registry that names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from peerstats.effects.effect import Effect
from peerstats.effects.icc import ICC
from peerstats.effects.mean_difference import MEAN_DIFFERENCE
from peerstats.effects.median_odds_ratio import MEDIAN_ODDS_RATIO
from peerstats.effects.odds_ratio import ODDS_RATIO
from peerstats.effects.prevalence_ratio import PREVALENCE_RATIO
from peerstats.effects.rate_ratio import RATE_RATIO
from peerstats.effects.variance import VARIANCE

if TYPE_CHECKING:
    from peerstats.model.families import Family

EFFECTS: Mapping[str, Effect] = {
    effect.name: effect
    for effect in (
        ODDS_RATIO,
        RATE_RATIO,
        PREVALENCE_RATIO,
        MEAN_DIFFERENCE,
        VARIANCE,
        ICC,
        MEDIAN_ODDS_RATIO,
    )
}


def headline(family: Family) -> Effect | None:
    """Return the measure of a coefficient that this family is published with.

    None where the coefficient has no name of its own (a probit or cloglog coefficient) and is
    shown on the link scale.

    >>> from peerstats.model.families import find_family
    >>> headline(find_family("binomial")).short
    'OR'
    """
    for effect in EFFECTS.values():
        if effect.of == "coefficient" and effect.why_not(family) is None:
            return effect
    return None


__all__ = ["EFFECTS", "Effect", "headline"]
