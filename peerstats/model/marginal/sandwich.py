"""Covariances of a marginal model's estimates, and their degrees of freedom, by p x p algebra.

With A = (Σ M_j)⁻¹ = LL' and T_j = L'M_jL (the leverage of cluster j), each kind is

    V = Σ_j b_j b_j',    b_j = L κ(T_j) L' U_j
    κ(t) = 1          robust          Liang & Zeger 1986
           (1-t)^-½   cr2             Kauermann & Carroll 2001; Bell & McCaffrey 2002
           (1-t)^-1   mancl_derouen   Mancl & DeRouen 2001

and `model` is V = φA. The forms with (n_j x n_j) matrices of the sources reduce to these exactly. A
direction with t = 1 is determined by one cluster alone; it has no residual and is left out.

Degrees of freedom (Bell & McCaffrey 2002): were the working covariance true, V_kk would be a
quadratic form with matrix P over clusters. With l_k = L'e_k,

    f_j = κ(T_j) l_k,  a_j = f_j'T_jf_j,  g_j = T_jf_j,  P_ij = δ_ij a_i - g_i'g_j,
    df_k = (tr P)² / tr P²,   tr P = Σ a_j - tr G,   tr P² = Σ a_j² - 2 Σ a_j g_j'g_j + tr G²,

where G = Σ g_j g_j' is p x p, so no clusters x clusters matrix is made. `model` has J - p.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.marginal.clusters import Equations

Array = NDArray[np.float64]

ALONE = 1e-10  # 1 - t below it: one cluster alone determines this direction


def _part(t: Array, power: float) -> Array:
    rest = 1.0 - t
    return np.where(rest > ALONE, np.maximum(rest, ALONE) ** power, 0.0)


CORRECTIONS: Mapping[str, Callable[[Array], Array]] = {
    "cr2": lambda t: _part(t, -0.5),
    "mancl_derouen": lambda t: _part(t, -1.0),
    "robust": np.ones_like,
}
KINDS = (*CORRECTIONS, "model")


def root_of(M: Array) -> Array:
    """L with LL' = M⁻¹."""
    scale = np.sqrt(np.diag(M))
    try:
        return np.linalg.inv(np.linalg.cholesky(M / np.outer(scale, scale))).T / scale[:, None]
    except np.linalg.LinAlgError:
        raise ModelError(
            "The estimating equations have no unique solution at the estimates; leave out a "
            "covariate or merge levels."
        ) from None


def covariance(found: Equations, kind: str) -> tuple[Array, Array]:
    """Return the covariance (p, p) of the estimates and each coefficient's degrees of freedom."""
    L = root_of(found.M)
    p = len(L)
    if kind == "model":
        left = found.clusters.count - p
        return found.at.scale * (L @ L.T), np.full(p, float(left) if left > 0 else np.nan)
    correct = CORRECTIONS[kind]
    total = np.zeros((p, p))
    traces = _Traces(p)
    for group, M in found.blocks():
        t, Q = np.linalg.eigh(L.T @ M @ L)
        kappa = correct(t)
        turned = np.einsum("jik,ji->jk", Q, found.U[group] @ L)
        b = np.einsum("jik,jk->ji", Q, kappa * turned)
        total += b.T @ b
        traces.add(t, kappa, Q, L)
    return L @ total @ L.T, traces.df()


class _Traces:
    """Running sums of tr P and tr P² for every coefficient."""

    def __init__(self, p: int) -> None:
        self.a, self.squares = np.zeros(p), np.zeros(p)
        self.G = np.zeros((p, p, p))

    def add(self, t: Array, kappa: Array, Q: Array, L: Array) -> None:
        turned = np.swapaxes(Q, 1, 2) @ L.T  # (k clusters, p directions, p coefficients)
        f = kappa[:, :, None] * turned
        a = np.einsum("ji,jik->jk", t, f * f)
        g = t[:, :, None] * f
        self.a += a.sum(axis=0)
        self.squares += (a * a - 2.0 * a * (g * g).sum(axis=1)).sum(axis=0)
        whole = np.moveaxis(Q @ g, 2, 0)  # coefficient, cluster, direction
        self.G += np.swapaxes(whole, 1, 2) @ whole

    def df(self) -> Array:
        first = self.a - np.trace(self.G, axis1=1, axis2=2)
        second = self.squares + (self.G * self.G).sum(axis=(1, 2))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(first > 1e-10 * self.a, first * first / second, np.nan)


def determined_alone(found: Equations) -> int:
    """Count the clusters that determine a direction of the estimates by themselves."""
    L = root_of(found.M)
    return sum(
        int((np.linalg.eigvalsh(L.T @ M @ L)[:, -1] > 1.0 - ALONE).sum()) for _, M in found.blocks()
    )
