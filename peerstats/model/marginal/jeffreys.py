"""The penalised likelihood of a logit model with one intercept a site, at a cost linear in sites.

With site intercepts α_j and slopes b, w_r = n_r μ_r(1-μ_r), and per site D_j = Σ w, C_j = Σ w x:

    l* = Σ n_r [y_r η_r - log(1 + e^η_r)] + ½ log|I|            (Firth 1993; Heinze & Schemper 2002)
    S = Σ w x x' - Σ_j C_j C_j' / D_j,    log|I| = Σ_j log D_j + log|S|
    leverage h_r = w_r [1/D_j + (x_r - C_j/D_j)' S⁻¹ (x_r - C_j/D_j)]
    score: Σ x_r u_r and, for α_j, Σ u_r,    u_r = n_r (y_r - μ_r) + h_r (½ - μ_r)

The search takes Newton's steps with I in place of the Hessian (α eliminated). In tiny samples l*
can be twice as curved as I says and plain steps would swing from side to side for ever, so each is
scaled by what the last one met, Barzilai & Borwein's (1988) length in the metric of I, and halved
until l* grows. A slope may be held at a value: its column then stays inside |I|, as the profile
needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.families.binomial import logit_slopes

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

STEPS = 250
TIGHT = 1e-20  # decrement, the squared length of the next step in standard errors
ENOUGH = 1e-12  # decrement at which a search that moves no more has arrived
LONGEST = 5.0  # logits a step may move a slope times its column's size
SHORTEST, FURTHEST = 0.3, 100.0  # of the step with I
HALVINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteRows:
    """Rows of a logit model sorted by site: y proportions of n trials; X varies within sites."""

    X: Array
    y: Array
    n: Array
    offset: Array
    codes: Codes
    starts: Codes

    def sums(self, values: Array) -> Array:
        """Sums over each site's rows."""
        return np.add.reduceat(values, self.starts, axis=0)


def sum_rows(X: Array, y: Array, n: Array, offset: Array, codes: Codes) -> SiteRows:
    """Sort by site and write rows with equal covariates and offset as one."""
    order = np.lexsort((*X.T, offset, codes))
    X, y, n, offset, codes = X[order], y[order], n[order], offset[order], codes[order]
    new = np.r_[True, (codes[1:] != codes[:-1]) | (offset[1:] != offset[:-1])]
    new[1:] |= (X[1:] != X[:-1]).any(axis=1)
    first = np.flatnonzero(new)
    total = np.add.reduceat(n, first)
    codes = codes[first]
    return SiteRows(
        X=X[first],
        y=np.add.reduceat(n * y, first) / total,
        n=total,
        offset=offset[first],
        codes=codes,
        starts=np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Point:
    """l* and what its step needs, at one (α, b)."""

    alpha: Array
    b: Array
    value: float
    loglik: float
    D: Array
    C: Array
    S: Array
    u_alpha: Array
    u_b: Array


def at(rows: SiteRows, alpha: Array, b: Array) -> Point | None:
    """Evaluate l* and its score; None where |I| is zero to the machine."""
    X = rows.X
    eta = alpha[rows.codes] + X @ b + rows.offset
    kernel, residual, w = logit_slopes(rows.y, eta, rows.n)
    D, C = rows.sums(w), rows.sums(w[:, None] * X)
    if not np.all(D > 1e-280):
        return None
    S = X.T @ (w[:, None] * X) - C.T @ (C / D[:, None])
    scale = np.sqrt(np.maximum(np.diag(S), 1e-300))
    try:
        root = np.linalg.cholesky(S / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return None
    gap = (X - (C / D[:, None])[rows.codes]) / scale
    inside = gap @ np.linalg.inv(root).T
    h = w * (1.0 / D[rows.codes] + (inside * inside).sum(axis=1))
    u = residual - 0.5 * h * np.tanh(0.5 * eta)  # ½ - μ = -½ tanh(η/2)
    log_det = float(np.log(D).sum() + 2.0 * (np.log(np.diag(root)) + np.log(scale)).sum())
    loglik = float(kernel.sum())
    return Point(
        alpha=alpha,
        b=b,
        value=loglik + 0.5 * log_det,
        loglik=loglik,
        D=D,
        C=C,
        S=S,
        u_alpha=rows.sums(u),
        u_b=u @ X,
    )


def direction(point: Point, free: list[int]) -> tuple[Array, Array, float]:
    """I⁻¹ times the score in α and the free slopes, and the decrement."""
    ratio = point.u_alpha / point.D
    left = (point.u_b - ratio @ point.C)[free]
    move = np.zeros(len(point.b))
    if free:
        move[free] = np.linalg.solve(point.S[np.ix_(free, free)], left)
    by_alpha = ratio - (point.C @ move) / point.D
    return by_alpha, move, float(by_alpha @ point.u_alpha + move @ point.u_b)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maximum:
    """Where the search ended, and the decrement left there."""

    point: Point
    decrement: float

    @property
    def reached(self) -> bool:
        """True where the next step is too short to matter."""
        return self.decrement < ENOUGH


def maximise(rows: SiteRows, start: tuple[Array, Array], held: int | None = None) -> Maximum:
    """Maximise l* from `start` (α, b); the slope `held` stays where it starts."""
    point = at(rows, *start)
    if point is None:
        raise ModelError("The penalised likelihood cannot be evaluated at its start; rescale.")
    free = [k for k in range(len(point.b)) if k != held]
    decrement, scale, reach = np.inf, 1.0, np.abs(rows.X).max(axis=0)
    for _ in range(STEPS):
        by_alpha, by_b, decrement = direction(point, free)
        if decrement < TIGHT:
            break
        longest = max(np.abs(by_alpha).max(), (np.abs(by_b) * reach).max())
        trial = _climb(rows, point, by_alpha, by_b, min(scale, LONGEST / longest))
        if trial is None:
            break
        left = float(by_alpha @ trial.u_alpha + by_b @ trial.u_b)
        taken = float((trial.alpha - point.alpha) @ by_alpha / (by_alpha @ by_alpha))
        scale = taken * decrement / max(decrement - left, 1e-300)
        scale = min(max(scale, SHORTEST), FURTHEST)
        point = trial
    return Maximum(point=point, decrement=decrement)


def _climb(
    rows: SiteRows, point: Point, by_alpha: Array, by_b: Array, length: float
) -> Point | None:
    """Shorten the step until l* grows; None when no length does (the end, to rounding)."""
    for _ in range(HALVINGS):
        trial = at(rows, point.alpha + length * by_alpha, point.b + length * by_b)
        if trial is not None and trial.value >= point.value - 1e-13 * (1 + abs(point.value)):
            return trial
        length *= 0.5
    return None
