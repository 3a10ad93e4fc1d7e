"""Predictions with intervals.

Of a row with x, z and the effects b of its groups (link η, mean h(η)):

"link", "response" with `conditional`: η̂ = x'β̂ + z'b̂. Both are uncertain, and together. In whitened
effects b = Lv with H = A'WA + I (A = ZL, W the weights at the mode) and C = Cov(β̂),

    Var(η̂ - η) = a'H^-1a + d'Cd,   a = L'z,   d = x - X'WA H^-1 a

(Henderson 1975, Biometrics 31:423; for Laplace fits as glmmTMB does with the variances held). A
level that was not seen has b = 0 and adds z'Σz. Without `conditional`, η̂ = x'β̂ and x'Cx.

"population": μ̂ = E_b h(x'β̂ + z'b), an integral in one variable. By the delta method in (β, log sds,
atanh correlations), with s² = z'Σz and u ~ N(0, 1),

    dμ/dβ = E h'(x'β + su) x,   dμ/dθ = E h'(x'β + su) u ds/dθ,

so the uncertainty of the variances counts. Where the mean depends on the family's own γ too (the
zeros of a zero-inflated model, the scale of a survival model), dμ/dγ joins the gradient; a
"response" has then dη/dγ = (dμ/dγ)/h'(η), with which γ moves the mean as η would.

Intervals are made on the link's scale, at g(μ̂), and carried back, so that a risk stays between 0
and 1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.special import ndtri

from peerstats.model.averaging import average, normal_rule
from peerstats.model.families import Family
from peerstats.model.prediction import (
    Rows,
    check_choice,
    link_of,
    read_rows,
    rows_of,
    variance_of,
)
from peerstats.model.random_effect import block_covariances, root
from peerstats.model.refit import with_solution

if TYPE_CHECKING:
    from peerstats.model.convergence import Solution
    from peerstats.model.design import Design
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

KINDS = ("response", "link", "population")
STEP = 1e-5  # for differences of a link's inverse and of variances
BATCH = 500  # rows solved for at a time


def predict(fit: Fit, newdata: Any, kind: str, new_levels: str, conditional: bool) -> pd.Series:
    """Return a prediction a row; see `Fit.predict`."""
    check_choice("kind", kind, KINDS)
    rows = _rows(fit, newdata, kind, (new_levels, conditional))
    values = _estimate(fit, _family(fit, newdata, rows), rows, kind, conditional)
    return rows.whole(values, fit.formula.outcome)


def predict_interval(
    fit: Fit, newdata: Any, kind: str, groups: tuple[str, bool], alpha: float
) -> pd.DataFrame:
    """Return prediction, std_error, low and high a row; `groups` is (new_levels, conditional).

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.binomial(1, 0.3, 120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site})
    >>> list(model.predict_interval({"site": [3]}, "population").columns)
    ['prediction', 'std_error', 'low', 'high']
    """
    check_choice("kind", kind, KINDS)
    rows = _rows(fit, newdata, kind, groups)
    family = _family(fit, newdata, rows)
    values = _estimate(fit, family, rows, kind, groups[1])
    if kind == "population":
        own = _own_changes(fit, newdata, rows, kind, groups[1])
        at, variance = _population(fit, family, rows, (values, own))
    else:
        at = link_of(rows, fit.design, fit.solution, groups[1])
        own = _own_changes(fit, newdata, rows, kind, groups[1])
        if kind == "response" and own.any():
            own = own / _slope(family, at)[:, None]
        variance = _variance(fit, rows, own, groups[1])
    error = np.sqrt(variance)
    half = float(ndtri(1 - alpha / 2)) * error
    ends = [at - half, at + half]
    if kind != "link":
        ends = [np.asarray(family.inverse(end)) for end in ends]
    columns = {"prediction": values, "std_error": error, "low": ends[0], "high": ends[1]}
    frame = pd.DataFrame({name: rows.whole(v, name) for name, v in columns.items()})
    frame.attrs["messages"] = rows.told
    return frame


def _rows(fit: Fit, newdata: Any, kind: str, groups: tuple[str, bool]) -> Rows:
    new_levels, conditional = groups
    check_choice("new_levels", new_levels, ("refuse", "population"))
    if newdata is None:
        return rows_of(fit.design)
    seen = "known" if new_levels == "refuse" else "any"
    which = "slopes" if kind == "population" else seen if conditional else "none"
    return read_rows(fit.design, newdata, which)


def _family(fit: Fit, newdata: Any, rows: Rows, gamma: Array | None = None) -> Family:
    """The family with its own parameters at their estimates, or at `gamma`."""
    from peerstats.model.simulation import fitted_family

    if fit.family.at is None:
        return fit.family
    gamma = fit.solution.auxiliary if gamma is None else gamma
    if newdata is None:
        return fitted_family(with_solution(fit, replace(fit.solution, auxiliary=gamma)))
    own, at = [], 0
    for name in fit.family.auxiliary:
        ones = np.ones((len(rows.X), 1))
        G = rows.zero if name in fit.design.auxiliary and rows.zero is not None else ones
        own.append(G @ gamma[at : at + G.shape[1]])
        at += G.shape[1]
    return fit.family.at(np.column_stack(own))


def _own_changes(fit: Fit, newdata: Any, rows: Rows, kind: str, conditional: bool) -> Array:
    """Derivatives of the prediction in γ, (n, k); zero on the link's scale."""
    gamma = fit.solution.auxiliary
    found = np.zeros((len(rows.X), len(gamma)))
    if kind == "link" or fit.family.at is None:
        return found
    for j in range(len(gamma)):
        ends = []
        for step in (STEP, -STEP):
            moved = gamma.copy()
            moved[j] += step
            family = _family(fit, newdata, rows, moved)
            ends.append(_estimate(fit, family, rows, kind, conditional))
        found[:, j] = (ends[0] - ends[1]) / (2 * STEP)
    return found


