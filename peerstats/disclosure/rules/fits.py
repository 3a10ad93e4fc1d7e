"""How fits went: sizes rounded, diagnostics to one digit, messages without numbers.

A log-likelihood or an eigenvalue in full precision is a fingerprint of the data: who knows all
rows but one can try values for that one until the fingerprint agrees.
"""

from __future__ import annotations

import math
from dataclasses import replace

from peerstats.disclosure.draft import Draft
from peerstats.disclosure.policy import Policy
from peerstats.disclosure.rules.models import of_women
from peerstats.disclosure.rules.texts import told
from peerstats.results import FitRecord


def protect_fits(draft: Draft) -> Draft:
    """Make every record of a fit safe to write beside the results."""
    fits = {key: protected(fit, draft.policy) for key, fit in draft.results.fits.items()}
    return replace(draft, results=replace(draft.results, fits=fits))


def protected(fit: FitRecord, policy: Policy) -> FitRecord:
    """Return one record; numbers of groups stay where they count no women."""
    return replace(
        fit,
        nobs=math.ceil(policy.rounded(fit.nobs)),
        groups=tuple(
            (factor, math.ceil(policy.rounded(n)) if of_women(factor) else n)
            for factor, n in fit.groups
        ),
        gradient=one_digit(fit.gradient),
        min_eigenvalue=one_digit(fit.min_eigenvalue),
        loglik=math.nan,
        dropped=tuple((why, math.ceil(policy.rounded(n))) for why, n in fit.dropped),
        messages=tuple(told(message) for message in fit.messages),
    )


def one_digit(value: float | None) -> float | None:
    """Return a diagnostic to one significant digit.

    >>> one_digit(0.0123456), one_digit(None)
    (0.01, None)
    """
    return value if value is None else float(f"{value:.1g}")
