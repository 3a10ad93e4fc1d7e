"""A linear mixed model with one grouping factor: its profiled likelihood in the covariance itself.

y = Xβ + Zu + ε, ε ~ N(0, σ²/w), u_j ~ N(0, σ²Γ) in each group j. With groups independent all that
is needed of the rows are sums within groups, N_j = Z_j'WZ_j and F_j = Z_j'W^½[Q e], W^½X = QR and
e the weighted residual from least squares (`crossproducts` says why), and

    A_j = (I + N_jΓ)^-1,   S_j = A_jN_j = Z'V^-1Z,   A_jF_j = Z'V^-1[Q e],   V = W^-1 + ZΓZ',
    [Q e]'V^-1[Q e] = [Q e]'[Q e] - Σ F_j'ΓA_jF_j = CC',   log|V| + log|W| = Σ log|I + N_jΓ|.

The last entry of C's diagonal is r, r² = min_β (y - Xβ)'V^-1(y - Xβ), the last row before it gives
R(β̂ - least squares) by one triangular solution. With g_j = Z'V^-1(y - Xβ̂), Γ = Σ γ_a E_a and
C'_j = A_jF_jC^-T, derivatives (Harville 1977) are sums over groups of products of S_j and g_jg_j':

    t_a = Σ tr(S_jE_a),   m_ab = Σ tr(S_jE_aS_jE_b),   q_a = Σ g_j'E_ag_j = -r²_a,
    r²_ab = 2 (Σ g_j'E_aS_jE_bg_j - h_a'h_b),   h_a = Σ C_j'E_ag_j,
    ML     -2L = n (1 + log(2π r²/n)) + log|V|, of which log|V| has t_a and -m_ab
    REML   n - p for n and log|V| + log|X'V^-1X|, with tr(PV_a) for t_a and tr(PV_aPV_b) for m_ab.

In Γ instead of its Cholesky factor V is linear, which spares second derivatives and gives a start:
Var(y) = σ²W^-1 + Σ σ²γ_aV_a has expected information ½ tr(V^-1V_aV^-1V_b), and one step of Fisher's
scoring goes, whatever the present σ² (Searle, Casella & McCulloch 1992, section 8.3), to

    σ² = (r² - t'm^-1q)/(n - t'm^-1t),   γ + m^-1(q/σ² - t).

Where all groups have the same rows of Z and X, that is the maximum itself from any start.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from math import log, pi

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from peerstats.model.engines.problem import Problem
from peerstats.model.engines.scoring import entries, inverses, products

Array = NDArray[np.float64]

WORK = 32  # columns that LAPACK turns at a time
UNEVEN = 1e-7  # diagonal of R over a column's length below which a column of Z is one of others


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What is needed of the rows: N (J, K, K), F (J, K, p+1), [Q e]'[Q e], R and least squares' β.

    Z stands for its columns block by block made orthonormal, Q_k of W^½Z_k = Q_kT_k; `turn` has
    the T_k on its diagonal, at `spans`, and `sizes` are the lengths of the columns of W^½Z.
    """

    N: Array
    F: Array
    gram: Array
    triangle: Array
    beta: Array
    turn: Array
    sizes: Array
    spans: tuple[slice, ...]

    @classmethod
    def of(cls, problem: Problem) -> Sums | None:
        """Sum over the rows; None where columns of a block of Z are as good as collinear."""
        ends = list(accumulate((block.size for block in problem.blocks), initial=0))
        spans = tuple(slice(start, end) for start, end in pairwise(ends))
        K, p = ends[-1], problem.X.shape[1]
        root = np.sqrt(problem.m)[:, None]
        turn, rows = np.zeros((K, K)), np.empty((problem.n, K + p + 1))
        for block, span in zip(problem.blocks, spans, strict=True):
            rows[:, span], turn[span, span] = orthonormal(root * block.Z)
        rows[:, K:-1], rows[:, -1] = problem.X, problem.y - problem.offset
        rows[:, K:], R = orthonormal(root * rows[:, K:])
        rest = float(R[p, p])
        sizes = np.sqrt((turn * turn).sum(axis=0))
        if (np.abs(turn.diagonal()) / np.maximum(sizes, 1e-300)).min() < UNEVEN:
            return None
        gram = np.eye(p + 1)
        gram[p, p] = rest * rest
        rows[:, -1] *= rest
        found = np.empty((len(problem.starts), K, K + p + 1))
        for e, z in enumerate(rows.T[:K]):
            found[:, e] = np.add.reduceat(z[:, None] * rows, problem.starts, axis=0)
        R, first = R[:p, :p], R[:p, p]
        beta = lapack.dtrtrs(R, first)[0] if p else first
        N, F = found[:, :, :K].copy(), found[:, :, K:].copy()
        return cls(N, F, gram, R, beta, turn, sizes, spans)


