"""How a fit went, as a reviewer reads it."""

from __future__ import annotations

import math

from peerstats.model.fit import Fit
from peerstats.results.results import FitRecord


def record_of(key: str, fit: Fit, dropped: tuple[tuple[str, int], ...]) -> FitRecord:
    """Return the record of a fit; `dropped` are the rows left out before it."""
    convergence = fit.convergence
    return FitRecord(
        key=key,
        formula=str(fit.formula),
        family=fit.family.name,
        link=fit.family.link,
        method=f"penalised_{fit.method}" if fit.penalty else fit.method,
        nobs=fit.nobs,
        groups=tuple(fit.groups.items()),
        converged=fit.converged,
        singular=convergence.singular,
        gradient=_finite(convergence.gradient),
        min_eigenvalue=_finite(convergence.min_eigenvalue),
        loglik=fit.llf,
        dropped=(*dropped, *fit.dropped.items()),
        # Not the fit's advice on its own z tests: a report uses those of `inference`.
        messages=(*convergence.messages, *fit.design.messages),
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
