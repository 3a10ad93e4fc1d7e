"""Sums over the nodes of adaptive Gauss-Hermite quadrature, for one grouping factor.

Notation of `onefactor`: nodes z_q = v̂_j + √2 s_j g_q and their weights p_q in each group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.onefactor_curvature import Modes
from peerstats.model.engines.problem import Problem

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
# Rows x nodes held at a time. Arrays of this length stay in the processor's cache and are reused by
# the allocator; with larger ones, which are given back to the system, sums take half as long again.
BLOCK = 8_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeSums:
    """Sums over nodes: L_j, r̄_i, Σ_q p_q z_q Σ_i r_iq, c1 and κ."""

    value: Array
    r_bar: Array
    z_r: Array
    c1: Array
    kappa: Array


def node_gradient(problem: Problem, at: Modes, sums: NodeSums, tau: float) -> tuple[Array, Array]:
    """Return the weight of each row for β, and each group's derivative in τ."""
    third = _third(problem, at)
    third_sum = np.add.reduceat(third, problem.starts)
    alpha = sums.kappa * tau * tau / at.H
    t = (sums.c1 - 0.5 * alpha * tau * third_sum) / at.H
    code = problem.codes[0]
    rows = sums.r_bar - (0.5 * alpha).take(code) * third - (tau * t).take(code) * at.w
    by_tau = (
        sums.z_r
        - 0.5 * alpha * at.v * third_sum
        + t * (at.r_sum - tau * at.v * at.w_sum)
        - sums.kappa * tau * at.w_sum / at.H
    )
    return rows, by_tau


def _third(problem: Problem, at: Modes) -> Array:
    """W' by rows."""
    family, y, m = problem.family, problem.y, problem.m
    if family.higher is not None:
        return family.higher(y, at.eta, m, at.r, at.w)[0]
    return family.third(y, at.eta, m)


@cache
def rule(nodes: int) -> tuple[Array, Array]:
    """Nodes √2 g and log(w exp(g²)) of Gauss-Hermite quadrature."""
    g, w = np.polynomial.hermite.hermgauss(nodes)
    return np.sqrt(2.0) * g, np.log(w) + g * g


def group_blocks(problem: Problem, rows: int) -> Iterator[slice]:
    """Whole groups with about so many rows together, one group at least."""
    ends = np.append(problem.starts[1:], problem.n)
    first = 0
    while first < len(ends):
        limit = problem.starts[first] + rows
        last = max(first + 1, int(np.searchsorted(ends, limit, side="right")))
        yield slice(first, last)
        first = last


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NodeBlock:
    """Some groups at all nodes; the first axis is the nodes'."""

    groups: slice
    rows: slice
    starts: Codes  # of the groups, within `rows`
    code: Codes
    s: Array
    z: Array
    r: Array
    w: Array
    r_sum: Array
    p: Array  # node weights, summing to 1 in each group
    value: Array


def at_nodes(
    problem: Problem,
    nodes: int,
    modes: tuple[Array, Array],
    fixed: Array,
    tau: float,
    groups: slice,
) -> NodeBlock:
    """Weigh the nodes of some groups; `modes` are v and H."""
    v, H = modes[0][groups], modes[1][groups]
    gamma, log_weight = rule(nodes)
    starts = problem.starts[groups]
    end = problem.starts[groups.stop] if groups.stop < len(modes[0]) else problem.n
    rows = slice(starts[0], end)
    code = problem.codes[0][rows] - groups.start
    starts = starts - starts[0]
    s = H**-0.5
    z = v + s * gamma[:, None]
    eta = fixed[rows] + tau * z[:, code]
    kernel, r, w = problem.family.slopes(problem.y[rows], eta, problem.m[rows])
    terms = log_weight[:, None] + np.add.reduceat(kernel, starts, axis=1) - 0.5 * z * z
    top = terms.max(axis=0)
    p = np.exp(terms - top)
    total = p.sum(axis=0)
    return NodeBlock(
        groups=groups,
        rows=rows,
        starts=starts,
        code=code,
        s=s,
        z=z,
        r=r,
        w=w,
        r_sum=np.add.reduceat(r, starts, axis=1),
        p=p / total,
        value=top + np.log(total) + np.log(s) - 0.5 * np.log(np.pi),
    )


def node_sums(problem: Problem, nodes: int, at: Modes, fixed: Array, tau: float) -> NodeSums:
    """Return sums over all nodes, a block of whole groups at a time to keep memory bounded."""
    found = [
        _sums(at_nodes(problem, nodes, (at.v, at.H), fixed, tau, groups), rule(nodes)[0], tau)
        for groups in group_blocks(problem, BLOCK // nodes)
    ]
    if len(found) == 1:
        return found[0]
    return NodeSums(
        value=np.concatenate([part.value for part in found]),
        r_bar=np.concatenate([part.r_bar for part in found]),
        z_r=np.concatenate([part.z_r for part in found]),
        c1=np.concatenate([part.c1 for part in found]),
        kappa=np.concatenate([part.kappa for part in found]),
    )


def _sums(block: NodeBlock, gamma: Array, tau: float) -> NodeSums:
    weighted = block.p * block.r_sum
    slope = tau * weighted - block.p * block.z
    return NodeSums(
        value=block.value,
        r_bar=(block.p.take(block.code, axis=1) * block.r).sum(axis=0),
        z_r=(weighted * block.z).sum(axis=0),
        c1=slope.sum(axis=0),
        kappa=1.0 + block.s * (gamma @ slope),
    )
