"""Adaptive Gauss-Hermite quadrature over up to three correlated effects of one grouping factor.

At level j with mode v̂, H = CC' (Cholesky) and U = C'^-1, the nodes of the product rule are

    z_q = v̂ + U γ_q,   γ = √2 g,   L_j = -½ log|H| - ½K log π + log Σ_q w_q exp(|g_q|² + h(z_q))

(Pinheiro & Chao 2006). One node is Laplace's approximation. The nodes move with the parameters, and
that is kept, so the gradient is exact for any number of nodes. With node weights p_q,

    dU = -U Φ(U'dH U)',   Φ: the lower triangle with half the diagonal,
    dL_j = Σ p_q ∂h(z_q) + c'dv̂ - ½ tr(M dH),
    c = Σ p_q h'(z_q),   N = Σ p_q (U'h'_q) γ_q',   M = U (I + S) U',

S the symmetric matrix whose upper triangle is that of N. These are the lines of `blocks` with M in
the place of H^-1 in the leverages and the mode's response starting from c.

Nodes of the product rule whose weight is below 1e-11 of the largest are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.elimination import Eliminated
from peerstats.model.engines.nodes import rule
from peerstats.model.engines.place import Place, State, Sums

Array = NDArray[np.float64]

BLOCK = 60_000  # rows x nodes held at a time
SMALLEST = -25.0  # log weight of a node that counts, relative to the largest


@cache
def product_rule(nodes: int, effects: int) -> tuple[Array, Array]:
    """Nodes γ (Q, effects) and log(w exp|g|²)."""
    gamma, log_weight = rule(nodes)
    grids = np.meshgrid(*[np.arange(nodes)] * effects, indexing="ij")
    index = np.stack([grid.ravel() for grid in grids], axis=1)
    points, weights = gamma[index], log_weight[index].sum(axis=1)
    plain = weights - 0.5 * (points**2).sum(axis=1)
    kept = plain > plain.max() + SMALLEST
    return points[kept], weights[kept]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some whole levels: their rows, and h, r and l_ψ of the rows at all nodes."""

    levels: slice
    rows: slice
    starts: NDArray[np.intp]
    code: NDArray[np.intp]
    z: Array  # (Q, levels, K)
    h: Array  # (Q, levels)
    r: Array  # (Q, rows)
    by_psi: Array  # (Q, rows, k)


def at_nodes(place: Place, at: State, H: Eliminated, nodes: int) -> Sums:
    """Sum over the nodes what the value and the gradient need."""
    s = place.loadings.structure
    gamma, log_weight = product_rule(nodes, s.width)
    U: Array = np.asarray(np.linalg.inv(np.swapaxes(H.roots, 1, 2)), dtype=np.float64)
    value = -np.log(np.diagonal(H.roots, axis1=1, axis2=2)).sum() - 0.5 * s.q1 * np.log(np.pi)
    sums = Sums.empty(s, place.psi.shape[1])
    for part in _parts(place, at, U, gamma):
        terms = log_weight[:, None] + part.h
        top = terms.max(axis=0)
        p = np.exp(terms - top)
        total = p.sum(axis=0)
        p /= total
        value += float((top + np.log(total)).sum())
        _add(place, part, p, sums)
        here = U[part.levels]
        slope = _slopes(place, part)
        sums.c[part.levels] = np.einsum("ql,qlk->lk", p, slope)
        N = np.einsum("ql,lja,qlj,qb->lab", p, here, slope, gamma, optimize=True)
        S = np.triu(N) + np.swapaxes(np.triu(N, 1), 1, 2)
        sums.M[part.levels] = here @ (np.eye(s.width) + S) @ np.swapaxes(here, 1, 2)
    return sums.with_value(float(value))


def _parts(place: Place, at: State, U: Array, gamma: Array) -> Iterator[_Part]:
    s = place.loadings.structure
    problem, v = s.problem, at.v.reshape(-1, s.width)
    ends = np.append(problem.starts[1:], problem.n)
    many = 10 * BLOCK if problem.family.auxiliary else BLOCK
    first = 0
    while first < s.levels:
        limit = problem.starts[first] + many // len(gamma)
        last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
        levels = slice(first, last)
        rows = slice(int(problem.starts[first]), int(ends[last - 1]))
        code = problem.codes[0][rows] - first
        z = v[levels] + np.einsum("lab,qb->qla", U[levels], gamma)
        eta = place.fixed[rows] + np.einsum("rk,qrk->qr", place.loadings.first[rows], z[:, code])
        kernel, r, by_psi = _rows(place, rows, eta)
        starts = problem.starts[levels] - rows.start
        h = np.add.reduceat(kernel, starts, axis=1) - 0.5 * (z * z).sum(axis=2)
        yield _Part(levels, rows, starts, code, z, h, r, by_psi)
        first = last


def _rows(place: Place, rows: slice, eta: Array) -> tuple[Array, Array, Array]:
    """Kernel, r and l_ψ of some rows at all nodes."""
    problem = place.loadings.structure.problem
    y, m, psi = problem.y[rows], problem.m[rows], place.psi[rows]
    family = problem.family
    if family.at is None or family.auxiliary_slopes is None:
        kernel, r, _ = family.slopes(y, eta, m)
        return kernel, r, np.zeros((*eta.shape, 0))
    at = family.at(psi)
    found = [at.slopes(y, e, m)[:2] for e in eta]
    by_psi = np.array([family.auxiliary_slopes(y, e, m, psi)[0] for e in eta])
    return np.array([k for k, _ in found]), np.array([r for _, r in found]), by_psi


def _slopes(place: Place, part: _Part) -> Array:
    """h' at all nodes, (Q, levels, K)."""
    first = place.loadings.first[part.rows]
    pulled = np.add.reduceat(part.r[:, :, None] * first, part.starts, axis=1)
    found: Array = pulled - part.z
    return found


def _add(place: Place, part: _Part, p: Array, sums: Sums) -> None:
    """The rows' means over nodes."""
    by_row = p[:, part.code]
    weighted = by_row * part.r
    sums.r[part.rows] = weighted.sum(axis=0)
    sums.rz[part.rows] = np.einsum("qr,qrk->rk", weighted, part.z[:, part.code])
    sums.by_psi[part.rows] = np.einsum("qr,qrk->rk", by_row, part.by_psi)
