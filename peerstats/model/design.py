"""Sample to Design: outcome, matrix, groups and offset of one model, read-only, rows counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import DataError, ModelError, Problem, UsageError, did_you_mean, shortened
from peerstats.model.columns import Column, Recipe, check_columns, make_matrix
from peerstats.model.formula import Formula, RandomTerm, parse_formula
from peerstats.model.membership import read_membership
from peerstats.model.outcome import read_outcome
from peerstats.model.random_columns import RandomColumns, read_blocks
from peerstats.model.transforms import Memory, evaluate
from peerstats.model.variables import (
    Categories,
    Found,
    Values,
    Variable,
    as_categories,
    as_frame,
    as_numbers,
    find_variable,
    missing,
    read_values,
)

Weights = str | Sequence[float] | NDArray[np.float64] | pd.Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouping:
    """A grouping factor: each row's level as an integer, and the levels' labels.

    A row that belongs to several levels has them in `members` (n, m), with `shares` of the same
    shape; its `codes` are then the first.
    """

    name: str
    codes: NDArray[np.intp]
    levels: tuple[str, ...]
    members: NDArray[np.intp] | None = None
    shares: NDArray[np.float64] | None = None

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Rows of each level."""
        return np.bincount(self.codes, minlength=len(self.levels))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """All a fit needs: `y` (n,), `X` (n, p), groups, offset; arrays are read-only.

    With trials, `y` is the proportion of successes and `trials` their number. `dropped` counts
    rows left out for a missing value by variable; a row with several counts for the first of
    them in the formula's order, so that the counts add up.
    """

    formula: Formula
    y: NDArray[np.float64]
    trials: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None
    X: NDArray[np.float64]
    columns: tuple[Column, ...]
    groups: Mapping[str, Grouping]
    offset: NDArray[np.float64] | None
    n_start: int
    dropped: tuple[tuple[str, int], ...]
    recipe: Recipe
    rows: NDArray[np.intp]  # positions, in the data given, of the rows used
    random: tuple[RandomColumns, ...] = ()
    # Matrices (n, g) of auxiliary predictors that have covariates; the others are constants.
    auxiliary: Mapping[str, NDArray[np.float64]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    zero_recipe: Recipe | None = None  # of the zero part's columns
    # What the numbers in y stand for: ordered labels, or the two ends of intervals.
    levels: tuple[Any, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Rows used."""
        return len(self.y)

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.columns]

    def __repr__(self) -> str:
        rows = f"{self.n} of {self.n_start} rows"
        return f"<Design: {self.formula}; {rows}, {len(self.columns)} columns>"


def build_design(
    formula: Formula | str,
    frame: Any,
    weights: Weights | None = None,
    outcome: str = "number",
    zero: Formula | None = None,
) -> Design:
    """Turn a formula and a frame into arrays.

    `frame` is a DataFrame, a mapping of columns or a Sample; `weights` are frequency weights, an
    array or a column's name; `outcome` is the family's; `zero` the formula of a zero part. Rows
    with a missing value in any variable of the formulas are left out and counted. Raises UsageError
    for unknown variables, DataError for values of the wrong kind, ModelError for columns no data
    can estimate.

    >>> data = {"y": [0, 1, 1, 0], "x": ["a", "b", None, "a"]}
    >>> design = build_design("y ~ x", data)
    >>> design.names, design.n, design.dropped
    (['Intercept', 'x[T.b]'], 3, (('x', 1),))
    """
    formula = parse_formula(formula) if isinstance(formula, str) else formula
    return _read_design(
        formula, _read_sample(formula, as_frame(frame), weights, zero), outcome, zero
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """The variables and weights of complete rows, which rows these are and why others are not."""

    used: dict[str, Variable]
    weights: NDArray[np.float64] | None
    rows: NDArray[np.intp]
    n_start: int
    dropped: tuple[tuple[str, int], ...]


def _read_sample(
    formula: Formula, data: pd.DataFrame, weights: Weights | None, zero: Formula | None
) -> _Sample:
    """Read each column once; leave out rows where one has no value."""
    variables = _check_variables((formula, zero), data)
    used = {name: find_variable(data, name) for name in variables}
    weighing, optional = _read_weights(weights, data), formula.optional
    needed = {name: column for name, column in used.items() if name not in optional}
    kept, dropped = _complete_rows(needed, len(data), weighing)
    if len(kept) < len(data):
        used = {name: column.take(kept) for name, column in used.items()}
        weighing = None if weighing is None else weighing[kept]
    return _Sample(used=used, weights=weighing, rows=kept, n_start=len(data), dropped=dropped)


def _read_design(formula: Formula, sample: _Sample, kind: str, zero: Formula | None) -> Design:
    """The arrays of complete rows."""
    used, n = sample.used, len(sample.rows)
    columns = _read_columns(formula, used)
    found = read_outcome(formula, used, kind)
    X, recipe = make_matrix(formula.fixed, columns, n, intercept=kind != "levels")
    check_columns(X, recipe.columns)
    zeros = None if zero is None else _read_zero(zero, used, n)
    offset, recipe = _learn_offset(formula, columns, recipe)
    return Design(
        formula=formula,
        y=_frozen(found.y),
        trials=None if found.trials is None else _frozen(found.trials),
        weights=None if sample.weights is None else _frozen(sample.weights),
        X=_frozen(X),
        columns=recipe.columns,
        groups=MappingProxyType(_read_groups(formula, used)),
        offset=offset,
        n_start=sample.n_start,
        dropped=sample.dropped,
        recipe=recipe,
        rows=sample.rows,
        random=read_blocks(formula.random, columns, n),
        auxiliary=MappingProxyType({} if zeros is None else {"zero": zeros[0]}),
        zero_recipe=None if zeros is None else zeros[1],
        levels=found.levels,
        messages=_single_rows(recipe, columns),
    )


def _frozen(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.ascontiguousarray(values, dtype=np.float64)
    if not values.flags.owndata or values.base is not None:
        values = values.copy()
    values.flags.writeable = False
    return values


def _check_variables(
    formulas: tuple[Formula, Formula | None], data: pd.DataFrame
) -> tuple[str, ...]:
    """Return the variables of both formulas, each once."""
    formula, zero = formulas
    wanted = formula.variables
    if zero is not None:
        wanted = tuple(dict.fromkeys((*wanted, *zero.variables)))
    given = set(data.columns.tolist())
    absent = [name for name in wanted if name not in given]
    if absent:
        known = [c for c in data.columns if isinstance(c, str)]
        raise UsageError(
            *(
                Problem(message=f"Variable '{v}' is not in the data.{did_you_mean(v, known)}")
                for v in absent
            )
        )
    return wanted


def _read_weights(weights: Weights | None, data: pd.DataFrame) -> NDArray[np.float64] | None:
    if weights is None:
        return None
    if isinstance(weights, str):
        values = as_numbers(find_variable(data, weights))
    else:
        values = np.array(weights, dtype=np.float64)
    if values.shape != (len(data),):
        raise UsageError(f"weights has {values.size} values for {len(data)} rows.")
    if np.any(values < 0) or np.any(np.isinf(values)):
        raise DataError("weights must be finite and not negative.")
    return values


def _complete_rows(
    variables: dict[str, Variable], n: int, weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.intp], tuple[tuple[str, int], ...]]:
    gaps = {name: gone for name, v in variables.items() if (gone := missing(v)) is not None}
    if weights is not None and not (weights > 0).all():
        gaps["weights"] = ~(weights > 0)
    if n and not gaps:
        return np.arange(n), ()
    complete = np.ones(n, dtype=bool)
    dropped = []
    for name, gone in gaps.items():
        if gone.all():
            raise ModelError(f"'{name}' has no value in any of the {n} rows; leave it out.")
        lost = int((complete & gone).sum())
        complete &= ~gone
        if lost:
            dropped.append((name, lost))
    if not complete.any():
        raise ModelError(
            f"No row of {n} is complete in {shortened(variables)}; use fewer variables."
        )
    return np.flatnonzero(complete), tuple(dropped)


def _read_columns(formula: Formula, used: Found) -> dict[str, Values]:
    """Read each variable once; names in a numeric place that hold text are refused later."""
    return {name: _read_column(find_variable(used, name)) for name in formula.predictors}


def _read_column(variable: Variable) -> Values:
    values = read_values(variable)
    if variable.finite or isinstance(values, Categories) or np.isfinite(values).all():
        return values
    raise DataError(f"Column '{variable.name}' holds infinite values; correct it.")


def _read_zero(zero: Formula, used: Found, n: int) -> tuple[NDArray[np.float64], Recipe]:
    """The matrix of the zero part's predictor."""
    matrix, recipe = make_matrix(zero.fixed, _read_columns(zero, used), n)
    check_columns(matrix, recipe.columns)
    return _frozen(matrix), recipe


def _learn_offset(
    formula: Formula, columns: Mapping[str, Values], recipe: Recipe
) -> tuple[NDArray[np.float64] | None, Recipe]:
    """Return the offset, and the recipe with what the offset's transformations learned."""
    if not formula.offset:
        return None, recipe
    memory = dict(recipe.memory)
    offset = read_offset(formula, columns, memory, learn=True)
    return offset, replace(recipe, memory=MappingProxyType(memory))


def read_offset(
    formula: Formula, columns: Mapping[str, Values], memory: Memory, *, learn: bool
) -> NDArray[np.float64] | None:
    """Return the sum of the formula's offsets, or None; `memory` as in `transforms.evaluate`."""
    if not formula.offset:
        return None
    total = np.zeros(1)
    for node in formula.offset:
        values = evaluate(node, columns, memory, learn=learn)
        if isinstance(values, Categories):
            raise DataError(f"The offset '{node}' holds categories where a number is needed.")
        total = total + values
    return _frozen(total)


def read_grouping(name: str, factors: tuple[str, ...], used: Found) -> Grouping:
    """Return the grouping factor made of one variable or of several (`a:b`)."""
    parts = [as_categories(find_variable(used, factor)) for factor in factors]
    codes, labels = parts[0].codes, parts[0].categories
    for part in parts[1:]:
        combined = codes * len(part.categories) + part.codes
        found, codes = np.unique(combined, return_inverse=True)
        pairs = zip(*np.divmod(found, len(part.categories)), strict=True)
        labels = tuple(f"{labels[a]}:{part.categories[b]}" for a, b in pairs)
    if len(parts) > 1 and len(set(labels)) < len(labels):
        raise DataError(
            f"Two groups of '{name}' read the same once their labels are joined by ':'; leave ':' "
            "out of the labels."
        )
    codes.flags.writeable = False
    return Grouping(name=name, codes=codes, levels=labels)


def _read_groups(formula: Formula, used: Found) -> dict[str, Grouping]:
    return {
        r.group: _read_members(r, used) if r.membership else read_grouping(r.group, r.factors, used)
        for r in formula.random
    }


def _read_members(term: RandomTerm, used: Found) -> Grouping:
    members, shares, labels = read_membership(term, used)
    codes = np.ascontiguousarray(members[:, 0])
    return Grouping(name=term.group, codes=codes, levels=labels, members=members, shares=shares)


def _single_rows(recipe: Recipe, columns: Mapping[str, Values]) -> tuple[str, ...]:
    messages = []
    for name, values in columns.items():
        if isinstance(values, Categories) and name in recipe.categories:
            single = int((np.bincount(values.codes) == 1).sum())
            if single:
                messages.append(
                    f"'{name}' has {single} level(s) with one row only; their estimates rest on "
                    "one person. Merge levels."
                )
    return tuple(messages)
