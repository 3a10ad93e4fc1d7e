"""Random-intercept logit models of many replicates: penalised (PEN) and plain maximum likelihood.

Joint Newton in (β, τ): l(β | τ) is concave, so β is eliminated and τ takes the scalar step of the
Schur complement, at most 0.3 + τ/2; where that curvature has the wrong sign it moves 0.3 uphill.
Steps are halved until the likelihood grows. A plain likelihood is even in τ, so τ = 0 is always a
stationary point: it is fitted as well, and the better of the two kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from peerstats.model.batch.agq import Evaluation, Likelihood
from peerstats.model.batch.tables import (
    Array,
    Mask,
    Tables,
    cholesky,
    inverse,
    masked,
    merged,
    pick,
    times,
)

STEPS = 60
ENOUGH = 1e-9  # decrement
SLACK = 1e-7  # of the log-likelihood: its quadrature error from step to step
HALVINGS = 12
ZERO = 1e-4  # τ below this is zero
TOO_FAR = 8.0  # a plain slope beyond this means separation
NUDGE = 0.05  # relative change of τ for Satterthwaite's derivative


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedBatch:
    """β (p, R), τ, log-likelihood `value` (with its penalty) and remaining `decrement` (R,).

    `hessian` (p+1, p+1, R) in (β, τ); `v` (J, R) are the modes, where the next search starts.
    """

    beta: Array
    tau: Array
    value: Array
    decrement: Array
    hessian: Array
    v: Array

    @property
    def covariance(self) -> Array:
        """Inverse of the observed information (p+1, p+1, R); given τ where τ is zero."""
        p = len(self.beta)
        free = np.ones((p + 1, len(self.tau)), dtype=bool)
        free[p] = self.tau > 0
        return inverse(cholesky(masked(-self.hessian, free)))

    @property
    def given_tau(self) -> Array:
        """Covariance of β given τ (p, p, R)."""
        p = len(self.beta)
        return inverse(cholesky(-self.hessian[:p, :p]))

    @property
    def usable(self) -> Mask:
        """Replicates with an end, and a covariance, short of separation (R,)."""
        p = len(self.beta)
        error = np.einsum("kkr->kr", self.covariance)[:p]
        fine = np.isfinite(error).all(axis=0) & (np.abs(self.beta) < TOO_FAR).all(axis=0)
        return np.asarray(fine & (self.decrement < 1e-5))


def fit_mixed(
    tables: Tables, model: Likelihood, near: MixedBatch | None = None, held: int | None = None
) -> MixedBatch:
    """Maximise the likelihood of every replicate; coefficient `held` stays where `near` has it.

    The first column is the intercept. Without penalties τ = 0 is fitted as well.
    """
    p, R = len(tables.columns), tables.replicates
    free = np.ones((p + 1, R), dtype=bool)
    if held is not None:
        free[held] = False
    if near is None:
        near = _start(tables)
    found = _maximise(tables, model, near, free)
    if model.penalised:
        return found
    free[p] = False
    flat = replace(near, tau=np.zeros(R), v=np.zeros_like(near.v))
    zero = _maximise(tables, replace(model, nodes=1), flat, free)
    better = np.flatnonzero((zero.value >= found.value - SLACK) | (found.tau < ZERO))
    return merged(found, better, pick(zero, better))


def fit_at(tables: Tables, model: Likelihood, near: MixedBatch, tau: Array) -> MixedBatch:
    """Maximise over β with τ (R,) held."""
    free = np.ones((len(tables.columns) + 1, tables.replicates), dtype=bool)
    free[-1] = False
    return _maximise(tables, model, replace(near, tau=tau), free)


def satterthwaite(tables: Tables, model: Likelihood, best: MixedBatch) -> Array:
    """ν_k = 2 V_k² / [(dV_k/dτ)² Var τ̂] of each coefficient (p, R), V_k the variance given τ.

    The derivative is a central difference over τ (1 ± 0.05), β fitted again.
    """
    p = len(best.beta)
    low = fit_at(tables, model, best, best.tau * (1 - NUDGE))
    high = fit_at(tables, model, best, best.tau * (1 + NUDGE))
    here, below, above = (np.einsum("kkr->kr", m.given_tau) for m in (best, low, high))
    slope = (above - below) / (2 * NUDGE * best.tau)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * here**2 / (slope**2 * best.covariance[p, p]))


def _start(tables: Tables) -> MixedBatch:
    p, R, J = len(tables.columns), tables.replicates, tables.n.shape[0]
    yes, total = tables.yes.sum(axis=(0, 1)), tables.women
    beta = np.zeros((p, R))
    beta[0] = np.log((yes + 0.5) / (total - yes + 0.5))
    empty = np.zeros(R)
    return MixedBatch(
        beta=beta,
        tau=np.full(R, 0.5),
        value=empty,
        decrement=empty,
        hessian=np.zeros((p + 1, p + 1, R)),
        v=np.zeros((J, R)),
    )


def _maximise(tables: Tables, model: Likelihood, start: MixedBatch, free: Mask) -> MixedBatch:
    """All replicates together; those that have arrived leave."""
    beta, tau = start.beta, start.tau
    at = model.evaluate(tables, beta, tau, start.v)
    end = _ended(beta, tau, at, np.full(len(tau), np.inf))
    live = np.arange(len(tau))
    for _ in range(STEPS):
        by_beta, by_tau, decrement = _direction(at, tau, free, model.penalised)
        end.decrement[live] = decrement
        # A plain slope on its way to infinity, or nothing to invert, goes no further.
        lost = ~np.isfinite(decrement) | (np.abs(beta) > 3 * TOO_FAR).any(axis=0)
        going = np.flatnonzero(~lost & (decrement >= ENOUGH))
        live = live[going]
        if not len(live):
            break
        tables, free, at = tables.take(going), free[:, going], pick(at, going)
        step = (by_beta[:, going], by_tau[going])
        beta, tau, at, grew = _climb(tables, model, (beta[:, going], tau[going], at), step)
        end = merged(end, live, _ended(beta, tau, at, end.decrement[live]))
        keep = np.flatnonzero(grew)
        if len(keep) < len(live):
            live, tables, free = live[keep], tables.take(keep), free[:, keep]
            beta, tau, at = beta[:, keep], tau[keep], pick(at, keep)
        if not len(live):
            break
    return end


def _ended(beta: Array, tau: Array, at: Evaluation, decrement: Array) -> MixedBatch:
    return MixedBatch(
        beta=beta, tau=tau, value=at.value, decrement=decrement, hessian=at.hessian, v=at.v
    )


def _direction(
    at: Evaluation, tau: Array, free: Mask, penalised: bool
) -> tuple[Array, Array, Array]:
    """Steps in β and τ, and the squared length of the Newton step."""
    p = len(at.gradient) - 1
    inner = inverse(cholesky(masked(-at.hessian[:p, :p], free[:p])))
    g, cross = np.where(free[:p], at.gradient[:p], 0.0), np.where(free[:p], at.hessian[:p, p], 0.0)
    alone, tilt = times(inner, g), times(inner, cross)
    slope = at.gradient[p] + (cross * alone).sum(axis=0)
    curvature = -at.hessian[p, p] - (cross * tilt).sum(axis=0)
    longest = 0.3 + 0.5 * tau
    with np.errstate(divide="ignore", invalid="ignore"):
        newton = np.where(curvature > 0, slope / curvature, 0.3 * np.sign(slope))
    by_tau = np.where(free[p], np.clip(newton, -longest, longest), 0.0)
    if penalised:
        by_tau = np.maximum(by_tau, -0.8 * tau)
    decrement = (alone * g).sum(axis=0) + np.where(free[p], np.abs(newton * slope), 0.0)
    return alone + tilt * by_tau, by_tau, decrement


Place = tuple[Array, Array, Evaluation]


def _climb(
    tables: Tables, model: Likelihood, place: Place, step: tuple[Array, Array]
) -> tuple[Array, Array, Evaluation, Mask]:
    """Take each replicate's step, halved until its likelihood grows."""
    beta, tau, at = place
    length = np.ones(len(tau))
    new_beta, new_tau = beta + step[0], np.abs(tau + step[1])
    trial = model.evaluate(tables, new_beta, new_tau, at.v)
    worse = np.flatnonzero(~(trial.value >= at.value - SLACK))
    for _ in range(HALVINGS):
        if not len(worse):
            break
        length[worse] *= 0.5
        new_beta[:, worse] = beta[:, worse] + length[worse] * step[0][:, worse]
        new_tau[worse] = np.abs(tau[worse] + length[worse] * step[1][worse])
        again = model.evaluate(
            tables.take(worse), new_beta[:, worse], new_tau[worse], at.v[:, worse]
        )
        trial = merged(trial, worse, again)
        worse = worse[~(again.value >= at.value[worse] - SLACK)]
    grew = np.ones(len(tau), dtype=bool)
    if len(worse):
        grew[worse] = False
        new_beta[:, worse], new_tau[worse] = beta[:, worse], tau[worse]
        trial = merged(trial, worse, pick(at, worse))
    return new_beta, new_tau, trial, grew
