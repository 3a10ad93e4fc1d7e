"""On which scale a coefficient or a measure lives; a value without its scale is not printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from peerstats.model.families import Family

EstimateScale = Literal[
    "log_odds", "odds_ratio", "log_rate", "rate_ratio", "log_risk", "risk_ratio",
    "mean_difference", "link", "variance", "icc", "median_odds_ratio",
]  # fmt: skip

_SCALES: dict[tuple[str, str], EstimateScale] = {
    ("binomial", "logit"): "log_odds",
    ("binomial", "log"): "log_risk",
    ("poisson", "log"): "log_rate",
    ("negative_binomial", "log"): "log_rate",
    ("negative_binomial1", "log"): "log_rate",
    ("beta_binomial", "logit"): "log_odds",
    ("cumulative_logit", "logit"): "log_odds",
    ("gaussian", "identity"): "mean_difference",
}


def coefficient_scale(family: Family) -> EstimateScale:
    """Return the scale of a coefficient of this family and link; "link" where it has no own name.

    >>> from peerstats.model.families import find_family
    >>> coefficient_scale(find_family("binomial"))
    'log_odds'
    >>> coefficient_scale(find_family("binomial", "probit"))
    'link'
    """
    return _SCALES.get((family.name, family.link), "link")
