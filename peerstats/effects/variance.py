"""Between-group variances with intervals."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from scipy import special

from peerstats.effects.effect import Effect
from peerstats.effects.log_sd import LogSd, log_sds, why_not_reported
from peerstats.effects.profile_bound import profile_upper
from peerstats.inference.estimates import Estimate, Estimates, as_frame
from peerstats.inference.remarks import at_zero

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit

WALD = "Wald interval on the logarithm of the standard deviation"
PROFILE = "estimated at zero; upper limit from the profile likelihood"


def why_not(family: Family) -> None:
    """Every family has between-group variances on its link scale."""


def variance(fit: Fit, estimates: Estimates) -> Estimates:
    """Return the variance σ² of every factor with a random intercept, on the link scale squared.

    The interval is σ̂² · exp(±2 z se(log σ̂)), made where the estimate is nearest to normal and
    cannot leave the positive half-line (Pinheiro & Bates 2000, section 2.4.3); the standard error
    is the delta method's, 2 σ̂² se(log σ̂). At zero, where no Wald interval exists, it is [0, U)
    with U the profile bound. A row with a `reason` rests on too few groups or has no interval.
    """
    parts = log_sds(fit)
    rows = [_row(fit, parts, at, estimates.alpha) for at in range(len(parts.factors))]
    return dataclasses.replace(estimates, frame=as_frame(rows))


def _row(fit: Fit, parts: LogSd, at: int, alpha: float) -> Estimate:
    factor, value = parts.factors[at], float(parts.variances[at])
    reason = why_not_reported(fit, factor)
    row = Estimate(term=factor, estimate=value, std_error=math.nan, scale="variance", reason=reason)
    if at_zero(fit, factor):
        upper = math.nan if reason else profile_upper(fit, factor, alpha)
        if not math.isfinite(upper) and not reason:
            reason = "estimated at zero, and the likelihood gives no upper limit"
        low = math.nan if reason else 0.0
        high = upper if not reason else math.nan
        return dataclasses.replace(
            row, estimate=0.0, conf_low=low, conf_high=high, method=PROFILE, reason=reason
        )
    error = math.sqrt(float(parts.covariance[at, at]))
    width = 2.0 * float(special.ndtri(1.0 - alpha / 2.0)) * error
    row = dataclasses.replace(row, std_error=2.0 * value * error, method=WALD)
    if reason:
        return row
    return dataclasses.replace(
        row, conf_low=value * math.exp(-width), conf_high=value * math.exp(width)
    )


VARIANCE = Effect(
    name="variance",
    label="between-group variance",
    short="variance",
    scale="variance",
    of="factor",
    null=0.0,
    why_not=why_not,
    measure=variance,
)
