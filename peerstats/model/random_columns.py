"""The random part of a design: what each random term multiplies its effects by.

A term `(1 + x | g)` gives one block: the columns 1 and x, whose effects are correlated. In
`(1 + x || g)` each effect is a block of its own, a category keeping its levels together
(`(0 + k | g)` in R's coding of dummy variables), as in lme4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peerstats.errors import ModelError
from peerstats.model.columns import Recipe, make_matrix
from peerstats.model.formula import RandomTerm, Term
from peerstats.model.variables import Values

MOST_EFFECTS = 12  # of one block: 78 variances and correlations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomColumns:
    """Correlated effects of one grouping factor: their names and columns `Z` (n, k), read-only."""

    group: str
    effects: tuple[str, ...]
    Z: NDArray[np.float64]
    recipe: Recipe

    @property
    def intercept_only(self) -> bool:
        """True for a random intercept."""
        return self.effects == ("Intercept",)

    @property
    def length(self) -> int:
        """Number of effects."""
        return len(self.effects)

    @property
    def parameter_names(self) -> list[str]:
        """Log standard deviations, then correlations on Fisher's scale, row by row."""
        if self.intercept_only:
            return [f"log sd({self.group})"]
        names = [f"log sd({self.group}: {effect})" for effect in self.effects]
        pairs = [(b, a) for i, a in enumerate(self.effects) for b in self.effects[:i]]
        return names + [f"atanh corr({self.group}: {b}, {a})" for b, a in pairs]


def read_blocks(
    random: Sequence[RandomTerm], columns: Mapping[str, Values], n: int
) -> tuple[RandomColumns, ...]:
    """Return the blocks of all random terms, in the formula's order.

    Raises ModelError for columns that are constant beside an intercept, or too many of them.
    """
    blocks: list[RandomColumns] = []
    for term in random:
        parts: list[tuple[Term, ...]] = [term.effects]
        if not term.correlated:
            parts = [(effect,) for effect in term.effects]
        blocks += [_block(term.group, part, columns, n) for part in parts]
    return tuple(blocks)


def _block(
    group: str, effects: tuple[Term, ...], columns: Mapping[str, Values], n: int
) -> RandomColumns:
    Z, recipe = make_matrix(effects, columns, n)
    names = tuple(column.name for column in recipe.columns)
    for name, column in zip(names, Z.T, strict=True):
        if name != "Intercept" and np.ptp(column) == 0:
            raise ModelError(f"The random slope '{name}' is constant in the rows used.")
    if len(names) > MOST_EFFECTS:
        raise ModelError(
            f"'{group}' has {len(names)} correlated random effects; use || or fewer of them."
        )
    Z.flags.writeable = False
    return RandomColumns(group=group, effects=names, Z=Z, recipe=recipe)
