"""t tests with honest degrees of freedom for gaussian mixed models.

The model is y ~ N(Xβ, V), V = Σ_r φ_r V_r, linear in φ: V_0 = I for the residual variance, and
Z_a Z_b' + Z_b Z_a' for each (co)variance of a random term. With Φ = (X'V^-1X)^-1,
P_r = X'V^-1 V_r V^-1 X, Q_rs = X'V^-1 V_r V^-1 V_s V^-1 X, P = V^-1 - V^-1 XΦX'V^-1 and e = Py:

Satterthwaite (Giesbrecht & Burns 1985, Biometrics 41:477; lmerTest, Kuznetsova et al. 2017):

    df = 2 (l'Φl)² / g'Ag,   g_r = l'ΦP_rΦl,   A = inverse of the observed information about φ,
    observed information  e'V_r P V_s e - ½ tr(P V_r P V_s)   (REML; V^-1 for P in the trace: ML).

At a singular fit the likelihood still rises beyond the edge, and A is that of the factor F of
Σ = FF' which has only the columns that are not zero, as lmerTest's is: with J = dφ/dF and the score
s = ½[e'V_re - tr(PV_r)], information J'IJ - Σ_r s_r d²φ_r/dFdF'.

Kenward & Roger (1997, Biometrics 53:983), always from REML:

    Φ_A = Φ + 2Φ [Σ_rs W_rs (Q_rs - P_r Φ P_s)] Φ,   W = 2 (tr V^-1V_rV^-1V_s - 2 tr ΦQ_rs
    + tr ΦP_rΦP_s)^-1,   and for one coefficient df = 2/a, a = g'Wg / (l'Φl)², scale 1.

(With one numerator degree of freedom their A_1 and A_2 are both a, and m = 2/a, λ = 1.)

Nothing n x n is made: with S = Z'Z, G = FF', K = F(σ²I + F'SF)^-1F' and R = I - SK,

    V^-1 = (I - ZKZ')/σ²,   Z'V^-1 = RZ'/σ²,   Z'V^-1Z = RS/σ²,   Z'V^-2Z = RSR'/σ⁴.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.special import stdtr, stdtrit

from peerstats.errors import ModelError
from peerstats.model.limits import check_likelihood
from peerstats.model.prediction import check_choice
from peerstats.model.random_effect import RandomEffect, random_effects
from peerstats.model.refit import one_row_each, refit, with_solution

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]

METHODS = ("satterthwaite", "kenward_roger")
MOST_EFFECTS = 4_000  # matrices of their number squared are held
FLAT = 1e-8  # of the largest eigenvalue: a direction in which nothing changes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """What both methods need: Φ, P_r, Q_rs, tr V^-1V_rV^-1V_s, e'V_r P V_s e.

    And tr V^-1V_r and e'V_re, for the score. Columns of X are whitened: Φ is of Rβ where X = QR.
    """

    phi: Array  # (p, p)
    P: Array  # (R, p, p)
    Q: Array  # (R, R, p, p)
    traces: Array  # (R, R)
    data: Array  # (R, R)
    single: Array  # (R,) tr V^-1V_r
    squares: Array  # (R,) e'V_re

    @property
    def expected(self) -> Array:
        """Twice the expected information of REML: tr(P V_r P V_s)."""
        moved = np.einsum("ab,rbc->rac", self.phi, self.P)
        both = np.einsum("rab,sba->rs", moved, moved)
        single = np.einsum("ab,rsba->rs", self.phi, self.Q)
        return self.traces - single - single.T + both

    def slopes(self, contrast: Array) -> Array:
        """Derivatives of l'Φl in φ (R,)."""
        at = self.phi @ contrast
        return np.einsum("a,rab,b->r", at, self.P, at)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Approximation:
    """β, and for Rβ: Φ and its slopes, Φ or Φ_A, and A or W, the covariance of the variances.

    `contrasts` are the rows of R^-1: β_k is that row times Rβ.
    """

    beta: Array
    contrasts: Array  # (p, p)
    parts: Moments
    spread: Array  # (R, R)
    covariance: Array  # (p, p)

    def df(self, contrast: Array) -> float:
        """Degrees of freedom of one contrast of Rβ: 2 (l'Φl)² / g'Ag."""
        slope, phi = self.parts.slopes(contrast), self.parts.phi
        return 2 * float(contrast @ phi @ contrast) ** 2 / float(slope @ self.spread @ slope)


