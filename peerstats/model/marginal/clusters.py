"""Rows of a marginal model sorted by cluster, and the estimating equations at one estimate.

Notation (inference.md's and Liang & Zeger 1986): cluster j has rows i with mean μ_i = g⁻¹(x_i'β +
offset_i), variance φ v(μ_i)/m_i (m trials) and working correlation R_j. With

    d_i = μ'_i √(m_i / v_i) x_i,     e_i = √(m_i / v_i) (y_i - μ_i)

the equations are Σ_j U_j = 0 with U_j = D_j' R_j⁻¹ e_j and have the slope M_j = D_j' R_j⁻¹ D_j. The
exchangeable R_j has the inverse (I - c_j 11') / (1-α), c_j = α / (1 + (n_j - 1)α), so that only
sums over the cluster are needed:

    M_j = (Σ d d' - c_j s_j s_j') / (1-α),    U_j = (Σ d e - c_j s_j Σ e) / (1-α),    s_j = Σ d.

Independence is α = 0. Nothing of size n_j x n_j is made, and nothing of the size of X: rows are
worked through some whole clusters at a time. A frequency weight f counts a row f times.

μ' needs no link of its own: a family's slope r(y) = (y - μ) μ'/v is a line in y, so
μ'/v = r(1) - r(0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.model.design import Design, Grouping
from peerstats.model.families import Family

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

ROWS = 20_000  # of a vector at a time
BLOCK = 400_000  # numbers of one array in a block of clusters
LARGE = 64  # rows a cluster from which one matrix product a cluster is the faster way
LEAST_VARIANCE = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Rows sorted by cluster: `starts` their first rows, `m` trials, `f` frequencies."""

    family: Family
    X: Array
    y: Array
    m: Array
    f: Array
    offset: Array
    starts: Codes

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self.starts)

    def sums(self, values: Array) -> Array:
        """Frequency-weighted sums over each cluster's rows."""
        found: Array = np.add.reduceat(values * self.f, self.starts)
        return found

    def parts(self, numbers: int) -> Iterator[tuple[slice, slice]]:
        """Some whole clusters at a time and their rows, for arrays of so many numbers a row."""
        ends = np.append(self.starts[1:], len(self.y))
        first = 0
        while first < len(ends):
            limit = self.starts[first] + max(1, BLOCK // max(1, numbers))
            last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
            yield slice(first, last), slice(int(self.starts[first]), int(ends[last - 1]))
            first = last


def sort_rows(
    design: Design, grouping: Grouping, family: Family, *, sampling: bool = False
) -> Clusters:
    """Return the design's rows in the order of their clusters.

    The design's weights are frequencies, or with `sampling` factors of the trials: a row then
    counts once, however many women it stands for.
    """
    order = np.argsort(grouping.codes, kind="stable")
    code = grouping.codes[order]
    ones = np.ones(design.n)
    trials = ones if design.trials is None else design.trials
    weights = ones if design.weights is None else design.weights
    return Clusters(
        family=family,
        X=design.X[order],
        y=design.y[order],
        m=trials[order] * (weights[order] if sampling else 1.0),
        f=ones if sampling else weights[order],
        offset=np.zeros(design.n) if design.offset is None else design.offset[order],
        starts=np.flatnonzero(np.r_[True, code[1:] != code[:-1]]),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standardised:
    """g (n,), so that d_i = g_i x_i, and e (n,) at one β, and the scale φ."""

    g: Array
    e: Array
    scale: float


def standardise(clusters: Clusters, beta: Array) -> Standardised | None:
    """Return g and e, or None where a mean leaves its range.

    φ = Σ f m (y-μ)²/v / Σ f m, without a correction for p, as geepack's.
    """
    family, g, e = clusters.family, np.empty_like(clusters.y), np.empty_like(clusters.y)
    for start in range(0, len(g), ROWS):
        rows = slice(start, start + ROWS)
        y, m = clusters.y[rows], clusters.m[rows]
        eta = clusters.X[rows] @ beta + clusters.offset[rows]
        ones = np.ones_like(y)
        kernel, _, _ = family.slopes(y, eta, ones)
        if not np.isfinite(kernel).all():
            return None
        mu = family.inverse(eta)
        v = np.maximum(family.variance(mu), LEAST_VARIANCE)
        steep = family.slopes(ones, eta, ones)[1] - family.slopes(np.zeros_like(y), eta, ones)[1]
        g[rows] = steep * np.sqrt(v * m)
        e[rows] = np.sqrt(m / v) * (y - mu)
    scale = float(clusters.f @ (e * e)) / float(clusters.f @ clusters.m)
    return Standardised(g=g, e=e, scale=scale)


def exchangeable(clusters: Clusters, at: Standardised) -> float:
    """Moment estimate of α: the mean product of two residuals of a cluster, over φ.

    Pairs weigh m_s m_t, as in geepack; pairs of one row with itself arise from its frequency.
    """
    root = np.sqrt(clusters.m)
    total, squares = clusters.sums(root * at.e), clusters.sums(clusters.m * at.e**2)
    weight, own = clusters.sums(clusters.m), clusters.sums(clusters.m**2)
    pairs = float((weight**2 - own).sum())
    return float((total**2 - squares).sum()) / pairs / at.scale if pairs > 1e-9 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Equations:
    """The equations at one (β, α): U (J, p), ΣM (p, p), and what each M_j is made of."""

    clusters: Clusters
    at: Standardised
    alpha: float
    U: Array
    M: Array
    s: Array
    c: Array

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """M_j of some clusters at a time: their slice and an array (k, p, p)."""
        for group, rows in self.clusters.parts(self.s.shape[1] ** 2):
            s, c = self.s[group], self.c[group]
            shared = c[:, None, None] * s[:, :, None] * s[:, None, :]
            yield group, (self._products(group, rows) - shared) / (1.0 - self.alpha)

    def _products(self, group: slice, rows: slice) -> Array:
        """Σ f d d' of each cluster."""
        starts = self.clusters.starts[group] - rows.start
        d, weighted = _weigh(self.clusters, self.at, rows)
        if len(d) > LARGE * len(starts):
            ends = np.append(starts[1:], len(d))
            return np.stack([d[a:b].T @ weighted[a:b] for a, b in zip(starts, ends, strict=True)])
        return np.add.reduceat(d[:, :, None] * weighted[:, None, :], starts, axis=0)


def _weigh(clusters: Clusters, at: Standardised, rows: slice) -> tuple[Array, Array]:
    """d and f d of some rows."""
    d = clusters.X[rows] * at.g[rows, None]
    return d, d * clusters.f[rows, None]


def equations(clusters: Clusters, at: Standardised, alpha: float) -> Equations:
    """Return the estimating equations with working correlation `alpha`."""
    size = clusters.sums(np.ones_like(clusters.y))
    c = alpha / (1.0 + (size - 1.0) * alpha)
    p = clusters.X.shape[1]
    s, U, within = np.empty((clusters.count, p)), np.empty((clusters.count, p)), np.zeros((p, p))
    for group, rows in clusters.parts(p):
        starts = clusters.starts[group] - rows.start
        d, weighted = _weigh(clusters, at, rows)
        within += d.T @ weighted
        s[group] = np.add.reduceat(weighted, starts, axis=0)
        weighted *= at.e[rows, None]
        U[group] = np.add.reduceat(weighted, starts, axis=0)
    U -= (c * clusters.sums(at.e))[:, None] * s
    U /= 1.0 - alpha
    M = (within - s.T @ (c[:, None] * s)) / (1.0 - alpha)
    return Equations(clusters=clusters, at=at, alpha=alpha, U=U, M=M, s=s, c=c)
