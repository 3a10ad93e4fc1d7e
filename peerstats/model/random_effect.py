"""The random part of a fit in one shape, whatever its terms: what predictions and tests need.

A block adds z_i'b_j to row i of level j, b_j ~ N(0, Σ) on the link's scale; a row that belongs to
several levels gets the sum of theirs, each times its share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.model.convergence import Solution
from peerstats.model.design import Design

if TYPE_CHECKING:
    from peerstats.model.result import Fit

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomEffect:
    """Correlated effects of a grouping factor: `Z` (n, k), Σ as `covariance` (k, k).

    `codes` and `shares` are (n, members), `modes` (levels, k) the conditional modes.
    """

    group: str
    names: tuple[str, ...]
    Z: Array
    codes: NDArray[np.intp]
    shares: Array
    covariance: Array
    modes: Array

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self.modes)

    def of(self, values: Array) -> Array:
        """Return each row's effect (n,) when the levels' effects are `values` (levels, k)."""
        found: Array = np.einsum("ik,im,imk->i", self.Z, self.shares, values[self.codes])
        return found

    @property
    def variance(self) -> Array:
        """Variance of each row's effect, z_i'Σz_i times the sum of squared shares (n,)."""
        own = np.einsum("ik,kl,il->i", self.Z, self.covariance, self.Z)
        found: Array = own * (self.shares**2).sum(axis=1)
        return found

    def draw(self, rng: np.random.Generator) -> Array:
        """Draw effects for every level, (levels, k)."""
        drawn: Array = rng.standard_normal((self.count, len(self.names))) @ root(self.covariance).T
        return drawn


def root(covariance: Array) -> Array:
    """Return a square root of a covariance matrix, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    found: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return found


def random_effects(fit: Fit) -> tuple[RandomEffect, ...]:
    """Return the random effects of a fit, block by block in the formula's order."""
    return effects_of(fit.design, fit.solution)


def effects_of(design: Design, solution: Solution) -> tuple[RandomEffect, ...]:
    """Return the random effects of a solution on its design."""
    found = []
    used = dict.fromkeys(design.groups, 0)
    covariances = block_covariances(design, solution)
    for block, covariance in zip(design.random, covariances, strict=True):
        grouping = design.groups[block.group]
        codes = grouping.codes[:, None] if grouping.members is None else grouping.members
        shares = np.ones(codes.shape) if grouping.shares is None else grouping.shares
        modes = np.asarray(solution.modes[block.group][0], dtype=np.float64)
        first = used[block.group]
        used[block.group] += len(block.effects)
        found.append(
            RandomEffect(
                group=block.group,
                names=block.effects,
                Z=block.Z,
                codes=codes,
                shares=shares,
                covariance=covariance,
                modes=modes.reshape(len(grouping.levels), -1)[:, first : used[block.group]],
            )
        )
    return tuple(found)


def block_covariances(design: Design, solution: Solution) -> list[Array]:
    """Return Σ of each block from standard deviations and correlations."""
    sizes = [len(block.effects) for block in design.random]
    if not sizes:
        return []
    parts = np.split(np.asarray(solution.sds, dtype=np.float64), np.cumsum(sizes)[:-1])
    if not solution.correlations:
        return [np.diag(sds**2) for sds in parts]
    return [
        np.outer(sds, sds) * np.nan_to_num(correlation)  # none with an effect that does not vary
        for sds, correlation in zip(parts, solution.correlations, strict=True)
    ]


def modes_frame(fit: Fit, group: str) -> pd.DataFrame:
    """Return a factor's conditional modes and their standard deviations by level."""
    modes, sds = (np.asarray(part) for part in fit.solution.modes[group])
    index = pd.Index(fit.design.groups[group].levels, name=group)
    if modes.ndim == 1:
        return pd.DataFrame({"mode": modes, "sd": sds}, index=index)
    names = [e for block in fit.design.random if block.group == group for e in block.effects]
    columns = dict(zip(names, modes.T, strict=True))
    spread = {f"sd({name})": sd for name, sd in zip(names, sds.T, strict=True)}
    return pd.DataFrame({**columns, **spread}, index=index)
