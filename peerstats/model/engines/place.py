"""One value of the parameters, one value of the effects, and sums over quadrature nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peerstats.model.engines.structure import Loadings, Structure
from peerstats.model.families import Family

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything at one v."""

    v: Array
    eta: Array
    r: Array
    w: Array
    h: float


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One value of (β, γ, θ) and what follows from it without v."""

    fixed: Array
    psi: Array
    family: Family
    L: tuple[Array, ...]
    loadings: Loadings


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Means over the nodes: of r (n,), r z (n, K), l_ψ (n, k) and h' (levels, K); and M.

    The arrays are filled level by level by the one who made them.
    """

    value: float
    r: Array
    rz: Array
    by_psi: Array
    c: Array
    M: Array

    @classmethod
    def empty(cls, s: Structure, k: int) -> Sums:
        """Arrays to be filled."""
        n, K = s.problem.n, s.width
        levels = s.levels
        parts = (np.empty(n), np.empty((n, K)), np.empty((n, k)), np.empty((levels, K)))
        return cls(0.0, *parts, np.empty((levels, K, K)))

    def with_value(self, value: float) -> Sums:
        """The same with the log-likelihood."""
        return replace(self, value=value)
