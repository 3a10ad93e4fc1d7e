"""The penalised mixed model: finite estimates, a site variance off zero, and fewer df.

The likelihood by adaptive quadrature (by Laplace for several grouping factors) is penalised by
log τ for each random intercept (Chung et al. 2013: τ̂ = 0, the rule with few sites, would count
women where sites should be counted) and by log-F(1,1) on each slope (Greenland & Mansournia 2015:
finite also where the outcome is separated):

    l*(β, τ) = l(β, τ) + Σ log τ + Σ_k [b_k/2 - log(1 + e^b_k)].

The likelihood-ratio test of b_k = c keeps the penalty in both fits. Its root, and Wald's t, are
compared with t of ν = min(ν_BW, ν_S) degrees of freedom: between-within, and Satterthwaite's

    ν_S = 2 V² / [(dV/dτ)² Var(τ̂)],    V(τ) = var(b̂_k) at β̂(τ),

the derivative by central differences of 5 % in τ (at least 1).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.inference.answer import a_model, method_of, t_row
from peerstats.inference.estimates import Estimate
from peerstats.inference.lrt import ratio_of, ratio_row, reached
from peerstats.inference.method import Question
from peerstats.model.engines.optimise import highest
from peerstats.model.fit import Fit
from peerstats.model.refit import refit, with_solution
from peerstats.model.surface import hessian_at, surface_of

Array = NDArray[np.float64]

PENALTY = ("log_f", "log_tau")
NODES = 15
SHIFT = 0.05  # of τ
NEAR = 1e-6


def penalised_fit(question: Question) -> Fit:
    """Return the penalised fit, made once a question; ModelError where there is none."""
    fit = question.fit
    if fit.family.has_dispersion or fit.family.auxiliary:
        raise ModelError(
            f"it is defined for yes/no outcomes and Poisson counts, not for {a_model(fit.family)}"
        )
    if not fit.design.random or any(not block.intercept_only for block in fit.design.random):
        raise ModelError("it is defined for models with random intercepts only")
    nodes = NODES if len(fit.design.groups) == 1 else 1
    method = "agq" if nodes > 1 else "laplace"
    model = replace(fit, penalty=PENALTY, method=method, nodes=nodes)

    def make() -> Fit:
        return with_solution(model, reached(refit(model, model.design)))

    found: Fit = question.once("penalised", make)
    return found


def _wald(question: Question, position: int) -> Estimate:
    found = penalised_fit(question)
    df = freedom(question, found, position)
    value, error = float(found.params.iloc[position]), float(found.bse.iloc[position])
    return t_row(question, position, value, error, df)


def _ratio(question: Question, position: int) -> Estimate:
    found = penalised_fit(question)
    df = freedom(question, found, position)
    return ratio_row(question, position, ratio_of(found, position), df)


def freedom(question: Question, found: Fit, position: int) -> float:
    """min(ν_BW, ν_S), at least 1; ModelError where ν_BW is not."""
    between_within = question.between_within_df(position)
    if between_within < 1:
        raise ModelError("no between-within degrees of freedom are left for this coefficient")
    return max(min(between_within, float(_satterthwaite(question, found)[position])), 1.0)


def _satterthwaite(question: Question, found: Fit) -> Array:
    """ν_S of every coefficient, with τ of each grouping factor in turn."""

    def make() -> Array:
        surface = surface_of(found)
        p = len(found.solution.beta)
        joint = -hessian_at(surface, surface.best, surface.modes)
        spread = np.linalg.inv(joint)
        variance = np.diag(np.linalg.inv(joint[:p, :p]))
        change = np.empty((len(surface.best) - p, p))
        for k in range(p, len(surface.best)):
            ends = []
            for sign in (1.0, -1.0):
                start = surface.best.copy()
                start[k] *= 1.0 + sign * SHIFT
                scale = np.zeros((len(start), p))
                scale[:p] = np.linalg.cholesky(np.linalg.inv(joint[:p, :p]))
                at, there = highest(surface.objective, start, scale, surface.modes, None, NEAR)
                curve = -hessian_at(surface, at, there.modes)[:p, :p]
                ends.append(np.diag(np.linalg.inv(curve)))
            change[k - p] = (ends[0] - ends[1]) / (2.0 * SHIFT * surface.best[k])
        noise = np.einsum("kp,kl,lp->p", change, spread[p:, p:], change)
        return np.asarray(2.0 * variance**2 / np.maximum(noise, 1e-300))

    return np.asarray(question.once("satterthwaite", make))


SMALLER = "the smaller of between-within and Satterthwaite's degrees of freedom"
PENALISED_LRT = method_of(
    "penalised_lrt",
    f"likelihood ratio of the penalised mixed model (log-F, log-tau), F test with {SMALLER}",
    _ratio,
)
PENALISED_WALD = method_of(
    "penalised_wald",
    f"Wald t test of the penalised mixed model (log-F, log-tau) with {SMALLER}",
    _wald,
)
