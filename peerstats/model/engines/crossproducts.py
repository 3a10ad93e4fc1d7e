"""What a linear mixed model needs of its data: crossproducts, summed up once.

With Z the rows z_i of all effects (L = 1), W the weights, [X e] the fixed effects' columns and the
outcome's residual from least squares, and W^½X = QR,

    N = Z'WZ,   F = Z'W^½[Q W^½e],   [Q W^½e]'[Q W^½e],

every value of the likelihood, its gradient and its Hessian follow from these (Bates et al. 2015,
section 3): what an evaluation costs depends on the number of effects, not on the number of rows.
N is kept in the blocks of `elimination`: N_j of the first factor's levels, its entries where such a
level meets a place of the rest, and the sparse block of the rest. The residual in the place of the
outcome and Q in that of X keep digits: no difference of large numbers is taken later, not even
where a column of X is nearly a sum of others. What is said of the columns of Q is said of γ = Rβ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from peerstats.model.engines.elimination import (
    Eliminated,
    coupling,
    first_block,
    pair_matrix,
    rest_entries,
)
from peerstats.model.engines.structure import Structure

Array = NDArray[np.float64]
Blockwise = tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Crossproducts:
    """N by blocks, F (q, p+1), the columns' own crossproducts, R and the least-squares β."""

    structure: Structure
    first: Array  # (levels, K, K)
    pairs: Array  # (pairs, K)
    rest: sparse.csr_matrix  # (rest, rest)
    fixed: Array
    gram: Array
    triangle: Array  # R (p, p)
    beta: Array

    @classmethod
    def of(cls, s: Structure) -> Crossproducts:
        """Sum over the rows."""
        problem = s.problem
        w, X, y = problem.m, problem.X, problem.y - problem.offset
        root = np.sqrt(w)
        Q, R = np.linalg.qr(X * root[:, None])
        first = Q.T @ (y * root)
        e = y * root - Q @ first
        again = Q.T @ e  # rounding of large numbers, taken away at a second look
        both = np.column_stack([Q, e - Q @ again])
        loadings = s.loadings(tuple(np.eye(block.size) for block in problem.blocks))
        weighted = root[:, None] * both
        pairs, rest = np.zeros((0, s.width)), sparse.csr_matrix((s.rest_size,) * 2)
        if s.rest_size:
            row, column, entries = rest_entries(loadings, w)
            rest = sparse.csr_matrix((entries, (row, column)), shape=rest.shape)
            pairs = coupling(loadings, w) if s.width else pairs
        return cls(
            structure=s,
            first=first_block(s, loadings.first, w),
            pairs=pairs,
            rest=rest,
            fixed=np.column_stack([loadings.gather(column) for column in weighted.T]),
            gram=both.T @ both,
            triangle=R,
            beta=untriangled(R, first + again),
        )

    @property
    def log_volume(self) -> float:
        """½ log|X'WX| = Σ log|R_ii|."""
        return float(np.log(np.abs(np.diag(self.triangle))).sum())

    @cached_property
    def coupling(self) -> Array | sparse.csr_matrix:
        """The block of N between the first factor and the rest."""
        return pair_matrix(self.structure, self.pairs)

    def apply(self, u: Array) -> Array:
        """N u for a vector (q,) or columns (q, m)."""
        s = self.structure
        wide = u.reshape(s.q, -1)
        first, rest = wide[: s.q1], wide[s.q1 :]
        by_level = first.reshape(s.levels, s.width, wide.shape[1])
        top = np.matmul(self.first, by_level).reshape(first.shape)
        if not s.rest_size:
            return top.reshape(u.shape)
        low = np.asarray(self.rest @ rest)
        if s.width:
            top = top + self.coupling @ rest
            low = low + self.coupling.T @ first
        return np.concatenate([top, low]).reshape(u.shape)

    def factor(self, L: Blockwise) -> Eliminated:
        """H = Λ'NΛ + I, factored."""
        s = self.structure
        L1 = first_factor(s, L)
        D = L1.T @ self.first @ L1
        D[:, range(s.width), range(s.width)] += 1.0
        if not s.rest_size:
            return Eliminated.assemble(s, D, self.pairs, np.zeros((0, 0)))
        scale = rest_factor(s, L)
        C = (scale.T @ self.rest @ scale).toarray()
        C[range(s.rest_size), range(s.rest_size)] += 1.0
        pairs = self.rest_scaled_pairs(L) @ L1 if s.width else self.pairs
        return Eliminated.assemble(s, D, pairs, C)

    def rest_scaled_pairs(self, L: Blockwise) -> Array:
        """Entries of the coupling with the rest's Λ applied: (pairs, K)."""
        s = self.structure
        found = np.empty_like(self.pairs)
        for k, places in zip(s.rest, s.pairs_of, strict=True):
            found[places] = np.einsum("pek,ef->pfk", self.pairs[places], L[k])
        return found


def untriangled(triangle: Array, right: Array) -> Array:
    """R^-1 times columns."""
    found: Array = linalg.solve_triangular(triangle, right) if len(triangle) else right
    return found


def first_factor(s: Structure, L: Blockwise) -> Array:
    """Λ's block of one level of the first factor (K, K)."""
    found = np.zeros((s.width, s.width))
    for k in s.first:
        found[s.spans[k], s.spans[k]] = L[k]
    return found


def rest_factor(s: Structure, L: Blockwise) -> sparse.csr_matrix:
    """Λ's block of the rest."""
    blocks = s.problem.blocks
    parts = [sparse.kron(sparse.identity(blocks[k].levels), L[k], format="csr") for k in s.rest]
    return sparse.csr_matrix(sparse.block_diag(parts, format="csr"))


def scaled(s: Structure, L: Blockwise, u: Array) -> Array:
    """Λu for a vector (q,) or columns (q, m)."""
    wide = u.reshape(s.q, -1)
    found = np.empty_like(wide)
    for k, places in enumerate(s.indices):
        found[places] = np.matmul(L[k], wide[places])
    return found.reshape(u.shape)


def scaled_back(s: Structure, L: Blockwise, u: Array) -> Array:
    """Λ'u."""
    return scaled(s, tuple(part.T for part in L), u)
