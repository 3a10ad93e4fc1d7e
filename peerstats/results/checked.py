"""What every check of a model starts from: the fit, its rows in groups, and its own random numbers.

The checks are made on the fit itself, with the women it was fitted to; each is one block of
Results with one figure.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.data.codebook import Field
from peerstats.errors import ModelError, UsageError, did_you_mean
from peerstats.inference.layout import factor_noun
from peerstats.model.fit import Fit
from peerstats.results.blocks import Group, ModelBlock
from peerstats.results.counting import count
from peerstats.results.groups import group_label
from peerstats.results.model_numbers import Women
from peerstats.results.models import factor_label
from peerstats.results.number import Number, address
from peerstats.results.terms import Rows, TermRows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """A model under check: the figure's key and title, the model's block, fit, terms and women.

    `factor` names the groups that a check goes through, by default the sites. Random numbers
    follow from the analysis's seed and the figure's key, so that no other figure changes them.
    """

    key: str
    title: str
    block: ModelBlock
    fit: Fit
    terms: tuple[TermRows, ...]
    sizes: Women
    sites: pd.Series | None = None
    fields: Mapping[str, Field]
    factor: str | None = None
    seed: int = 1

    def rng(self) -> np.random.Generator:
        """Return the generator of this figure."""
        words = (zlib.crc32(self.key.encode()),)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=words))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """The groups of a check: the factor's name and words, each row's code, one Group a code."""

    factor: str
    label: str
    codes: NDArray[np.intp]
    groups: tuple[Group, ...]

    def masks(self) -> Iterator[tuple[Group, Rows]]:
        """Yield every group with its rows."""
        for code, group in enumerate(self.groups):
            yield group, self.codes == code


def groups_of(checked: Checked) -> Groups:
    """Return the groups that the rows of a fit are in.

    Raises UsageError for a factor that is neither one of the fit's nor the sites, ModelError for a
    model without groups and for a single group.
    """
    known = checked.fit.design.groups
    sites = checked.sites
    factor = checked.factor or (str(sites.name) if sites is not None else None)
    factor = factor or min(known, key=lambda name: len(known[name].levels), default=None)
    if factor is None:
        raise ModelError(f"Figure '{checked.key}': the rows of this model are in no groups.")
    if factor in known:
        codes, levels = known[factor].codes, known[factor].levels
    elif sites is not None and factor == sites.name:
        codes, found = pd.factorize(sites.iloc[checked.fit.design.rows].to_numpy(), sort=True)
        levels = tuple(map(str, found))
    else:
        raise UsageError(
            f"Model '{checked.block.key}' has no grouping factor '{factor}'."
            f"{did_you_mean(factor, known)}"
        )
    if len(levels) < 2:
        raise ModelError(f"Figure '{checked.key}' needs more than one {factor_noun(factor)}.")
    named = tuple(
        Group(key=level, label=group_label(level, factor, checked.fields)) for level in levels
    )
    label = factor_label(factor, checked.fields)
    return Groups(factor=factor, label=label, codes=np.asarray(codes, np.intp), groups=named)


def cell_counts(at: str, cells: tuple[Rows, ...], women: Women, among: Rows) -> Iterator[Number]:
    """Yield the level-by-outcome counts among some rows, which the gate judges: `at`.cell.1, …"""
    sides = [cell & side & among for cell in cells for side in _sides(women, cell)]
    for i, side in enumerate(sides, start=1):
        yield count(f"{at}.{address('cell', str(i))}", women.size(side), sensitive=women.sensitive)


def _sides(women: Women, cell: Rows) -> tuple[Rows, ...]:
    return (np.ones_like(cell),) if women.events is None else (women.events, ~women.events)
