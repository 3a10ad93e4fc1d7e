"""Replicates of a clustered yes/no study as tables, and the small dense algebra they need.

Women of a site with equal covariates are one cell: `yes` of `n`. The cost of a fit then depends on
sites and cells and not on women. A cell that nobody is in is harmless, so sites with different
cells are padded. Replicates are the last axis of every array, so that each operation runs through
contiguous memory, and the first ones are matrix, site and cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Whole = NDArray[np.intp]

SINGULAR = 1e-9  # share of a column's variance that the others leave; less is rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """`yes` (J, C, R) of `n` (J, C, R); each column of X has the shape (J or 1, C or 1, R or 1).

    A column of one cell, (J, 1, 1), is constant inside sites and cheaper than one that repeats it.
    """

    columns: tuple[Array, ...]
    yes: Array
    n: Array

    @property
    def replicates(self) -> int:
        """How many replicates there are."""
        return self.yes.shape[-1]

    @property
    def women(self) -> Array:
        """N of each replicate (R,)."""
        return np.asarray(self.n.sum(axis=(0, 1)))

    @property
    def one_sided(self) -> Mask:
        """Replicates whose outcome is all 0 or all 1 (R,)."""
        yes = self.yes.sum(axis=(0, 1))
        return np.asarray((yes == 0) | (yes == self.women))

    def take(self, chosen: Whole | Mask | slice) -> Tables:
        """Return some of the replicates."""
        columns = tuple(c if c.shape[-1] == 1 else c[..., chosen] for c in self.columns)
        return Tables(columns=columns, yes=self.yes[..., chosen], n=self.n[..., chosen])

    def only(self, columns: Sequence[Array]) -> Tables:
        """Return the same replicates with other columns."""
        return replace(self, columns=tuple(columns))

    def predictor(self, b: Array) -> Array:
        """Σ_k x_k b_k for b (p, R), with the shape that the columns need, (J, C, R) at most."""
        total: Array = np.zeros((1, 1, b.shape[-1]))
        for column, slope in zip(self.columns, b, strict=True):
            total = total + column * slope
        return total

    def blocks(self, elements: int, nodes: int = 1) -> Iterator[slice]:
        """Slices of replicates that keep nodes x sites x cells x replicates near `elements`."""
        J, C, R = self.yes.shape
        width = max(1, elements // (nodes * J * C))
        for first in range(0, R, width):
            yield slice(first, min(first + width, R))


T = TypeVar("T")


def pick(values: T, chosen: Whole | Mask | slice) -> T:
    """Some of the replicates of a dataclass of arrays."""
    return _each(values, lambda array: array[..., chosen])


def merged(values: T, chosen: Whole, other: T) -> T:
    """`values` with the replicates `chosen` taken from `other`."""
    changed: dict[str, Any] = {}
    for field in fields(values):  # type: ignore[arg-type]
        array = getattr(values, field.name).copy()
        array[..., chosen] = getattr(other, field.name)
        changed[field.name] = array
    return replace(values, **changed)  # type: ignore[type-var]


def joined(parts: Sequence[T]) -> T:
    """One dataclass of arrays from several, replicates side by side."""
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(parts[0])]  # type: ignore[arg-type]
    every = {n: np.concatenate([getattr(p, n) for p in parts], axis=-1) for n in names}
    return replace(parts[0], **every)  # type: ignore[type-var]


def _each(values: T, change: Any) -> T:
    changed = {f.name: change(getattr(values, f.name)) for f in fields(values)}  # type: ignore[arg-type]
    return replace(values, **changed)  # type: ignore[type-var]


def varying_sites(tables: Tables) -> Whole:
    """In how many sites each column varies (p, R)."""
    there = tables.n > 0
    found = np.zeros((len(tables.columns), tables.replicates), dtype=np.intp)
    for k, column in enumerate(tables.columns):
        low = np.where(there, column, np.inf).min(axis=1)
        high = np.where(there, column, -np.inf).max(axis=1)
        found[k] = (high - low > 1e-10 * max(1.0, float(np.abs(column).max()))).sum(axis=0)
    return found


def estimable(tables: Tables, least: int = 1) -> Mask:
    """Which columns (p, R) a comparison within sites can estimate, replicate by replicate.

    A column must vary inside at least `least` sites, and must not be a combination of the others
    there; all columns of a replicate that has such a combination are left out.
    """
    found = varying_sites(tables) >= least
    root = cholesky(masked(_within_products(tables), found))
    left = np.array([root[k, k] ** 2 for k in range(len(root))])
    found &= (left > SINGULAR).all(axis=0)
    return found


def _within_products(tables: Tables) -> Array:
    """Correlations of the columns within sites (p, p, R)."""
    p, n = len(tables.columns), tables.n
    total = np.maximum(n.sum(axis=1, keepdims=True), 1e-300)
    gaps = [c - (n * c).sum(axis=1, keepdims=True) / total for c in tables.columns]
    S = np.empty((p, p, tables.replicates))
    for k in range(p):
        for m in range(k + 1):
            S[k, m] = S[m, k] = (n * gaps[k] * gaps[m]).sum(axis=(0, 1))
    size = np.sqrt(np.maximum(np.einsum("kkr->kr", S), 1e-300))
    return np.asarray(S / (size[:, None] * size[None]))


def masked(S: Array, free: Mask) -> Array:
    """S (p, p, R) with the identity in the rows and columns that are not free (p, R)."""
    both = free[:, None] & free[None]
    return np.where(both, S, np.eye(len(S))[:, :, None])


def cholesky(S: Array) -> Array:
    """Lower roots of matrices (p, p, R); nan where one is not positive definite."""
    p = len(S)
    root = np.zeros_like(S)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for j in range(p):
            left = S[j, j] - (root[j, :j] ** 2).sum(axis=0)
            root[j, j] = np.sqrt(np.where(left > 0, left, np.nan))
            for i in range(j + 1, p):
                root[i, j] = (S[i, j] - (root[i, :j] * root[j, :j]).sum(axis=0)) / root[j, j]
    return root


def inverse(root: Array) -> Array:
    """Inverses of the matrices whose lower roots these are (p, p, R)."""
    p = len(root)
    half = np.zeros_like(root)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for j in range(p):
            half[j, j] = 1.0 / root[j, j]
            for i in range(j + 1, p):
                half[i, j] = -(root[i, j:i] * half[j:i, j]).sum(axis=0) / root[i, i]
    return np.asarray(np.einsum("kir,kjr->ijr", half, half))


def times(matrix: Array, vector: Array) -> Array:
    """Matrices (p, q, R) times vectors (q, R)."""
    return np.asarray(np.einsum("ijr,jr->ir", matrix, vector))
