"""What a comparison within sites can estimate: the columns that vary inside at least one site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError, shortened
from peerstats.model.columns import check_columns
from peerstats.model.design import Design, Grouping

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

VARIES = 1e-9  # of a column's size; less is rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Within:
    """The columns kept, by position, and the names of those constant in every site."""

    kept: tuple[int, ...]
    constant: tuple[str, ...]

    def spread_out(self, beta: Array, design: Design) -> Array:
        """Return one coefficient a column of the design, 0 where there is no estimate."""
        every = np.zeros(len(design.columns))
        every[list(self.kept)] = beta
        return every

    def message(self, cluster: str) -> tuple[str, ...]:
        """Say which columns were left out; the intercept needs no word."""
        named = [name for name in self.constant if name != "Intercept"]
        if not named:
            return ()
        return (
            f"{shortened([repr(name) for name in named])} left out: constant within every level of "
            f"'{cluster}', so a comparison within levels cannot estimate it.",
        )


def within_columns(design: Design, grouping: Grouping) -> Within:
    """Return the columns that vary within levels; ModelError when none or collinear."""
    centred = centre(design.X, grouping.codes)
    varies = spread(centred) > VARIES * spread(design.X)
    names = design.names
    kept = tuple(int(k) for k in np.flatnonzero(varies))
    constant = tuple(names[int(k)] for k in np.flatnonzero(~varies))
    if not kept:
        raise ModelError(
            f"No covariate varies within a level of '{grouping.name}', so nothing can be estimated "
            "within levels; compare the levels instead."
        )
    check_columns(centred[:, list(kept)], tuple(design.columns[k] for k in kept))
    return Within(kept=kept, constant=constant)


def centre(X: Array, codes: Codes) -> Array:
    """Subtract each level's mean."""
    sizes = np.maximum(np.bincount(codes), 1)
    centred = np.empty_like(X)
    for k, column in enumerate(X.T):
        centred[:, k] = column - (np.bincount(codes, weights=column) / sizes)[codes]
    return centred


def spread(X: Array) -> Array:
    """Length of each column."""
    return np.sqrt((X * X).sum(axis=0))
