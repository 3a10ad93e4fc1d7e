"""From the factor L of a block's covariance Σ = LL' to what is printed: sds and correlations.

With dΣ = dL L' + L dL', d log σ_k = ½ dΣ_kk/Σ_kk, dρ_ab = dΣ_ab/(σ_a σ_b) - ρ_ab (d log σ_a +
d log σ_b) and d atanh ρ = dρ/(1 - ρ²): the scales on which intervals are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from peerstats.model.design import Design
from peerstats.model.engines.structure import Structure, lower

Array = NDArray[np.float64]

PERFECT = 1e-9  # a correlation nearer to 1 has no Fisher transform


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """One block: its sds, correlations, and the derivatives of (log sd, atanh corr) in θ."""

    sds: Array
    correlation: Array
    jacobian: Array


def component(L: Array) -> Component:
    """Describe LL'; rows of the jacobian that have no derivative are nan."""
    return described(L @ L.T, covariance_changes(L))


def covariance_changes(L: Array) -> Array:
    """Derivatives of LL' in the entries of the triangle, row by row: (entries, k, k)."""
    rows, columns = np.tril_indices(len(L))
    change = np.zeros((len(rows), *L.shape))
    change[range(len(rows)), rows] = L[:, columns].T
    return change + change.swapaxes(1, 2)


def described(covariance: Array, changes: Array) -> Component:
    """Describe Σ, whose derivatives in the parameters are `changes` (parameters, k, k)."""
    # Plain numbers: blocks have two or three effects, for which arrays take ten times as long.
    sigma, moves, k = covariance.tolist(), changes.tolist(), len(covariance)
    sds, lost = [sqrt(sigma[e][e]) for e in range(k)], [nan] * len(moves)
    logs = [
        [0.5 * d[e][e] / sigma[e][e] for d in moves] if sds[e] > 0.0 else lost for e in range(k)
    ]
    correlation, rows = [[1.0] * k for _ in range(k)], []
    for a in range(k):
        for b in range(a):
            size = sds[a] * sds[b]
            rho = sigma[a][b] / size if size > 0.0 else nan
            correlation[a][b] = correlation[b][a] = rho
            if not abs(rho) < 1.0 - PERFECT:
                rows.append(lost)
                continue
            each, share = zip(moves, logs[a], logs[b], strict=True), 1.0 / (1.0 - rho * rho)
            rows.append([(d[a][b] / size - rho * (la + lb)) * share for d, la, lb in each])
    return Component(np.array(sds), np.array(correlation), np.array(logs + rows))


def with_residual(by_random: Array, slope: Array, df: float, parts: list[Component]) -> Array:
    """Covariance of (log sds and atanh correlations, log σ) of a linear model.

    `by_random` is the covariance of the random part's parameters θ relative to σ, profiled over σ.
    The profile is undone: log σ is log σ̂(θ), with derivative `slope`, plus a deviation of variance
    1/(2 df), and log sds are those relative to σ plus log σ. The parts' jacobians are in all of θ.
    """
    flags = [place < len(part.sds) for part in parts for place in range(len(part.jacobian))]
    follows = np.array([*flags, True], dtype=np.float64)
    change = np.concatenate([*(part.jacobian for part in parts), np.zeros((1, len(slope)))])
    change += follows[:, None] * slope
    return transformed(by_random, change) + follows[:, None] * follows / (2.0 * df)


def transformed(covariance: Array, jacobian: Array) -> Array:
    """J C J', rows that have no derivative being nan."""
    if np.isfinite(jacobian).all():
        return jacobian @ covariance @ jacobian.T
    lost = np.asarray(~np.isfinite(jacobian).all(axis=1))
    found: Array = np.where(lost[:, None], 0.0, jacobian)
    found = found @ covariance @ found.T
    found[lost] = np.nan
    found[:, lost] = np.nan
    return found


def effects(
    design: Design, s: Structure, L: tuple[Array, ...], found: tuple[Array, list[Array]]
) -> dict[str, tuple[Array, Array]]:
    """Modes Lv and their sds by grouping factor: a column an effect, none for a single one."""
    v, variances = found
    collected: dict[str, list[tuple[Array, Array]]] = {}
    for k, columns in enumerate(design.random):
        spread = np.einsum("ab,lbc,ac->la", L[k], variances[k], L[k])
        modes = v[s.indices[k]] @ L[k].T
        collected.setdefault(columns.group, []).append((modes, np.sqrt(np.maximum(spread, 0.0))))
    joined = {
        name: (np.column_stack([m for m, _ in parts]), np.column_stack([d for _, d in parts]))
        for name, parts in collected.items()
    }
    return {
        name: (m[:, 0], d[:, 0]) if m.shape[1] == 1 else (m, d) for name, (m, d) in joined.items()
    }


def small_columns(
    s: Structure, theta: Array, free: frozenset[int], least: float
) -> list[tuple[list[int], Array]]:
    """The free columns of triangles with a small diagonal, smallest first, and θ without each.

    Small is less than `least` of the row's length (a correlation near ±1) or, for columns of Z of
    length 1 a row, than `least` itself (a variance near 0).
    """
    found = []
    blocks = zip(s.problem.blocks, s.triangles, s.split(theta), strict=True)
    for block, part, L in blocks:
        columns = lower(block)[1]
        for e in range(block.size):
            places = [part.start + int(i) for i in np.flatnonzero(columns == e)]
            if not free & set(places):
                continue
            length = float(np.linalg.norm(block.Z[:, e])) / np.sqrt(len(block.Z))
            size = abs(L[e, e]) / max(float(np.linalg.norm(L[e])), 1.0 / length, 1e-300)
            if size < least:
                start = theta.copy()
                start[part] = _without(L, e)[lower(block)]
                found.append((size, places, start))
    return [(places, start) for _, places, start in sorted(found, key=lambda each: each[0])]


def _without(L: Array, e: int) -> Array:
    """L with column e at zero and what it held moved to the diagonal."""
    merged = L.copy()
    below = range(e + 1, len(L))
    merged[below, below] = np.hypot(np.diag(L)[e + 1 :], L[e + 1 :, e])
    merged[:, e] = 0.0
    return merged
