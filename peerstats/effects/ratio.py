"""From a logarithmic scale to ratios."""

from __future__ import annotations

import dataclasses
import math

from peerstats.inference.estimates import Estimates, as_frame
from peerstats.inference.scale import EstimateScale


def exponentiate(estimates: Estimates, scale: EstimateScale) -> Estimates:
    """Return estimates and interval limits exponentiated, everything else as it was.

    The ends of the interval are the exponentiated ends, so it stays an interval of the same level
    and need not be symmetric. The standard error is the delta method's, exp(β) · se(β); statistic
    and p-value belong to β and do not change.
    """
    rows = [
        dataclasses.replace(
            row,
            estimate=_exp(row.estimate),
            std_error=_exp(row.estimate) * row.std_error,
            conf_low=_exp(row.conf_low),
            conf_high=_exp(row.conf_high),
            scale=scale,
        )
        for row in estimates.rows()
    ]
    return dataclasses.replace(estimates, frame=as_frame(rows))


def _exp(value: float) -> float:
    return math.inf if value > 700.0 else math.exp(value)
