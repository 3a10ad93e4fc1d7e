"""Where random effects meet in the rows: what depends on the data only.

Notation. Row i loads on the effects v by a_i (row i of A = ZΛ): on the K effects of its level of
the first factor, the one with most effects, by a_i1 (K,), and on M effects of all other factors,
the rest, by a_iR (M,), found at the places `place[i]` of the vector of the rest. A block with the
covariance LL' of its effects gives L'z_i; a member of several levels gives its share of that.

v holds the first factor's effects level by level, then the rest block by block, level by level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.engines.problem import Block, Problem

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
MOST_REST = 10_000  # effects; their square is 0.8 GB


@dataclass(frozen=True, eq=False)
class Structure:
    """The random part of a problem with `blocks`."""

    problem: Problem

    @cached_property
    def first(self) -> tuple[int, ...]:
        """Blocks of the factor that is eliminated first; none where rows have several levels."""
        blocks = self.problem.blocks
        return tuple(k for k, b in enumerate(blocks) if b.factor == 0 and b.shares is None)

    @cached_property
    def rest(self) -> tuple[int, ...]:
        """All other blocks."""
        return tuple(k for k in range(len(self.problem.blocks)) if k not in self.first)

    @cached_property
    def levels(self) -> int:
        """Levels of the first factor."""
        return self.problem.blocks[self.first[0]].levels if self.first else 0

    @cached_property
    def width(self) -> int:
        """Effects a level of the first factor."""
        return sum(self.problem.blocks[k].size for k in self.first)

    @cached_property
    def q1(self) -> int:
        """Effects of the first factor."""
        return self.levels * self.width

    @cached_property
    def q(self) -> int:
        """All effects."""
        return self.q1 + self.rest_size

    @cached_property
    def rest_size(self) -> int:
        """Effects of the rest."""
        return sum(self.problem.blocks[k].levels * self.problem.blocks[k].size for k in self.rest)

    @cached_property
    def code(self) -> Codes:
        """Each row's level of the first factor."""
        return self.problem.codes[0]

    @cached_property
    def place(self) -> Codes:
        """(n, M) positions among the rest."""
        found, start = [np.zeros((self.problem.n, 0), dtype=np.intp)], 0
        for k in self.rest:
            block = self.problem.blocks[k]
            for member in block.codes.T:
                found.append(start + member[:, None] * block.size + np.arange(block.size))
            start += block.levels * block.size
        return np.concatenate(found, axis=1)

    @cached_property
    def indices(self) -> tuple[Codes, ...]:
        """For each block, where its effects stand in v: (levels, effects)."""
        found: list[Codes] = [np.zeros((0, 0), dtype=np.intp)] * len(self.problem.blocks)
        column = 0
        for k in self.first:
            size = self.problem.blocks[k].size
            found[k] = np.arange(self.levels)[:, None] * self.width + column + np.arange(size)
            column += size
        start = self.q1
        for k in self.rest:
            block = self.problem.blocks[k]
            found[k] = start + np.arange(block.levels * block.size).reshape(block.levels, -1)
            start += block.levels * block.size
        return tuple(found)

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """For each block its columns among those of a_i1 or, in the rest, of a_iR."""
        found: list[slice] = [slice(0)] * len(self.problem.blocks)
        for part in (self.first, self.rest):
            column = 0
            for k in part:
                block = self.problem.blocks[k]
                width = block.size * block.codes.shape[1]
                found[k] = slice(column, column + width)
                column += width
        return tuple(found)

    @cached_property
    def meetings(self) -> tuple[Codes, Codes, Codes]:
        """Pairs of a first level and a place of the rest, in order, and each row's (n, M) pairs."""
        key = self.code[:, None] * self.rest_size + self.place
        unique, index = np.unique(key, return_inverse=True)
        index = index.reshape(self.place.shape).astype(np.intp)
        return unique // self.rest_size, unique % self.rest_size, index

    @cached_property
    def pairs_of(self) -> tuple[Codes, ...]:
        """For each block of the rest its pairs, (pairs, effects): the effects of one level."""
        found, start = [], 0
        for k in self.rest:
            block = self.problem.blocks[k]
            stop = start + block.levels * block.size
            column = self.meetings[1]
            places = np.flatnonzero((column >= start) & (column < stop))
            found.append(places.reshape(-1, block.size))
            start = stop
        return tuple(found)

    @cached_property
    def rest_meetings(self) -> tuple[Codes, Codes, Codes]:
        """Pairs of places of the rest, the pairs' numbers (n, M²) and keys in a square table."""
        M = self.place.shape[1]
        key = self.place[:, :, None] * self.rest_size + self.place[:, None, :]
        unique, index = np.unique(key.reshape(-1, M * M), return_inverse=True)
        index = index.reshape(-1, M * M).astype(np.intp)
        return unique // self.rest_size, unique % self.rest_size, index

    def loadings(self, L: tuple[Array, ...]) -> Loadings:
        """A's entries, row by row."""
        return Loadings(structure=self, L=L)

    def columns(self, k: int, L: Array) -> Array:
        """A's entries of block k."""
        block = self.problem.blocks[k]
        rows = block.Z @ L
        if block.shares is None:
            return rows
        return np.column_stack([share[:, None] * rows for share in block.shares.T])

    def row_effects(self, k: int, v: Array) -> Array:
        """Effects of block k in each row (n, size), added up by share for several members."""
        block = self.problem.blocks[k]
        by_level = v[self.indices[k]]
        if block.shares is None:
            return by_level[block.codes[:, 0]]
        found: Array = np.einsum("nm,nmk->nk", block.shares, by_level[block.codes])
        return found

    def fold(self, k: int, rows: Array) -> Array:
        """Entries of the loadings' shape for block k, added up by share: (n, size)."""
        block = self.problem.blocks[k]
        if block.shares is None:
            return rows
        folded = rows.reshape(len(rows), -1, block.size)
        found: Array = np.einsum("nm,nmk->nk", block.shares, folded)
        return found

    def split(self, theta: Array) -> tuple[Array, ...]:
        """θ, the lower triangles row by row, as one matrix L a block."""
        found, at = [], 0
        for block in self.problem.blocks:
            L = np.zeros((block.size, block.size))
            rows = lower(block)
            L[rows] = theta[at : at + len(rows[0])]
            at += len(rows[0])
            found.append(L)
        return tuple(found)

    @cached_property
    def triangles(self) -> tuple[slice, ...]:
        """Each block's part of θ."""
        ends = np.cumsum([0, *(b.size * (b.size + 1) // 2 for b in self.problem.blocks)])
        return tuple(slice(a, b) for a, b in pairwise(ends))


def check_size(s: Structure) -> None:
    """Raise ModelError where the dense block of the rest would not fit in memory."""
    if s.rest_size > MOST_REST:
        raise ModelError(
            f"The random effects of all grouping factors but the largest are {s.rest_size:,}; the "
            f"limit is {MOST_REST:,}. Leave out a random slope or a grouping factor."
        )


def lower(block: Block) -> tuple[Codes, Codes]:
    """Rows and columns of a block's lower triangle, in the order of θ."""
    return _lower(block.size)


@cache
def _lower(size: int) -> tuple[Codes, Codes]:
    rows, columns = np.tril_indices(size)
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


@dataclass(frozen=True, eq=False)
class Loadings:
    """A at one θ."""

    structure: Structure
    L: tuple[Array, ...]

    @cached_property
    def first(self) -> Array:
        """The first factor's columns (n, K), in an order for use one by one."""
        return np.asfortranarray(self._columns(self.structure.first))

    @cached_property
    def rest(self) -> Array:
        """Those of the rest, (n, M)."""
        return self._columns(self.structure.rest)

    def _columns(self, blocks: tuple[int, ...]) -> Array:
        s = self.structure
        nothing = np.zeros((s.problem.n, 0))
        return np.column_stack([nothing, *(s.columns(k, self.L[k]) for k in blocks)])

    def spread(self, v: Array) -> Array:
        """A v."""
        s = self.structure
        total = np.zeros(s.problem.n)
        if s.width == 1:
            total += self.first[:, 0] * v[: s.q1][s.code]
        elif s.width:
            for column, effects in zip(self.first.T, v[: s.q1].reshape(-1, s.width).T, strict=True):
                total += column * effects[s.code]
        if s.rest_size:
            total += np.einsum("nm,nm->n", self.rest, v[s.q1 :][s.place])
        return total

    def gather(self, x: Array) -> Array:
        """A'x."""
        s = self.structure
        parts: list[Array] = []
        if s.width:
            sums = [by_level(s, x * column) for column in self.first.T]
            parts.append(np.column_stack(sums).ravel())
        if s.rest_size:
            weights = (x[:, None] * self.rest).ravel()
            rest = np.bincount(s.place.ravel(), weights=weights, minlength=s.rest_size)
            parts.append(rest.astype(np.float64))
        return np.concatenate([np.zeros(0), *parts])


def by_level(s: Structure, rows: Array) -> Array:
    """Sums over the rows of each level of the first factor."""
    found: Array = np.add.reduceat(rows, s.problem.starts, axis=0)
    return found


def knowledge(s: Structure, L: tuple[Array, ...], w: Array) -> Array:
    """About what each entry of θ could be known by, each effect taken alone, 2 Σ (τw/(1+τ²w))²."""
    found = [np.zeros(0)]
    for block, factor in zip(s.problem.blocks, L, strict=True):
        tau = np.linalg.norm(factor, axis=1)
        sums = [np.bincount(block.codes[:, 0], weights=w * z * z) for z in block.Z.T]
        pairs = zip(tau, sums, strict=True)
        each = np.array([np.sum(2 * (t * x / (1 + t * t * x)) ** 2) for t, x in pairs])
        found.append(each[lower(block)[0]])
    return np.concatenate(found)
