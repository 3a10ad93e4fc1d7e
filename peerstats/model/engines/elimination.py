"""H = A'WA + I by blocks: the largest factor eliminated, the Schur complement of the rest factored.

With D the block diagonal of the first factor (levels of K x K), B its coupling to the rest and C
the block of the rest,

    H = [D B; B' C],   G = D^-1 B,   S = C - B'G,   log|H| = Σ log|D_j| + log|S|,
    H^-1_RR = T = S^-1,   H^-1_1R = -G T,   H^-1_jj = D_j^-1 + G_j T G_j'.

B has entries only where a level meets a place of the rest in some row; S is dense, as large as the
rest. Only entries of H^-1 that meet in a row are formed (Bates et al. 2015; MixedModels.jl).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from peerstats.model.engines.structure import Loadings, Structure, by_level

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
DENSE = 1_000_000  # cells of B below which plain arrays beat sparse ones
CHUNK = 4_000_000  # cells of G T held at a time


@dataclass(frozen=True, eq=False)
class Eliminated:
    """H at one W, factored."""

    structure: Structure
    roots: Array  # (levels, K, K) lower Cholesky factors
    inverses: Array
    pairs: Array  # (pairs, K) entries of G
    G: Array | sparse.csr_matrix  # (levels K, rest)
    root: Array

    @classmethod
    def factor(cls, loadings: Loadings, w: Array) -> Eliminated:
        """Factor H = A'WA + I; LinAlgError when it is not positive definite."""
        s = loadings.structure
        D = first_block(s, loadings.first, w)
        D[:, range(s.width), range(s.width)] += 1.0
        pairs = coupling(loadings, w) if s.width and s.rest_size else np.zeros((0, s.width))
        return cls.assemble(s, D, pairs, _rest_block(loadings, w))

    @classmethod
    def assemble(cls, s: Structure, D: Array, B_pairs: Array, C: Array) -> Eliminated:
        """Factor the matrix with these blocks, B by its entries at the pairs (pairs, K)."""
        roots, inverse = _invert(D)
        pairs = np.zeros((0, s.width))
        G: Array | sparse.csr_matrix = np.zeros((s.q1, s.rest_size))
        S = C
        if s.width and s.rest_size:
            pairs = np.einsum("pij,pj->pi", inverse[s.meetings[0]], B_pairs)
            G = pair_matrix(s, pairs)
            S = C - _dense(pair_matrix(s, B_pairs).T @ G)
        return cls(s, roots, inverse, pairs, G, _root(S) if s.rest_size else S)

    @property
    def log_determinant(self) -> float:
        """log|H|."""
        diagonals = np.diagonal(self.roots, axis1=1, axis2=2)
        return float(2.0 * (np.log(diagonals).sum() + np.log(np.diag(self.root)).sum()))

    def solve(self, b: Array) -> Array:
        """H^-1 b for one right-hand side (q,) or several (q, m)."""
        s = self.structure
        wide = b[:, None] if b.ndim == 1 else b
        first, rest = wide[: s.q1], wide[s.q1 :]
        low = rest
        if s.rest_size:
            low = rest - self.G.T @ first
            low = lapack.dpotrs(self.root, low, lower=1)[0]
        if s.width:
            blocks = first.reshape(s.levels, s.width, -1)
            first = np.matmul(self.inverses, blocks).reshape(s.q1, -1)
            first = first - self.G @ low if s.rest_size else first
        return np.concatenate([first, low]).reshape(b.shape)

    @cached_property
    def rest_inverse(self) -> Array:
        """T, by LAPACK's inverse from a Cholesky factor."""
        if not len(self.root):
            return self.root
        found, _ = lapack.dpotri(self.root, lower=1)
        half: Array = np.tril(found)
        return half + np.tril(half, -1).T

    @cached_property
    def coupling_inverse(self) -> Array:
        """Entries of G T at the pairs, (pairs, K)."""
        s, T = self.structure, self.rest_inverse
        level, column, _ = s.meetings
        found = np.empty_like(self.pairs)
        step = max(1, CHUNK // max(1, s.width * s.rest_size))
        for start in range(0, s.levels, step):
            stop = min(start + step, s.levels)
            part = slice(*np.searchsorted(level, [start, stop]))
            product = np.asarray(self.G[start * s.width : stop * s.width] @ T)
            product = product.reshape(stop - start, s.width, -1)
            found[part] = product[level[part] - start, :, column[part]]
        return found

    @cached_property
    def first_inverse(self) -> Array:
        """Diagonal blocks of H^-1 of the first factor (levels, K, K)."""
        s = self.structure
        if not (s.width and s.rest_size):
            return self.inverses
        products = self.coupling_inverse[:, :, None] * self.pairs[:, None, :]
        level = s.meetings[0]
        starts = np.flatnonzero(np.r_[True, level[1:] != level[:-1]])
        return self.inverses + np.add.reduceat(products, starts, axis=0)

    def row_products(self, a: Loadings) -> tuple[Array, Array]:
        """H^-1 a_i at the effects row i loads on: (n, K) and (n, M)."""
        s = self.structure
        first, rest = np.zeros_like(a.first), np.zeros_like(a.rest)
        if s.width:
            first = np.einsum("nij,nj->ni", self.first_inverse[s.code], a.first)
        if s.rest_size:
            T = self.rest_inverse
            for m, own in enumerate(s.place.T):
                rest += T[s.place, own[:, None]] * a.rest[:, m : m + 1]
        if s.width and s.rest_size:
            index = s.meetings[2]
            for m in range(index.shape[1]):
                met = self.coupling_inverse[index[:, m]]
                first -= met * a.rest[:, m : m + 1]
                rest[:, m] -= np.einsum("nk,nk->n", met, a.first)
        return first, rest

    def folded(self, weights: Array) -> Array:
        """Σ_j G_j'W_j G_j (rest, rest), one W (K, K) for all levels or one each (levels, K, K)."""
        if weights.ndim == 2:
            places = np.argwhere(weights != 0.0)
            return sum((weights[e, f] * self.grams[e][f] for e, f in places), np.zeros(()))
        moved = np.einsum("pij,pj->pi", weights[self.structure.meetings[0]], self.pairs)
        return _dense(self.G.T @ pair_matrix(self.structure, moved))

    @cached_property
    def grams(self) -> list[list[Array]]:
        """G_e'G_f (rest, rest) for the effects e, f of the first factor."""
        parts = [self.G[e :: self.structure.width] for e in range(self.structure.width)]
        found = [[_dense(a.T @ b) for b in parts[: e + 1]] for e, a in enumerate(parts)]
        size = range(len(parts))
        return [[found[e][f] if f <= e else found[f][e].T for f in size] for e in size]

    @cached_property
    def level_sums(self) -> list[Array]:
        """For each block the sum over levels of the diagonal blocks of H^-1 (effects, effects).

        Those of the first factor are Σ D_j^-1 and traces tr(T G_b'G_a), without G T.
        """
        s, T = self.structure, self.rest_inverse
        first = self.inverses.sum(axis=0) if s.width else np.zeros((0, 0))
        if s.width and s.rest_size:
            first = first + [[np.vdot(T, gram) for gram in row] for row in self.grams]
        found = []
        for k, places in enumerate(s.indices):
            if k in s.first:
                found.append(first[s.spans[k], s.spans[k]])
            else:
                at = places - s.q1
                found.append(T[at[:, :, None], at[:, None, :]].sum(axis=0))
        return found

    def variances(self) -> list[Array]:
        """For each block the diagonal blocks of H^-1 (levels, effects, effects)."""
        s = self.structure
        found = []
        for k, places in enumerate(s.indices):
            if k in s.first:
                span = s.spans[k]
                found.append(self.first_inverse[:, span, span])
            else:
                at = places - s.q1
                found.append(self.rest_inverse[at[:, :, None], at[:, None, :]])
        return found


def first_block(s: Structure, first: Array, w: Array) -> Array:
    """A_1'WA_1 (levels, K, K); by columns, as contiguous sums are the fastest."""
    D = np.empty((s.levels, s.width, s.width))
    columns = np.ascontiguousarray(first.T)
    for e in range(s.width):
        weighted = w * columns[e]
        for f in range(e + 1):
            D[:, e, f] = D[:, f, e] = by_level(s, weighted * columns[f])
    return D


def _invert(D: Array) -> tuple[Array, Array]:
    """Cholesky factors and inverses of many small matrices."""
    if D.shape[1] != 1:
        return np.asarray(np.linalg.cholesky(D), float), np.asarray(np.linalg.inv(D), float)
    if not (D > 0).all():
        raise np.linalg.LinAlgError("not positive definite")
    return np.sqrt(D), 1.0 / D


def coupling(loadings: Loadings, w: Array) -> Array:
    """B's entries at the pairs, (pairs, K)."""
    s = loadings.structure
    level, _, index = s.meetings
    flat, weighted = index.ravel(), w[:, None] * loadings.rest
    columns = [
        np.bincount(flat, weights=(column[:, None] * weighted).ravel(), minlength=len(level))
        for column in loadings.first.T
    ]
    return np.column_stack(columns)


def pair_matrix(s: Structure, pairs: Array) -> Array | sparse.csr_matrix:
    """(levels K, rest), dense while that is small."""
    level, column, _ = s.meetings
    if s.q1 * s.rest_size <= DENSE:
        total = np.zeros((s.levels, s.width, s.rest_size))
        total[level, :, column] = pairs
        return total.reshape(s.q1, s.rest_size)
    rows = (level[:, None] * s.width + np.arange(s.width)).ravel()
    entries = (pairs.ravel(), (rows, np.repeat(column, s.width)))
    return sparse.csr_matrix(entries, shape=(s.q1, s.rest_size))


def _rest_block(loadings: Loadings, w: Array) -> Array:
    """C: the identity plus the weighted cross-table of the rest."""
    s = loadings.structure
    C = np.eye(s.rest_size)
    if s.rest_size:
        row, column, sums = rest_entries(loadings, w)
        C[row, column] += sums
    return C


def rest_entries(loadings: Loadings, w: Array) -> tuple[Codes, Codes, Array]:
    """Rows, columns and entries of A_R'WA_R where it is not zero."""
    row, column, index = loadings.structure.rest_meetings
    rest = loadings.rest
    products = (w[:, None] * rest)[:, :, None] * rest[:, None, :]
    sums: Array = np.bincount(index.ravel(), products.ravel(), len(row)).astype(np.float64)
    return row, column, sums


def _root(S: Array) -> Array:
    """S's lower Cholesky factor."""
    root, failed = lapack.dpotrf(S.T, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("not positive definite")
    found: Array = root
    return found


def _dense(product: Array | sparse.csr_matrix) -> Array:
    return product if isinstance(product, np.ndarray) else np.asarray(product.toarray())
