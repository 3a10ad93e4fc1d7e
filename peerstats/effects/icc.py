"""The intraclass correlation: the share of the unexplained variance that lies between groups."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from peerstats.effects.effect import Effect
from peerstats.effects.log_sd import LogSd, log_sds
from peerstats.effects.variance import WALD, variance
from peerstats.inference.estimates import Estimate, Estimates, as_frame

if TYPE_CHECKING:
    from peerstats.model.families import Family
    from peerstats.model.fit import Fit


def why_not(family: Family) -> str | None:
    """A share of variance needs a residual variance on the link scale."""
    if family.has_dispersion or family.latent_variance is not None:
        return None
    return f"the {family.link} link has no latent residual variance to take a share of"


def icc(fit: Fit, estimates: Estimates) -> Estimates:
    """Return ρ_f = σ_f² / (Σ_g σ_g² + σ_e²) for every grouping factor f with a random intercept.

    σ_e² is the residual variance of a gaussian model, or that of the latent variable behind a
    binary one: π²/3 for logit, 1 for probit, π²/6 for cloglog (Snijders & Bosker 2012, section
    17.3.2; Goldstein, Browne & Rasbash 2002, Underst Stat 1:223). With several factors this is the
    share of one level, and the correlation of two women of one venue is the sum of the shares of
    the venue and of what it lies in.

    The interval is Wald on log(ρ/(1 − ρ)) = 2 log σ_f − log(Σ_{g≠f} σ_g² + σ_e²), by the delta
    method from the covariance of the log standard deviations. Where the variance near zero has
    another interval, its ends are carried over with the other variances at their estimates.
    """
    parts = log_sds(fit)
    rows = [
        _row(parts, at, row, estimates.alpha)
        for at, row in enumerate(variance(fit, estimates).rows())
    ]
    return dataclasses.replace(estimates, frame=as_frame(rows))


def _row(parts: LogSd, at: int, row: Estimate, alpha: float) -> Estimate:
    residual = parts.residual or 0.0
    rest = float(parts.variances.sum() - parts.variances[at]) + residual
    between_groups = row.estimate
    value = between_groups / (between_groups + rest)
    row = dataclasses.replace(row, estimate=value, scale="icc")
    if row.reason or row.method != WALD:
        slope = rest / (between_groups + rest) ** 2
        return dataclasses.replace(
            row,
            std_error=slope * row.std_error,
            conf_low=row.conf_low / (row.conf_low + rest),
            conf_high=row.conf_high / (row.conf_high + rest),
        )
    error = _logit_error(parts, at, rest)
    spread = value * (1.0 - value) * error
    width = float(special.ndtri(1.0 - alpha / 2.0)) * error
    centre = math.log(value / (1.0 - value))
    return dataclasses.replace(
        row,
        std_error=spread,
        conf_low=1.0 / (1.0 + math.exp(width - centre)),
        conf_high=1.0 / (1.0 + math.exp(-width - centre)),
        method="Wald interval on the logit of the intraclass correlation",
    )


def _logit_error(parts: LogSd, at: int, rest: float) -> float:
    """Standard error of log(ρ/(1 − ρ)); a variance at zero is taken as known."""
    variances = np.r_[parts.variances, parts.residual or 0.0][: len(parts.covariance)]
    gradient = -2.0 * variances / rest
    gradient[at] = 2.0
    covariance = np.nan_to_num(parts.covariance)
    return math.sqrt(float(gradient @ covariance @ gradient))


ICC = Effect(
    name="icc",
    label="intraclass correlation",
    short="ICC",
    scale="icc",
    of="factor",
    null=0.0,
    why_not=why_not,
    measure=icc,
)