def _estimate(fit: Fit, family: Family, rows: Rows, kind: str, conditional: bool) -> Array:
    if kind == "population":
        eta = link_of(rows, fit.design, fit.solution, conditional=False)
        spread = variance_of(rows, block_covariances(fit.design, fit.solution))
        return average(family.inverse, eta, spread)
    eta = link_of(rows, fit.design, fit.solution, conditional)
    return eta if kind == "link" else np.asarray(family.inverse(eta), dtype=np.float64)


def _slope(family: Family, eta: Array) -> Array:
    """h'(η), by a central difference."""
    found: Array = (family.inverse(eta + STEP) - family.inverse(eta - STEP)) / (2 * STEP)
    return found


def _population(
    fit: Fit, family: Family, rows: Rows, found: tuple[Array, Array]
) -> tuple[Array, Array]:
    """g(μ̂) and its variance; `found` are μ̂ and its derivatives in γ."""
    solution, (mean, own) = fit.solution, found
    eta = link_of(rows, fit.design, solution, conditional=False)
    spread = variance_of(rows, block_covariances(fit.design, solution))
    by_eta = average(lambda at: _slope(family, at), eta, spread)
    # E h'(η + su) u ds = ½ E h''(η + su) d(s²) (Stein's lemma), which has no division by s.
    by_variance = np.zeros_like(eta)
    for point, weight in zip(*normal_rule(), strict=True):
        at = eta + np.sqrt(spread) * point
        curve = (_slope(family, at + 1e-3) - _slope(family, at - 1e-3)) / 2e-3
        by_variance = by_variance + 0.5 * weight * curve
    changes = _variance_changes(fit, rows)
    parts = [rows.X * by_eta[:, None], own, *(by_variance * c for c in changes)]
    gradient = np.column_stack(parts)
    size = gradient.shape[1]
    covariance = np.nan_to_num(solution.covariance[:size, :size])
    at = _link(family, mean, eta)
    variance = np.einsum("ia,ab,ib->i", gradient, covariance, gradient) / _slope(family, at) ** 2
    return at, variance


def _link(family: Family, mean: Array, start: Array) -> Array:
    """g(μ), by bisection of the inverse: links are increasing."""
    low, high = start - 60.0, start + 60.0
    if family.link == "identity":
        return mean
    for _ in range(80):
        middle = 0.5 * (low + high)
        under = family.inverse(middle) < mean
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    found: Array = 0.5 * (low + high)
    return found


