"""Penalties of a mixed model's likelihood, and the likelihood with them.

    log_f     Σ_k [b_k/2 - log(1 + e^b_k)] over the slopes, the log-F(1,1) prior (Greenland &
              Mansournia 2015): a slope's odds ratio lies between 1/648 and 648 with 95 %. For
              covariates coded 0/1 or scaled to one meaningful unit; the intercept is left free.
    log_tau   Σ_g log τ_g over the random effects' standard deviations, the gamma(2, 0) prior of
              Chung et al. (2013): the estimate lies about one standard error from zero, not on it.
    firth     ½ log|X'WX|, Jeffreys' prior of the model without random effects (Firth 1993;
              Sterzinger & Kosmidis 2023), for the canonical links (logit, and log for counts).

All keep their derivatives, so an engine's exact gradient and Hessian stay exact: those of the first
two have formulas. With I = X'WX, a_i = x_i' I⁻¹ x_i and I_k = ∂I/∂β_k = X' diag(W' x_k) X,
Jeffreys' prior has gradient and Hessian

    ½ Σ_i a_i W'_i x_i    and    ½ Σ_i a_i W''_i x_i x_i' - ½ [tr(I⁻¹ I_k I⁻¹ I_l)]_kl,

of which W'' alone is differenced, from W' at η_i ± a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from peerstats.errors import ModelError, UsageError
from peerstats.model.convergence import Solution
from peerstats.model.design import Design
from peerstats.model.engines.fixed import Prepared
from peerstats.model.engines.penalised import Terms
from peerstats.model.engines.problem import Problem
from peerstats.model.families import Family
from peerstats.model.formula import Formula
from peerstats.model.prediction import check_choice

Array = NDArray[np.float64]

PENALTIES = ("log_f", "log_tau", "firth")
WORDS = {
    "log_f": "log-F(1,1) on the slopes",
    "log_tau": "log of the random effects' SDs",
    "firth": "Jeffreys on the coefficients",
}
CANONICAL = (("binomial", "logit"), ("poisson", "log"))
DIFFERENCE = 1e-5
STEPS = 100


def read_penalty(
    penalty: str | Sequence[str] | None, formula: Formula, family: Family
) -> tuple[str, ...]:
    """Return the penalties asked for, each once; UsageError where they do not go with the model."""
    asked = () if penalty is None else (penalty,) if isinstance(penalty, str) else tuple(penalty)
    for name in asked:
        check_choice("penalty", name, PENALTIES)
    reason = _refusal(asked, formula, family) if asked else None
    if reason is not None:
        raise UsageError(reason)
    return tuple(name for name in PENALTIES if name in asked)


def _refusal(asked: Sequence[str], formula: Formula, family: Family) -> str | None:
    if "log_f" in asked and "firth" in asked:
        return "Penalties 'log_f' and 'firth' both hold the slopes; choose one."
    if family.has_dispersion or family.auxiliary:
        return f"A penalty is for models of yes/no outcomes and counts, not for {family!r}."
    if not formula.random:
        return (
            "A penalty is for a model with a random part; without one use firth_logit(), which "
            "gives each site its own intercept."
        )
    if "firth" in asked and (family.name, family.link) not in CANONICAL:
        return f"The penalty 'firth' needs the link logit (or log for counts), not {family.link}."
    return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prior:
    """The penalties of one model; `slopes` marks the columns of X that are not the intercept."""

    names: tuple[str, ...]
    slopes: NDArray[np.bool_]
    problem: Problem

    @property
    def holds_slopes(self) -> bool:
        """True where every slope has a finite estimate whatever the data."""
        return "log_f" in self.names or "firth" in self.names

    def on_beta(self, beta: Array) -> Terms:
        """Value, gradient and Hessian in β."""
        p = len(beta)
        if "log_f" in self.names:
            risk = expit(beta)
            value = float((0.5 * beta - np.logaddexp(0.0, beta))[self.slopes].sum())
            gradient = np.where(self.slopes, 0.5 - risk, 0.0)
            return value, gradient, np.diag(np.where(self.slopes, -risk * (1 - risk), 0.0))
        if "firth" in self.names:
            return self._jeffreys(beta)
        return 0.0, np.zeros(p), np.zeros((p, p))

    def on_tau(self, tau: Array) -> Terms:
        """Value, gradient and Hessian in τ."""
        if "log_tau" not in self.names:
            return 0.0, np.zeros(len(tau)), np.zeros((len(tau),) * 2)
        with np.errstate(divide="ignore"):
            slope = 1.0 / tau
            return float(np.log(np.abs(tau)).sum()), slope, np.diag(-(slope**2))

    def _jeffreys(self, beta: Array) -> Terms:
        """Half the log-determinant of the information, its gradient and Hessian in β."""
        problem, X, p = self.problem, self.problem.X, len(beta)
        y, m, third = problem.y, problem.m, problem.family.third
        eta = X @ beta + problem.offset
        w = problem.family.slopes(y, eta, m)[2]
        information = X.T @ (X * w[:, None])
        sign, log_det = np.linalg.slogdet(information)
        if sign <= 0 or not np.isfinite(log_det):
            return -np.inf, np.zeros(p), np.zeros((p, p))
        inverse = np.linalg.inv(information)
        lever, slope = np.einsum("ij,ij->i", X @ inverse, X), third(y, eta, m)
        bend = (third(y, eta + DIFFERENCE, m) - third(y, eta - DIFFERENCE, m)) / (2 * DIFFERENCE)
        moved = np.array([inverse @ (X.T @ (X * (slope * x)[:, None])) for x in X.T])
        turned = moved.transpose(0, 2, 1).reshape(p, p * p)
        hessian = X.T @ (X * (lever * bend)[:, None]) - moved.reshape(p, p * p) @ turned.T
        return 0.5 * float(log_det), 0.5 * (lever * slope) @ X, 0.5 * hessian


def with_penalty(ready: Prepared, names: tuple[str, ...]) -> Prepared:
    """Return what an engine needs to add these penalties to its likelihood.

    Raises ModelError where the model's random part cannot take one.
    """
    if not names:
        return ready
    if ready.problem.blocks:
        raise ModelError(
            "A penalty works with random intercepts only; leave out the random slope or the "
            "penalty."
        )
    prior = prior_of(ready.problem, ready.design, names)
    if not prior.holds_slopes or not ready.design.columns:
        return replace(ready, penalty=prior)
    # The plain fit has no end where the outcome is separated; the penalised one has.
    return replace(ready, penalty=prior, fixed=replace(ready.fixed, beta=penalised_start(prior)))


def prior_of(problem: Problem, design: Design, names: tuple[str, ...]) -> Prior:
    """Return the penalties on a problem made of a design."""
    slopes = np.array([column.term != "Intercept" for column in design.columns], dtype=bool)
    return Prior(names=names, slopes=slopes, problem=problem)


def reported(ready: Prepared, solution: Solution) -> Solution:
    """Take the penalty out of the log-likelihood again, and say that there was one."""
    if ready.penalty is None or not isinstance(ready.penalty, Prior):
        return solution
    added = ready.penalty.on_beta(solution.beta)[0] + ready.penalty.on_tau(solution.sds)[0]
    words = " and ".join(WORDS[name] for name in ready.penalty.names)
    told = f"Estimates are penalised ({words}); the log-likelihood printed is without the penalty."
    convergence = replace(solution.convergence, messages=(*solution.convergence.messages, told))
    return replace(solution, loglik=solution.loglik - added, convergence=convergence)


def penalised_start(penalty: Prior) -> Array:
    """β of the penalised model without random effects: finite also where the outcome is separated.

    Newton's method with step halving; Jeffreys' penalty leaves the information as it is.
    """
    problem = penalty.problem
    X = problem.X

    def at(beta: Array) -> tuple[float, Array, Array]:
        kernel, r, w = problem.family.slopes(problem.y, X @ beta + problem.offset, problem.m)
        value, gradient, hessian = penalty.on_beta(beta)
        curve = X.T @ (X * w[:, None]) - (hessian if "log_f" in penalty.names else 0.0)
        return float(kernel.sum()) + value, r @ X + gradient, curve

    beta = np.zeros(X.shape[1])
    if not penalty.slopes.all():
        eta = problem.family.start(problem.y, problem.m) - problem.offset
        beta[~penalty.slopes] = float(np.average(eta, weights=problem.m))
    value, score, curve = at(beta)
    for _ in range(STEPS):
        step = np.linalg.lstsq(curve, score, rcond=None)[0]
        if step @ score < 1e-10:
            break
        trial = at(beta + step)
        for _ in range(40):
            if trial[0] >= value:
                break
            step = 0.5 * step
            trial = at(beta + step)
        beta, (value, score, curve) = beta + step, trial
    return beta