def orthonormal(X: Array) -> tuple[Array, Array]:
    """Q and R of X = QR."""
    p = X.shape[1]
    # LAPACK itself: numpy's wrapper takes ten times as long as the factors of a narrow matrix.
    both, tau, _, _ = lapack.dgeqrf(X, lwork=WORK * p)
    R = both[:p] * _upper(p)
    return lapack.dorgqr(both, tau, lwork=WORK * p, overwrite_a=1)[0], R


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """β and r² at one Γ; `root` is C, `pull` g, `fixed` A_jF_j, `change` R(β - least squares)."""

    gamma: Array
    A: Array
    fixed: Array
    root: Array
    change: Array
    pull: Array
    r2: float
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """t, m and q at one Γ, and the S_j as rows (J, K²)."""

    S: Array
    t: Array
    m: Array
    q: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouped:
    """The profiled likelihood; frequency weights count rows several times.

    `df` is n, or n - p by REML; `entries` are the E_a, (a, K, K), and `flat` the same as rows (K²).
    """

    sums: Sums
    reml: bool
    df: float
    entries: Array
    flat: Array

    @classmethod
    def of(cls, problem: Problem, sums: Sums, reml: bool) -> Grouped:
        """The likelihood of a problem with these sums."""
        n = float(problem.m.sum())
        matrices = entries(tuple(block.size for block in problem.blocks))
        return cls(
            sums=sums,
            reml=reml,
            df=n - problem.X.shape[1] if reml else n,
            entries=matrices,
            flat=matrices.reshape(len(matrices), -1),
        )

    def matrix(self, gamma: Array) -> Array:
        """Γ, (K, K)."""
        K = self.entries.shape[1]
        found: Array = (gamma @ self.flat).reshape(K, K)
        return found

    def at(self, gamma: Array) -> Place | None:
        """Solve for β and r² at one γ; None outside the range, where Γ or V is not positive."""
        known, p = self.sums, len(self.sums.beta)
        G = self.matrix(gamma)
        if lapack.dpotrf(G)[1]:
            return None
        A, determinants = inverses(known.N @ G)
        fixed = A @ known.F
        flat = (-1, p + 1)
        gram = known.gram - known.F.reshape(flat).T @ (G @ fixed).reshape(flat)
        root, failed = lapack.dpotrf(gram, lower=1)
        if failed or not determinants.min() > 0:
            return None
        residual = np.ones(p + 1)  # e - Q R(β - least squares)
        if p:
            residual[:p] = -lapack.dtrtrs(root[:p, :p], root[p, :p], lower=1, trans=1)[0]
        r2 = float(root[p, p]) ** 2
        value = self.df * (1.0 + log(2.0 * pi * r2 / self.df)) + float(np.log(determinants).sum())
        if self.reml:
            diagonals = root.diagonal()[:p] * known.triangle.diagonal()
            value += 2.0 * float(np.log(np.abs(diagonals)).sum())
        return Place(G, A, fixed, root, -residual[:p], fixed @ residual, r2, -0.5 * value)

    def moments(self, at: Place) -> Moments:
        """Sum over groups what both scoring and Newton's method need."""
        S = (at.A @ self.sums.N).reshape(len(at.A), -1)
        t, m = self.flat @ S.sum(axis=0), products(self.flat, S, S)
        if self.reml and len(at.change):
            less_t, less_m = self._of_fixed(at, S)
            t, m = t - less_t, m - less_m
        return Moments(S, t, m, self.pulled(at))

    def derivatives(self, at: Place, moments: Moments) -> tuple[Array, Array]:
        """Gradient and Hessian of the log-likelihood in γ."""
        J, K, p = at.fixed.shape[0], at.fixed.shape[1], len(at.change)
        share = moments.q / at.r2
        squares = (at.pull[:, :, None] * at.pull[:, None, :]).reshape(J, -1)
        bend = products(self.flat, moments.S, squares)
        if p:
            through = (at.pull.T @ at.fixed.reshape(J, -1)).reshape(K * K, p + 1)[:, :p]
            h = lapack.dtrtrs(at.root[:p, :p], (self.flat @ through).T, lower=1)[0]
            bend -= h.T @ h
        hessian = moments.m - self.df * (2.0 / at.r2 * bend - share[:, None] * share)
        return 0.5 * (self.df * share - moments.t), 0.25 * (hessian + hessian.T)

    def pulled(self, at: Place) -> Array:
        """q, as r² falls by it with γ."""
        return self.flat @ (at.pull.T @ at.pull).ravel()

    def _of_fixed(self, at: Place, S: Array) -> tuple[Array, Array]:
        """What V^-1 has more than P = V^-1 - V^-1X(X'V^-1X)^-1X'V^-1: in t and in m."""
        J, K, p = at.fixed.shape[0], at.fixed.shape[1], len(at.change)
        inverse = lapack.dtrtri(at.root[:p, :p], lower=1)[0]
        columns = at.fixed[:, :, :p] @ np.tril(inverse).T
        own = (columns @ columns.transpose(0, 2, 1)).reshape(J, -1)
        wide = columns.reshape(J, -1)
        squares = (wide.T @ wide).reshape(K, p, K, p).transpose(0, 2, 1, 3)
        both = self.flat @ squares.reshape(K * K, p * p)
        turned = self.flat @ squares.transpose(0, 1, 3, 2).reshape(K * K, p * p)
        cross = products(self.flat, S, own)
        return self.flat @ own.sum(axis=0), cross + cross.T - both @ turned.T

    def scored(self, at: Place, found: Moments, gamma: Array) -> Array | None:
        """The γ of one step of scoring."""
        factor, failed = lapack.dpotrf(found.m)
        if failed:
            return None
        by_q, by_t = lapack.dpotrs(factor, np.array([found.q, found.t]).T)[0].T
        sigma2 = (at.r2 - float(found.t @ by_q)) / (self.df - float(found.t @ by_t))
        if not sigma2 > 0.0:
            return None
        target: Array = gamma + by_q / sigma2 - by_t
        return target


@cache
def _upper(p: int) -> Array:
    return np.triu(np.ones((p, p)))
