"""Where the search of a model with random intercepts begins: β, τ and the modes.

From the model without random effects, with R = Σr and W = ΣW of each group there, E R² ≈ W + τ²W²
gives a first τ² by moments. For one grouping factor the normal model that has the rows' working
outcomes then goes two steps further (Breslow & Clayton 1993, section 2): from (β, v = 0) a step of
Newton's method in both at once,

    A dβ = -τ² Σ_j s_j R_j/H_j,   A = X'WX - τ² Σ_j s_j s_j'/H_j,   s_j = Σ W_i x_i,   H = 1 + τ²W,

which weighs what is between groups less than what is within; and, with R less s'dβ, a step of
Fisher's scoring to the τ² of the highest likelihood, Σ (R² - W)/H² over Σ W²/H².

These are on the scale of an average over groups. Where the link has a latent variable, of variance
σ², both grow by √(1 + τ²/σ²), which for τ itself solves to τ²/(1 - τ²/σ²); for logit σ² is that of
the normal variable that comes closest (Zeger, Liang & Albert 1988, section 3.3). With a log link
means are larger by e^(τ²/2) than at v = 0 and variances between groups are e^τ² - 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from peerstats.model.engines.onefactor import Margin, OneFactor
from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]

LEAST_TAU, MOST_TAU = 0.3, 2.5
LEAST_SHARE = 0.3  # the least share of the latent variance that is left to rows
FAR = 2.0  # of a mode
AS_NORMAL = {"logit": (15 * np.pi / 16) ** 2 / 3}  # σ² where it is not the latent variance


def one_factor_start(model: OneFactor, beta: Array) -> tuple[Array, Array, Array]:
    """Return β, τ (1,) and modes for the `beta` of the model without random effects."""
    found, copies = model.margin(beta), model.copies
    R, W = found.r_sum, found.w_sum
    variance = _held(float((R * R / copies - W).sum() / (W * W / copies).sum()))
    step = _between(found, copies, variance)
    beta, R = beta + step, R - step @ found.sums
    share = copies / (copies + variance * W)
    squares = share * share / copies
    variance = _held(float((R * R - copies * W) @ squares / ((W * W) @ squares)))
    beta, variances = _at_zero(model.problem, beta, np.array([variance]))
    tau = np.sqrt(variances)
    modes = tau * R / (copies + variances * W)
    return beta, tau, np.minimum(np.maximum(modes, -FAR), FAR)


def several_start(problem: Problem, beta: Array) -> tuple[Array, Array]:
    """Return β and τ for several factors, each by its moments."""
    eta = problem.X @ beta + problem.offset
    _, r, w = problem.family.slopes(problem.y, eta, problem.m)
    found = []
    for code in problem.codes:
        R, W = np.bincount(code, weights=r), np.bincount(code, weights=w)
        found.append(_held((R @ R - W.sum()) / (W @ W)))
    beta, variances = _at_zero(problem, beta, np.array(found))
    return beta, np.sqrt(variances)


def _between(found: Margin, copies: Array, variance: float) -> Array:
    """The step in β; none where covariates are as good as collinear."""
    weighted = found.sums * (variance / (copies + variance * found.w_sum))
    factor, failed = lapack.dpotrf(found.gram - weighted @ found.sums.T)
    if failed:
        return np.zeros(len(weighted))
    step: Array = lapack.dpotrs(factor, weighted @ found.r_sum)[0]
    return -step


def _at_zero(problem: Problem, beta: Array, variances: Array) -> tuple[Array, Array]:
    """β and τ² at v = 0 for those of an average over groups."""
    family = problem.family
    if family.latent_variance is not None:
        latent = AS_NORMAL.get(family.link, family.latent_variance)
        growth = 1.0 / max(1.0 - float(variances.sum()) / latent, LEAST_SHARE)
        variances = np.minimum(variances * growth, MOST_TAU**2)
        return beta * np.sqrt(1.0 + variances.sum() / latent), variances
    if family.link == "log" and len(beta) and (problem.X[:, 0] == 1.0).all():
        variances = np.log1p(variances)
        beta = beta.copy()
        beta[0] -= 0.5 * variances.sum()
    return beta, variances


def _held(variance: float) -> float:
    return min(max(variance, LEAST_TAU**2), MOST_TAU**2)
