"""Standardised mean differences: how unlike two groups are, whatever the variable's unit.

For a measurement with means m and sample variances s² (divisor n - 1) in two groups,

    d = |m₁ - m₂| / √((s₁² + s₂²) / 2)                    Austin, Stat Med 2009;28:3083, section 2

For a variable with levels, let p be the vector of shares. Each group's answers are a multinomial
draw with covariance S = diag(p) - pp', and d is the Mahalanobis distance of the two vectors,

    d² = (p₁ - p₂)' [(S₁ + S₂)/2]⁻ (p₁ - p₂)              Yang & Dalton, SAS Global Forum 2012, 335

S is singular by construction, since shares sum to one. Yang and Dalton leave one level out; a
pseudo-inverse gives the same number, because p₁ - p₂ sums to zero and so lies in the range of S.
It does not lie there when the groups share no level at all: the distance is then infinite and no
number is given. With two levels d reduces to |p₁ - p₂| / √((p₁q₁ + p₂q₂)/2).

Among more than two groups the largest pairwise distance is reported, since an average hides the
one site that differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST = 2  # one woman has no variance to standardise by


def smd_numeric(groups: Sequence[Floats]) -> float:
    """Return the largest pairwise standardised difference of a measurement, each group (n_g,).

    Groups of fewer than two are left out. NaN when fewer than two groups are left, or when a pair
    differs without any variation within it.

    >>> round(smd_numeric([np.array([1.0, 2, 3]), np.array([2.0, 3, 4])]), 3)
    1.0
    """
    kept = [g for g in groups if len(g) >= LEAST]
    return _largest([_pair_numeric(a, b) for a, b in combinations(kept, 2)])


def smd_levels(counts: Sequence[NDArray[np.int_]]) -> float:
    """Return the largest pairwise standardised difference of counts per level, each group (k,).

    Groups of fewer than two are left out. NaN when fewer than two groups are left, or when a pair
    has no level in common.

    >>> round(smd_levels([np.array([5, 3, 2]), np.array([3, 3, 4])]), 4)
    0.4978
    """
    shares = [np.asarray(c, dtype=float) / np.sum(c) for c in counts if np.sum(c) >= LEAST]
    if len(shares) < 2:
        return math.nan
    pairs = np.array(list(combinations(shares, 2)))  # (pairs, 2, k)
    return _largest(_distances_levels(pairs[:, 0], pairs[:, 1]).tolist())


def _pair_numeric(a: Floats, b: Floats) -> float:
    difference = abs(float(np.mean(a)) - float(np.mean(b)))
    spread = math.sqrt((float(np.var(a, ddof=1)) + float(np.var(b, ddof=1))) / 2)
    if spread > 0:
        return difference / spread
    return math.nan if difference > 0 else 0.0


def _distances_levels(p: Floats, q: Floats) -> Floats:
    """Return the distances (m,) of m pairs of shares (m, k), NaN where a pair shares no level."""
    difference = p - q
    covariance = (_multinomial(p) + _multinomial(q)) / 2
    solved = np.einsum("mij,mj->mi", np.linalg.pinv(covariance, hermitian=True), difference)
    reached = np.einsum("mij,mj->mi", covariance, solved)
    in_range = np.all(np.abs(reached - difference) < 1e-8, axis=1)
    squared = np.maximum(0.0, np.einsum("mi,mi->m", difference, solved))
    return np.where(in_range, np.sqrt(squared), np.nan)


def _multinomial(p: Floats) -> Floats:
    """Return diag(p) - pp' (m, k, k) of m vectors of shares (m, k)."""
    return p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])


def _largest(distances: Sequence[float]) -> float:
    """Return the largest distance; a missing one might be larger than all others, so it rules."""
    if not distances or any(math.isnan(d) for d in distances):
        return math.nan
    return max(distances)
