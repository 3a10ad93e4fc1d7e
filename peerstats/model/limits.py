"""What it means when a family's own parameter runs off, and what has no likelihood at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from peerstats.errors import ModelError, shortened
from peerstats.model.convergence import Solution
from peerstats.model.design import Design
from peerstats.model.families import Family

if TYPE_CHECKING:
    from peerstats.model.result import Fit

IN_SOME_ROWS = (
    "In some rows the part '{name}' runs to its end, so that its estimates have no finite value: "
    "leave out or merge what it depends on."
)
ENDLESS = 100.0  # standard error, on a log or logit scale, of a column's widest contrast
FAR = 11.0  # e^11: the simpler family's log-likelihood is the same to a few decimals

# Auxiliary predictor -> the sign of its far end, and what is there.
ENDS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "log theta": (
            1,
            "The counts vary no more than a Poisson distribution lets them (theta runs to infinity)"
            ": use the family without a negative binomial part.",
        ),
        "log alpha": (
            -1,
            "The counts vary no more than a Poisson distribution lets them (alpha runs to 0): use "
            "family='poisson'.",
        ),
        "log phi": (
            1,
            "The successes vary no more than a binomial distribution lets them (phi runs to "
            "infinity): use family='binomial'.",
        ),
        "zero": (
            -1,
            "There are no more zeros than the counts' own distribution has, or none at all (their "
            "probability runs to 0): use a family without a zero part.",
        ),
    }
)


def explain_limits(solution: Solution, design: Design, family: Family) -> Solution:
    """Return the solution; where a search ran off along γ, its messages start with the reason.

    Raises ModelError where a log link leaves the range of a risk. Where ψ depends on covariates it
    is looked at row by row.
    """
    if solution.convergence.converged:
        return _with_endless(solution, design, family)
    if family.has_trials and family.link == "log" and not np.isfinite(solution.loglik):
        raise ModelError(
            "With a log link some risks would have to exceed 1, so the likelihood has no maximum: "
            "estimate prevalence ratios by modified_poisson(..., groups=...), or use link='logit'."
        )
    reasons, at = [], 0
    for name in family.auxiliary:
        G = design.auxiliary.get(name, np.ones((1, 1)))
        psi = G @ np.ravel(solution.auxiliary)[at : at + G.shape[1]]
        at += G.shape[1]
        sign, words = ENDS.get(name, (1, ""))
        if words and (sign * psi > FAR).any():
            every = (sign * psi > FAR).all()
            reasons.append(words if every else IN_SOME_ROWS.format(name=name))
    messages = (*reasons, *solution.convergence.messages)
    return replace(solution, convergence=replace(solution.convergence, messages=messages))


def _with_endless(solution: Solution, design: Design, family: Family) -> Solution:
    """Return a converged solution; not converged where a coefficient has no finite estimate.

    Separation is looked for before fitting in the outcome as a whole. The counts above zero of a
    hurdle model can be separated on their own: the likelihood is then flat to the machine far out.
    """
    p = len(solution.beta)
    if family.has_dispersion or not p:
        return solution
    errors = np.sqrt(np.abs(solution.covariance.diagonal()[:p]))
    # No range is above twice a column's length, and few columns need a closer look.
    if not (2.0 * errors * np.sqrt(np.einsum("ij,ij->j", design.X, design.X)) > ENDLESS).any():
        return solution
    span = design.X.max(axis=0) - design.X.min(axis=0)
    endless = [
        design.columns[k].name
        for k in np.flatnonzero(errors * np.where(span > 0, span, 1.0) > ENDLESS)
    ]
    if not endless:
        return solution
    message = (
        f"{shortened([repr(name) for name in endless])} has no finite estimate: the likelihood "
        "grows without end. Do not use it; leave the variable out, merge levels, or take another "
        "family."
    )
    convergence = solution.convergence
    messages = (message, *convergence.messages)
    return replace(solution, convergence=replace(convergence, converged=False, messages=messages))


def check_likelihood(fit: Fit, what: str) -> None:
    """Raise ModelError where a fit with sampling weights is asked for what needs a likelihood."""
    if fit.sampled:
        raise ModelError(
            f"A fit with sampling weights maximises a pseudo-likelihood, so it has no {what}: use "
            "the sandwich's standard errors (bse, conf_int()), or bootstrap(kind='cluster')."
        )