def small_sample(fit: Fit, method: str, alpha: float) -> pd.DataFrame:
    """Return estimate, std_error, df, statistic, p_value, conf_low, conf_high by term.

    Raises ModelError for models that are not gaussian or have no random effects.

    >>> import numpy as np
    >>> from peerstats.model.fit import fit
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(np.arange(12), 10)
    >>> y = rng.normal(size=12)[site] + rng.normal(size=120)
    >>> model = fit("y ~ 1 + (1 | site)", {"y": y, "site": site}, family="gaussian")
    >>> float(model.small_sample("kenward_roger").loc["Intercept", "df"].round(6))
    11.0
    """
    found = approximate(fit, method)
    df = np.array([found.df(contrast) for contrast in found.contrasts])
    estimate = found.beta
    error = np.sqrt(np.diag(found.contrasts @ found.covariance @ found.contrasts.T))
    t = estimate / error
    half = stdtrit(df, 1 - alpha / 2) * error
    columns = {
        "estimate": estimate,
        "std_error": error,
        "df": df,
        "statistic": t,
        "p_value": 2 * stdtr(df, -np.abs(t)),
        "conf_low": estimate - half,
        "conf_high": estimate + half,
    }
    return pd.DataFrame(columns, index=pd.Index(fit.design.names, name="term"))


def approximate(fit: Fit, method: str) -> Approximation:
    """Return the moments that t and F tests are made of; raises as `small_sample`."""
    check_choice("method", method, METHODS)
    _check(fit)
    fitted = one_row_each(fit)
    if method == "kenward_roger" and fit.method != "reml":
        fitted = with_solution(fitted, refit(fitted, fitted.design, reml=True), method="reml")
    whitened, R = np.linalg.qr(fitted.design.X)
    parts = _moments(fitted, whitened)
    if method == "satterthwaite":
        spread = _spread(parts, random_effects(fitted), fitted.method == "reml")
        covariance = parts.phi
    else:
        spread = 2 * linalg.pinvh(parts.expected)
        covariance = _widened(parts, spread)
    return Approximation(
        beta=fitted.solution.beta,
        contrasts=linalg.solve_triangular(R, np.eye(len(R))),
        parts=parts,
        spread=spread,
        covariance=covariance,
    )


def _check(fit: Fit) -> None:
    if fit.family.name != "gaussian" or not fit.formula.random:
        raise ModelError(
            "Satterthwaite's and Kenward and Roger's tests are for gaussian models with random "
            "effects; use profile() or bootstrap() here."
        )
    check_likelihood(fit, "test of Satterthwaite or Kenward and Roger")
    effects = sum(block.modes.size for block in random_effects(fit))
    if effects > MOST_EFFECTS:
        raise ModelError(
            f"The model has {effects} random effects; small-sample tests hold matrices of their "
            f"number squared and stop at {MOST_EFFECTS}. With so many groups use z tests."
        )


def _spread(parts: Moments, blocks: tuple[RandomEffect, ...], reml: bool) -> Array:
    """Covariance of the (co)variances φ, from the factors F of the Σ."""
    traces, single = parts.traces, parts.single
    if reml:
        traces, single = parts.expected, single - np.einsum("ab,rba->r", parts.phi, parts.P)
    information, score = parts.data - 0.5 * traces, 0.5 * (parts.squares - single)
    change: list[Array] = [np.eye(1)]
    bends: list[Array] = [np.zeros((1, 1))]
    at = 1
    for block in blocks:
        F, k = _factor(block.covariance), len(block.names)
        rows, columns = np.tril_indices(k)
        here, there = np.eye(k)[rows, :, None], np.eye(k)[columns, :, None]
        jacobian: Array = here * F[columns, None, :] + there * F[rows, None, :]
        bend = np.zeros((k, k))
        bend[rows, columns] = score[at : at + len(rows)]
        change.append(jacobian.reshape(len(rows), -1))
        bends.append(np.kron(bend + bend.T, np.eye(F.shape[1])).astype(np.float64))
        at += len(rows)
    J = linalg.block_diag(*change)
    inner = J.T @ information @ J - linalg.block_diag(*bends)
    unit = 1.0 / np.sqrt(np.maximum(np.abs(np.diag(inner)), 1e-300))
    inverse = linalg.pinvh(inner * np.outer(unit, unit), rtol=FLAT) * np.outer(unit, unit)
    found: Array = J @ inverse @ J.T
    return found


def _factor(covariance: Array) -> Array:
    """F with FF' = Σ and a column for each eigenvalue of the correlations that is not zero."""
    root = _root(covariance)
    found: Array = root[:, root.any(axis=0)]
    return found


def _root(covariance: Array) -> Array:
    """Square F with FF' = Σ; a column is zero where an eigenvalue of the correlations is."""
    sds = np.sqrt(np.diag(covariance))
    sds[sds == 0] = 1.0
    values, vectors = np.linalg.eigh(covariance / np.outer(sds, sds))
    found: Array = sds[:, None] * vectors * np.sqrt(np.where(values > FLAT, values, 0.0))
    return found


def _widened(parts: Moments, W: Array) -> Array:
    """Φ_A."""
    phi = parts.phi
    inner = parts.Q - np.einsum("rab,bc,scd->rsad", parts.P, phi, parts.P)
    adjusted = phi + 2 * phi @ np.einsum("rs,rsab->ab", W, inner) @ phi
    found: Array = 0.5 * (adjusted + adjusted.T)
    return found