def _variance_changes(fit: Fit, rows: Rows) -> list[Array]:
    """d(z'Σz) by each log sd and atanh correlation, in the order of the covariance."""
    design, solution = fit.design, fit.solution
    found: list[Array] = []
    covariances = block_covariances(design, solution)
    for b, covariance in enumerate(covariances):
        k = len(covariance)
        for place in range(k * (k + 1) // 2):
            ends = []
            for step in (STEP, -STEP):
                moved = list(covariances)
                moved[b] = _moved(covariance, place, step)
                ends.append(variance_of(rows, moved))
            found.append((ends[0] - ends[1]) / (2 * STEP))
    return found


def _moved(covariance: Array, place: int, step: float) -> Array:
    """Σ with one log sd, or one atanh correlation, moved."""
    k = len(covariance)
    if place < k:
        scale = np.ones(k)
        scale[place] = np.exp(step)
        return covariance * np.outer(scale, scale)
    rows, columns = np.tril_indices(k, -1)
    a, b = rows[place - k], columns[place - k]
    size = float(np.sqrt(covariance[a, a] * covariance[b, b]))
    moved = covariance.copy()
    if size:
        rho = np.clip(covariance[a, b] / size, -1 + 1e-12, 1 - 1e-12)
        moved[a, b] = moved[b, a] = size * np.tanh(np.arctanh(rho) + step)
    return moved


def _variance(fit: Fit, rows: Rows, by_own: Array, conditional: bool) -> Array:
    """Variance of η̂ - η, with what γ adds (`by_own`, its derivatives in γ)."""
    p = len(fit.solution.beta) + by_own.shape[1]
    covariance = fit.solution.covariance[:p, :p]
    if by_own.any():
        covariance = np.nan_to_num(covariance)
    if not conditional or not rows.parts:
        x = np.column_stack([rows.X, by_own])
        found: Array = np.einsum("ia,ab,ib->i", x, covariance, x)
        return found
    from peerstats.model.simulation import fitted_family

    design, solution = fit.design, fit.solution
    A = _loadings(rows_of(design), design, solution)
    eta = link_of(rows_of(design), design, solution, conditional=True)
    m = np.ones(design.n) if design.weights is None else design.weights
    m = m if design.trials is None else m * design.trials
    w = fitted_family(fit).slopes(design.y, eta, m / solution.dispersion)[2]
    weighted = sparse.csc_array(A.multiply(w[:, None]))
    H = splu(sparse.csc_array(A.T @ weighted + sparse.eye_array(A.shape[1])))
    cross = weighted.T @ design.X
    own = sparse.csr_array(_loadings(rows, design, solution))
    total = _unseen(rows, block_covariances(design, solution))
    for start in range(0, len(rows.X), BATCH):
        part = slice(start, start + BATCH)
        a = own[part].toarray().T
        solved = H.solve(a)
        d = np.column_stack([rows.X[part] - solved.T @ cross, by_own[part]])
        total[part] += (a * solved).sum(axis=0) + np.einsum("ia,ab,ib->i", d, covariance, d)
    return total


def _loadings(rows: Rows, design: Design, solution: Solution) -> sparse.csc_array:
    """A = ZL, (n, q); a level that was not seen has no entries."""
    blocks = []
    n = len(rows.X)
    covariances = block_covariances(design, solution)
    for block, part, covariance in zip(design.random, rows.parts, covariances, strict=True):
        scaled = part.Z @ root(covariance)
        k, levels = scaled.shape[1], len(design.groups[block.group].levels)
        values = part.shares[:, :, None] * (part.at >= 0)[:, :, None] * scaled[:, None, :]
        columns = k * np.maximum(part.at, 0)[:, :, None] + np.arange(k)
        index = np.repeat(np.arange(n), k * part.at.shape[1])
        blocks.append(
            sparse.coo_array((values.ravel(), (index, columns.ravel())), shape=(n, k * levels))
        )
    return sparse.csc_array(sparse.hstack(blocks))


def _unseen(rows: Rows, covariances: list[Array]) -> Array:
    """z'Σz of the levels that were not seen."""
    hidden = tuple(replace(part, shares=part.shares * (part.at < 0)) for part in rows.parts)
    return variance_of(replace(rows, parts=hidden), covariances)
