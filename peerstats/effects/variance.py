"""Between-group variances with intervals."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from scipy import special

from peerstats.effects.effect import Effect
from peerstats.effects.log_sd import LogSd, log_sds, why_not_reported
from peerstats.effects.profile import profile_interval
from peerstats.inference.estimates import Estimate, Estimates, as_frame
from peerstats.inference.remarks import at_zero

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit

WALD = "Wald interval on the logarithm of the standard deviation"
CUT = "Wald interval on the variance, cut at zero"
PROFILE = "profile-likelihood interval"

# Standard error of log σ̂ from which the likelihood is too far from quadratic in log σ: the Wald
# interval's upper end would be more than seven times the estimate, and soon a thousand times.
WIDE = 0.5


def why_not(family: Family) -> None:
    """Every family has between-group variances on its link scale."""


def variance(fit: Fit, estimates: Estimates) -> Estimates:
    """Return the variance σ² of every factor with a random intercept, on the link scale squared.

    The interval is σ̂² · exp(±2 z se(log σ̂)), made where the estimate is nearest to normal and
    cannot leave the positive half-line (Pinheiro & Bates 2000, section 2.4.3); the standard error
    is the delta method's, 2 σ̂² se(log σ̂). For a variance near zero it is the profile-likelihood
    interval (`effects.profile`), which starts at 0 where the data do not rule 0 out. A row with a
    `reason` rests on too few groups or has no interval. Estimates that are variances already are
    returned as they are, so that one profile serves several measures.
    """
    if set(estimates.frame["scale"]) == {"variance"}:
        return estimates
    parts = log_sds(fit)
    rows = [_row(fit, parts, at, estimates.alpha) for at in range(len(parts.factors))]
    return dataclasses.replace(estimates, frame=as_frame(rows))


def _row(fit: Fit, parts: LogSd, at: int, alpha: float) -> Estimate:
    factor, value = parts.factors[at], float(parts.variances[at])
    zero = at_zero(fit, factor)
    error = math.inf if zero else math.sqrt(float(parts.covariance[at, at]))
    row = Estimate(
        term=factor,
        estimate=0.0 if zero else value,
        std_error=math.nan if zero else 2.0 * value * error,
        scale="variance",
        method=WALD,
        reason=why_not_reported(fit, factor),
    )
    if row.reason:
        return row
    z = float(special.ndtri(1.0 - alpha / 2.0))
    if error <= WIDE:
        factor_width = math.exp(2.0 * z * error)
        return dataclasses.replace(
            row, conf_low=value / factor_width, conf_high=value * factor_width
        )
    low, high = profile_interval(fit, factor, alpha)
    if math.isfinite(high):
        return dataclasses.replace(row, conf_low=low, conf_high=high, method=PROFILE)
    if high == math.inf:
        return dataclasses.replace(row, reason="the likelihood gives it no upper limit")
    if zero:
        words = fit.family.name.replace("_", " ")
        reason = f"estimated at zero, it has no interval in a {words} model"
        return dataclasses.replace(row, reason=reason)
    half = z * row.std_error
    return dataclasses.replace(
        row, conf_low=max(value - half, 0.0), conf_high=value + half, method=CUT
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
