"""Predictions from a fit: on the rows fitted or on new ones, with or without group effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import DataError, UsageError, did_you_mean
from peerstats.model.columns import remake_matrix
from peerstats.model.convergence import Solution
from peerstats.model.design import Design, read_grouping, read_offset
from peerstats.model.tree import names_in
from peerstats.model.variables import as_frame, find_column, read_values

Array = NDArray[np.float64]


def fitted_link(design: Design, solution: Solution, conditional: bool) -> Array:
    """The linear predictor of the rows fitted; group effects enter at their modes, or as 0."""
    eta = design.X @ solution.beta
    if design.offset is not None:
        eta = eta + design.offset
    if conditional:
        for name, (modes, _) in solution.modes.items():
            eta = eta + modes[design.groups[name].codes]
    return eta


def new_link(
    design: Design, solution: Solution, newdata: Any, groups: str
) -> tuple[pd.Series, tuple[str, ...]]:
    """The linear predictor of new rows, and what has to be said about it.

    `groups` is "none" (every effect 0), "known" (a level not seen is an error) or "any" (a level
    not seen has effect 0). Rows with a missing value come back as nan.
    """
    data = as_frame(newdata)
    formula = design.formula
    needed = [name for term in formula.fixed for factor in term for name in names_in(factor)]
    needed += [name for node in formula.offset for name in names_in(node)]
    used_factors = [f for r in formula.random for f in r.factors] if groups != "none" else []
    complete = np.ones(len(data), dtype=bool)
    for name in dict.fromkeys([*needed, *used_factors]):
        complete &= find_column(data, name).notna().to_numpy()
    used = data.loc[complete]
    columns = {name: read_values(find_column(used, name)) for name in dict.fromkeys(needed)}
    eta = remake_matrix(design.recipe, columns, len(used)) @ solution.beta
    offset = read_offset(formula, columns, dict(design.recipe.memory), learn=False)
    eta = eta if offset is None else eta + offset
    told: tuple[str, ...] = ()
    if groups != "none":
        effect, told = _group_effects(design, solution, used, groups)
        eta = eta + effect
    result = pd.Series(np.nan, index=data.index)
    result[complete] = eta
    return result, told


def _group_effects(
    design: Design, solution: Solution, used: pd.DataFrame, groups: str
) -> tuple[Array, tuple[str, ...]]:
    effect = np.zeros(len(used))
    told = []
    for random in design.formula.random:
        known = design.groups[random.group].levels
        modes = solution.modes[random.group][0]
        place: Mapping[str, int] = {level: i for i, level in enumerate(known)}
        grouping = read_grouping(random.group, random.factors, used)
        by_level = np.array([place.get(level, -1) for level in grouping.levels], dtype=np.intp)
        at = by_level[grouping.codes]
        new = int((by_level < 0).sum())
        if new and groups == "known":
            raise DataError(
                f"'{random.group}' has {new} level(s) the fit has not seen; pass "
                "new_levels='population' to predict them with a group effect of 0."
            )
        if new:
            told.append(
                f"'{random.group}': {new} new level(s) predicted with a group effect of 0 "
                "(a typical group, not the average over groups)."
            )
        effect += np.where(at >= 0, modes[np.maximum(at, 0)], 0.0)
    return effect, tuple(told)


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise UsageError with the nearest name when a choice is not one of those known."""
    if value not in known:
        raise UsageError(
            f"Unknown {name} '{value}' (known: {', '.join(known)}).{did_you_mean(value, known)}"
        )
