"""What is true in the border profile: coefficients, variances and shares.

The nine outcomes are drawn from logistic models with a site and a venue intercept,

    logit P(y = 1) = intercept + sum_j coefficient_j x_j + u_site + v_venue,

where u ~ N(0, site_variance) and v ~ N(0, venue_variance), and the venue is the one the woman was
recruited in. `ps_z` is the standardised total of support acts that she reports, not the latent
support it came from, so an analyst who fits this model to complete data has the right model.
The values are calibrated to the published literature on sex workers; they describe nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One binary outcome: the prevalence aimed at, and its model on the log-odds scale."""

    target: float
    intercept: float
    coefficients: Mapping[str, float]
    site_variance: float
    venue_variance: float


def _outcome(
    target: float, intercept: float, variances: tuple[float, float], **coefficients: float
) -> Outcome:
    named = {name.replace("__", ":"): value for name, value in coefficients.items()}
    return Outcome(
        target=target,
        intercept=intercept,
        coefficients=named,
        site_variance=variances[0],
        venue_variance=variances[1],
    )


# fmt: off
OUTCOMES: Mapping[str, Outcome] = {
    "ccu_clients": _outcome(
        0.70, 1.223, (0.25, 0.75), ps_z=0.45, formal=0.60, mex=-0.25, recent=-0.30, new_sw=-0.45,
        mobile=-0.15, deported=-0.10, ps_z__recent=0.20),
    "condom_last_client": _outcome(
        0.88, 2.382, (0.20, 0.50), ps_z=0.40, formal=0.50, mex=-0.15, recent=-0.25, new_sw=-0.40,
        mobile=-0.10, ps_z__recent=0.15),
    "client_refusal_6m": _outcome(
        0.22, -1.598, (0.05, 0.20), ps_z=-0.22, formal=-0.45, mex=0.25, recent=0.25, new_sw=0.30,
        mobile=0.20, deported=0.15, ps_z__recent=-0.10),
    "hiv_test_12m": _outcome(
        0.58, 0.087, (0.35, 0.70), ps_z=0.40, formal=1.30, mex=-0.40, recent=-0.45, new_sw=-0.30,
        mobile=0.30, ps_z__formal=0.15),
    "client_phys_sex_6m": _outcome(
        0.18, -1.773, (0.05, 0.15), ps_z=-0.15, formal=-0.70, mex=0.10, recent=0.25, new_sw=0.20,
        mobile=0.35, deported=0.20, ps_z__informal=-0.10),
    "client_verbal_6m": _outcome(
        0.28, -1.090, (0.05, 0.15), ps_z=-0.12, formal=-0.45, mex=0.10, recent=0.15, mobile=0.25,
        deported=0.15),
    "authority_any_6m": _outcome(
        0.25, -1.644, (0.30, 0.25), ps_z=-0.15, formal=-0.80, mex=0.45, recent=0.20, mobile=0.30,
        deported=0.45),
    "peer_any_6m": _outcome(
        0.08, -2.711, (0.05, 0.20), ps_z=-0.20, formal=-0.40, mex=0.15, recent=0.60, new_sw=0.50),
    "sti_self_12m": _outcome(
        0.12, -1.950, (0.05, 0.20), ps_z=-0.15, formal=-1.00, mex=0.10, new_sw=0.20, mobile=0.20),
}
# fmt: on

# Latent peer support before it is turned into acts; variances of its site, venue and woman parts.
SUPPORT = {
    "formal": 0.35, "mex": -0.20, "recent": -0.30, "new_sw": -0.15, "mobile": -0.25,
    "years_to_10_over_5": 0.10, "site_variance": 0.05, "venue_variance": 0.10,
    "woman_variance": 0.85**2,
}  # fmt: skip

# Always using condoms implies using one last time. With one uniform draw and one pair of standard
# effects for both outcomes this holds for every woman, and each model stays as written above.
SAME_DRAW: Mapping[str, str] = {"condom_last_client": "ccu_clients"}

# Violence outcomes of one woman go together beyond their covariates: a shared normal score with
# this share of the variance (a Gaussian copula, which leaves each outcome's own model as it is).
TOGETHER: Mapping[str, float] = {
    "client_phys_sex_6m": 0.3, "client_verbal_6m": 0.3, "authority_any_6m": 0.3, "peer_any_6m": 0.3,
}  # fmt: skip
VISIT_CORRELATION = 0.5  # of the normal scores behind one woman's answers at two visits

INCONSISTENT_SHARE = 0.03
DONT_KNOW_YEARS_SHARE = 0.06
DOCUMENT_REFUSED_SHARE = 0.20
VIOLENCE_DELTA = 0.5  # log odds ratio of refusing a violence block when it happened


def truth_of_border(*, scale: int, missing: bool) -> dict[str, Any]:
    """Return the true parameters as a nested dict that can be written as JSON.

    `truth["outcomes"][name]` has `intercept`, `coefficients` by variable name (log odds),
    `site_variance`, `venue_variance` and `target`, the prevalence aimed at.
    """
    outcomes = {
        name: {
            "family": "binomial",
            "target": outcome.target,
            "intercept": outcome.intercept,
            "coefficients": dict(outcome.coefficients),
            "site_variance": outcome.site_variance,
            "venue_variance": outcome.venue_variance,
        }
        for name, outcome in OUTCOMES.items()
    }
    return {
        "profile": "border",
        "scale": scale,
        "missing": missing,
        "outcomes": outcomes,
        "support": dict(SUPPORT),
        "same_draw": dict(SAME_DRAW),
        "shared_variance": dict(TOGETHER),
        "visit_correlation": VISIT_CORRELATION,
        "variables": _variables(),
        "injected": _injected() if missing else {},
    }


def _variables() -> dict[str, str]:
    return {
        "ps_z": "support acts received (0-23), standardised over first visits",
        "formal": "1 if the recruitment venue is formal",
        "informal": "1 - formal",
        "mex": "1 if the site is in Mexico",
        "recent": "1 if years_in_city < 1 at enrolment",
        "new_sw": "1 if age - age_entry < 1 at enrolment",
        "mobile": "1 if she crossed the border, moved to avoid police or had 3+ venues in 6 months",
        "deported": "1 if ever deported",
    }


def _injected() -> dict[str, float]:
    return {
        "inconsistent_self_report": INCONSISTENT_SHARE,
        "dont_know_years_in_city": DONT_KNOW_YEARS_SHARE,
        "refused_migration_doc": DOCUMENT_REFUSED_SHARE,
        "violence_refusal_log_odds_ratio": VIOLENCE_DELTA,
    }
