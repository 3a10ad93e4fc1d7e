"""The outcome's columns as numbers: a variable, successes and failures, ordered levels, intervals.

Ordered levels and intervals are numbered 0, 1, ...; what the numbers stand for is kept beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import DataError, UsageError
from peerstats.model.formula import Formula
from peerstats.model.transforms import evaluate
from peerstats.model.tree import Name, Node, names_in
from peerstats.model.variables import Found, Values, as_categories, as_numbers, find_variable

MOST_LEVELS = 30  # an ordinal outcome with more is a measurement

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """`y` (n,), the trials if any, and the labels or pairs of ends that y's numbers stand for."""

    y: Array
    trials: Array | None = None
    levels: tuple[Any, ...] = ()


def read_outcome(formula: Formula, used: Found, kind: str) -> Outcome:
    """Read the outcome of complete rows; `kind` is the family's `outcome`.

    Raises DataError for values of the wrong kind.
    """
    return READERS[kind](formula, used)


def _values(node: Node, used: Found, *, finite: bool = True) -> Array:
    found = {name: find_variable(used, name) for name in names_in(node)}
    columns: dict[str, Values] = {name: as_numbers(variable) for name, variable in found.items()}
    values = np.asarray(evaluate(node, columns, {}, learn=True), dtype=np.float64)
    sure = not isinstance(node, Name) or found[node.name].finite
    if finite and not sure and not np.isfinite(values).all():
        raise DataError(f"Outcome '{node}' holds infinite values; correct it.")
    return values


def _read_number(formula: Formula, used: Found) -> Outcome:
    if isinstance(formula.response, Name):
        given = find_variable(used, formula.response.name).values
        if isinstance(given, pd.Categorical) and given.ordered and len(given.categories) > 2:
            raise DataError(
                f"Outcome '{formula.outcome}' has {len(given.categories)} ordered levels where "
                'this family needs numbers; use family = "cumulative_logit", or code it as numbers.'
            )
    y = _values(formula.response, used)
    if formula.failures is None:
        return Outcome(y=y)
    failures = _values(formula.failures, used)
    trials = y + failures
    whole = (y == np.floor(y)) & (failures == np.floor(failures)) & (y >= 0) & (failures >= 0)
    if not whole.all():
        raise DataError(f"{formula.outcome} must hold whole numbers, 0 or more, in both columns.")
    if not (trials > 0).all():
        raise DataError(f"{formula.outcome} has {int((trials <= 0).sum())} row(s) without trials.")
    return Outcome(y=y / trials, trials=trials)


def _read_levels(formula: Formula, used: Found) -> Outcome:
    """Levels in the order of an ordered categorical or of whole numbers: words have none."""
    if formula.failures is not None or not isinstance(formula.response, Name):
        raise DataError(
            f"Outcome '{formula.outcome}' of an ordinal model must be one variable with ordered "
            "levels."
        )
    if () not in formula.fixed:
        raise UsageError(
            "The thresholds of an ordinal model stand for its intercept; leave out '0 +' or '- 1'."
        )
    variable = find_variable(used, formula.response.name)
    given = variable.values
    ordered = isinstance(given, pd.Categorical) and bool(given.ordered)
    numeric = pd.api.types.is_numeric_dtype(given.dtype)
    if numeric and np.any(np.asarray(given, dtype=float) % 1 != 0):
        raise DataError(
            f"Outcome '{formula.outcome}' of an ordinal model must hold whole numbers or ordered "
            "categories, but broken numbers were found."
        )
    values = as_categories(variable)
    if not (ordered or numeric):
        raise DataError(
            f"The levels of outcome '{formula.outcome}' are words, whose order nothing tells: make "
            f"it an ordered categorical, e.g. pd.Categorical({formula.outcome}, ['no', 'some', "
            "'a lot'], ordered=True)."
        )
    labels = tuple(str(label) for label in values.categories)
    if len(labels) > MOST_LEVELS:
        raise DataError(
            f"Outcome '{formula.outcome}' has {len(labels)} levels, more than the {MOST_LEVELS} an "
            "ordinal model takes. Merge levels, or use family='gaussian'."
        )
    return Outcome(y=values.codes.astype(np.float64), levels=labels)


def _read_interval(formula: Formula, used: Found) -> Outcome:
    """`cbind(low, high)`; an infinite high means that only the lower end is known."""
    if formula.failures is None:
        raise DataError(
            f"Outcome '{formula.outcome}' of an interval_censored model needs both ends; write "
            f"cbind({formula.outcome}_low, {formula.outcome}_high) ~ ..."
        )
    ends = [_values(node, used, finite=False) for node in (formula.response, formula.failures)]
    pairs, codes = np.unique(np.column_stack(ends), axis=0, return_inverse=True)
    levels = tuple((float(low), float(high)) for low, high in pairs)
    return Outcome(y=codes.reshape(-1).astype(np.float64), levels=levels)


READERS: Mapping[str, Callable[[Formula, Found], Outcome]] = MappingProxyType(
    {"number": _read_number, "levels": _read_levels, "interval": _read_interval}
)
