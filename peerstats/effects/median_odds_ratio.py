"""The median odds ratio: between-site variance in the words of odds."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from peerstats.effects.effect import Effect
from peerstats.effects.odds_ratio import why_not
from peerstats.effects.variance import variance
from peerstats.inference.estimates import Estimates, as_frame

if TYPE_CHECKING:
    from peerstats.model.fit import Fit

THREE_QUARTERS = 0.6744897501960817  # Φ⁻¹(0.75)


def mor(sigma2: float) -> float:
    """Return MOR = exp(√(2 σ²) · Φ⁻¹(0.75)) for a between-site variance σ² on the log-odds scale.

    The median, over two women alike in all covariates from two sites drawn at random, of the odds
    ratio between the woman of the higher-risk site and the other (Larsen & Merlo 2005, Am J
    Epidemiol 161:81). 1 means no difference between sites.

    >>> round(mor(0.75), 2), mor(0.0)
    (2.28, 1.0)
    """
    return math.exp(math.sqrt(2.0 * sigma2) * THREE_QUARTERS)


def median_odds_ratio(fit: Fit, estimates: Estimates) -> Estimates:
    """Return the median odds ratio of every grouping factor with a random intercept.

    The MOR rises with σ², so the ends of its interval are the MORs of the ends of the variance's
    interval. Its standard error is the delta method's: dMOR/dσ² = MOR · log(MOR) / (2 σ²).
    """
    rows = []
    for row in variance(fit, estimates).rows():
        value = mor(row.estimate)
        slope = value * math.log(value) / (2.0 * row.estimate) if row.estimate > 0 else math.nan
        rows.append(
            dataclasses.replace(
                row,
                estimate=value,
                std_error=slope * row.std_error,
                conf_low=_mor(row.conf_low),
                conf_high=_mor(row.conf_high),
                scale="median_odds_ratio",
            )
        )
    return dataclasses.replace(estimates, frame=as_frame(rows))


def _mor(sigma2: float) -> float:
    return math.nan if math.isnan(sigma2) else mor(sigma2)


MEDIAN_ODDS_RATIO = Effect(
    name="median_odds_ratio",
    label="median odds ratio",
    short="MOR",
    scale="median_odds_ratio",
    of="factor",
    null=1.0,
    why_not=why_not,
    measure=median_odds_ratio,
)