def _patterns(blocks: tuple[RandomEffect, ...]) -> list[sparse.csr_array]:
    """∂G/∂φ_r of every (co)variance, (q, q) each; effects run term by term, level by level."""
    total = sum(block.modes.size for block in blocks)
    found, start = [], 0
    for block in blocks:
        k = len(block.names)
        places = start + k * np.arange(block.count)
        for a in range(k):
            for b in range(a + 1):
                at = sparse.coo_array(
                    (np.ones(block.count), (places + a, places + b)), shape=(total, total)
                )
                found.append(sparse.csr_array(at if a == b else at + at.T))
        start += block.modes.size
    return found


def _stacked(blocks: tuple[RandomEffect, ...]) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Z (n, q) and F (q, q) with FF' = G."""
    columns, roots = [], []
    for block in blocks:
        n, k = block.Z.shape
        at = (k * block.codes[:, :, None] + np.arange(k)).ravel()
        rows = np.repeat(np.arange(n), k * block.codes.shape[1])
        values = (block.shares[:, :, None] * block.Z[:, None, :]).ravel()
        columns.append(sparse.coo_array((values, (rows, at)), shape=(n, k * block.count)))
        roots.append(sparse.kron(sparse.eye_array(block.count), _root(block.covariance)))
    return sparse.csr_array(sparse.hstack(columns)), sparse.csr_array(sparse.block_diag(roots))


@dataclass(frozen=True, slots=True, eq=False)
class _Inverse:
    """V^-1 by way of the effects."""

    Z: sparse.csr_array
    K: Array
    R: Array
    S: Array
    sigma2: float

    def times(self, right: Array) -> Array:
        found: Array = (right - self.Z @ (self.K @ (self.Z.T @ right))) / self.sigma2
        return found

    def gathered(self, right: Array) -> Array:
        """Z'V^-1 times something."""
        found: Array = self.R @ (self.Z.T @ right) / self.sigma2
        return found


def _inverse(blocks: tuple[RandomEffect, ...], sigma2: float) -> _Inverse:
    Z, F = _stacked(blocks)
    S = np.asarray((Z.T @ Z).todense())
    # K = F(σ²I + F'SF)^-1F' inverts no G, which may be singular, and no unit of a slope matters.
    right = np.asarray(F.todense()).T
    K = F @ linalg.solve(sigma2 * np.eye(len(S)) + F.T @ S @ F, right, assume_a="pos")
    return _Inverse(Z, K, np.eye(len(S)) - S @ K, S, sigma2)


def _moments(fit: Fit, X: Array) -> Moments:
    blocks = random_effects(fit)
    inverse = _inverse(blocks, fit.solution.dispersion)
    patterns = _patterns(blocks)
    vx = inverse.times(X)
    phi = linalg.inv(X.T @ vx)
    offset = 0.0 if fit.design.offset is None else fit.design.offset
    e = inverse.times(fit.design.y - offset - fit.design.X @ fit.solution.beta)
    tx, txx = inverse.gathered(X), inverse.gathered(vx)
    P = np.array([vx.T @ vx, *(tx.T @ (B @ tx) for B in patterns)])
    moved = np.column_stack([e, *(inverse.Z @ (B @ (inverse.Z.T @ e)) for B in patterns)])
    cross = vx.T @ moved
    T = inverse.R @ inverse.S / inverse.sigma2
    own = (len(e) - np.sum(inverse.S * inverse.K.T)) / inverse.sigma2
    return Moments(
        phi=phi,
        P=P,
        Q=_second(inverse, patterns, (vx, tx, txx)),
        traces=_traces(inverse, patterns),
        data=moved.T @ inverse.times(moved) - cross.T @ phi @ cross,
        single=np.array([own, *(B.multiply(T).sum() for B in patterns)]),
        squares=e @ moved,
    )


def _second(
    inverse: _Inverse, patterns: list[sparse.csr_array], parts: tuple[Array, Array, Array]
) -> Array:
    vx, tx, txx = parts
    T = inverse.R @ inverse.S / inverse.sigma2
    pulled = [B @ tx for B in patterns]
    size, p = len(patterns) + 1, vx.shape[1]
    Q = np.empty((size, size, p, p))
    Q[0, 0] = vx.T @ inverse.times(vx)
    for s, right in enumerate(pulled, start=1):
        Q[0, s] = txx.T @ right
        Q[s, 0] = Q[0, s].T
        for r, left in enumerate(pulled, start=1):
            Q[r, s] = left.T @ T @ right
    return Q


def _traces(inverse: _Inverse, patterns: list[sparse.csr_array]) -> Array:
    sigma2, R, S = inverse.sigma2, inverse.R, inverse.S
    T, T2 = R @ S / sigma2, R @ S @ R.T / sigma2**2
    SK = S @ inverse.K
    size = len(patterns) + 1
    found = np.empty((size, size))
    found[0, 0] = (inverse.Z.shape[0] - 2 * np.trace(SK) + np.sum(SK * SK.T)) / sigma2**2
    moved = [B @ T for B in patterns]
    for s, B in enumerate(patterns, start=1):
        found[0, s] = found[s, 0] = B.multiply(T2).sum()
        for r in range(1, s + 1):
            found[r, s] = found[s, r] = np.sum(moved[r - 1] * moved[s - 1].T)
    return found
