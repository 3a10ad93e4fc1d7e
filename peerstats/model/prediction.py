"""Predictions from a fit: on the rows fitted or on new ones, for groups, a typical one, or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import DataError, UsageError, did_you_mean
from peerstats.model.columns import remake_matrix
from peerstats.model.convergence import Solution
from peerstats.model.design import Design, read_grouping, read_offset
from peerstats.model.formula import RandomTerm
from peerstats.model.membership import read_membership
from peerstats.model.offset import GIVEN
from peerstats.model.random_effect import effects_of
from peerstats.model.tree import names_in
from peerstats.model.variables import as_frame, find_column, find_variable, read_values

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A random block on the rows predicted: `Z` (n, k), levels `at` (n, members), -1 unknown."""

    Z: Array
    at: NDArray[np.intp]
    shares: Array
    new: int = 0  # levels not seen in the fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The complete rows to predict for; `kept` tells them among all rows of `index`."""

    index: pd.Index
    kept: NDArray[np.bool_]
    X: Array
    offset: Array
    parts: tuple[Part, ...]
    told: tuple[str, ...] = ()
    zero: Array | None = None  # columns of the zero part, where it has covariates

    def whole(self, values: Array, name: str) -> pd.Series:
        """Return the values by row, nan where a value was missing."""
        found = pd.Series(np.nan, index=self.index, name=name)
        found[self.kept] = values
        found.attrs["messages"] = self.told
        return found


def rows_of(design: Design) -> Rows:
    """Return the rows fitted."""
    parts = []
    for block in design.random:
        grouping = design.groups[block.group]
        at = grouping.codes[:, None] if grouping.members is None else grouping.members
        shares = np.ones(at.shape) if grouping.shares is None else grouping.shares
        parts.append(Part(Z=block.Z, at=at, shares=shares))
    return Rows(
        index=pd.Index(design.rows),
        kept=np.ones(design.n, dtype=bool),
        X=design.X,
        offset=np.zeros(design.n) if design.offset is None else design.offset,
        parts=tuple(parts),
    )


def read_rows(design: Design, newdata: Any, groups: str) -> Rows:
    """Read new rows.

    `groups` is "none" (every effect 0), "slopes" (as none, but the slopes' columns are read),
    "known" (a level not seen is an error) or "any" (a level not seen has effect 0). Rows with a
    missing value are not kept.
    """
    data = as_frame(newdata)
    formula = design.formula
    terms = list(formula.fixed)
    terms += [e for r in formula.random for e in r.effects] if groups != "none" else []
    needed = [name for term in terms for factor in term for name in names_in(factor)]
    needed += [name for node in formula.offset for name in names_in(node)]
    zero = design.zero_recipe
    needed += [n for term in zero.terms for f in term for n in names_in(f)] if zero else []
    in_groups = groups in ("known", "any")
    complete = _complete(design, data, needed, groups)
    used = data.loc[complete]
    columns = {name: read_values(find_variable(used, name)) for name in dict.fromkeys(needed)}
    offset = read_offset(formula, columns, dict(design.recipe.memory), learn=False)
    found: list[Part] = []
    told: list[str] = []
    by_group = {r.group: r for r in formula.random}
    for block in design.random if groups != "none" else ():
        Z = remake_matrix(block.recipe, columns, len(used))
        found.append(_read_part(design, by_group[block.group], used, (Z, in_groups)))
    if in_groups:
        told = _unknown(design, found, groups)
    return Rows(
        index=data.index,
        kept=complete,
        X=remake_matrix(design.recipe, columns, len(used)),
        offset=np.zeros(len(used)) if offset is None else np.broadcast_to(offset, len(used)),
        parts=tuple(found),
        told=tuple(told),
        zero=None if zero is None else remake_matrix(zero, columns, len(used)),
    )


def _complete(
    design: Design, data: pd.DataFrame, needed: list[str], groups: str
) -> NDArray[np.bool_]:
    """Rows with a value in every variable used; one membership of several is enough."""
    if GIVEN in needed and GIVEN not in data:
        raise UsageError(
            f"The fit had an offset of values without a name: give the new rows a column '{GIVEN}'."
        )
    terms = design.formula.random if groups != "none" else ()
    names = list(needed)
    for term in terms:
        if term.membership:
            names += term.shares
        elif groups in ("known", "any"):
            names += term.factors
    complete = np.ones(len(data), dtype=bool)
    for name in dict.fromkeys(names):
        complete &= find_column(data, name).notna().to_numpy()
    for term in terms:
        if term.membership:
            known = [find_column(data, f).notna().to_numpy() for f in term.factors]
            complete &= np.any(known, axis=0)
    return complete


def _read_part(
    design: Design, term: RandomTerm, used: pd.DataFrame, read: tuple[Array, bool]
) -> Part:
    """Read the levels where they are asked for, and memberships' shares in any case."""
    Z, in_groups = read
    shares = np.ones((len(used), 1))
    at = np.full(shares.shape, -1, dtype=np.intp)
    if term.membership:
        at, shares, labels = read_membership(term, used)
    elif in_groups:
        grouping = read_grouping(term.group, term.factors, used)
        at, labels = grouping.codes[:, None], grouping.levels
    if not in_groups:
        return Part(Z=Z, at=np.full(shares.shape, -1, dtype=np.intp), shares=shares)
    place = {level: i for i, level in enumerate(design.groups[term.group].levels)}
    by_level = np.array([place.get(level, -1) for level in labels], dtype=np.intp)
    return Part(Z=Z, at=by_level[at], shares=shares, new=int((by_level < 0).sum()))


def _unknown(design: Design, parts: list[Part], groups: str) -> list[str]:
    """Refuse levels not seen, or say that they have no effect."""
    told = {}
    for block, part in zip(design.random, parts, strict=True):
        if part.new and groups == "known":
            raise DataError(
                f"'{block.group}' has {part.new} level(s) the fit has not seen; pass "
                "new_levels='population' to predict them with a group effect of 0."
            )
        if part.new:
            told[block.group] = (
                f"'{block.group}': {part.new} new level(s) predicted with a group effect of 0 "
                "(a typical group, not the average over groups)."
            )
    return list(told.values())


def link_of(rows: Rows, design: Design, solution: Solution, conditional: bool) -> Array:
    """The linear predictor of rows; group effects enter at their modes, or as 0."""
    eta: Array = rows.X @ solution.beta + rows.offset
    if conditional:
        for part, effect in zip(rows.parts, effects_of(design, solution), strict=True):
            known = part.shares * (part.at >= 0)
            eta = eta + np.einsum("ik,im,imk->i", part.Z, known, effect.modes[part.at])
    return eta


def variance_of(rows: Rows, covariances: list[Array]) -> Array:
    """Variance over groups of each row's linear predictor."""
    total = np.zeros(len(rows.X))
    for part, covariance in zip(rows.parts, covariances, strict=True):
        own = np.einsum("ik,kl,il->i", part.Z, covariance, part.Z)
        total = total + own * (part.shares**2).sum(axis=1)
    return total


def fitted_link(design: Design, solution: Solution, conditional: bool) -> Array:
    """The linear predictor of the rows fitted; group effects enter at their modes, or as 0."""
    return link_of(rows_of(design), design, solution, conditional)


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise UsageError with the nearest name when a choice is not one of those known."""
    if value not in known:
        raise UsageError(
            f"Unknown {name} '{value}' (known: {', '.join(known)}).{did_you_mean(value, known)}"
        )
