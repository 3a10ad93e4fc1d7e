"""Where a condition of the codebook or the analysis file holds: "weekly_clients > 0"."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from peerstats.data.codebook import Codebook, Condition, Field
from peerstats.errors import UsageError, did_you_mean

_COMPARE: Mapping[str, Callable[[pd.Series, float], pd.Series]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_NUMERIC = ("number", "integer", "boolean", "duration")


def holds(condition: Condition, values: pd.Series, field: Field) -> np.ndarray:
    """Return True where a column meets the condition; an absent value meets none."""
    numeric = field.type in _NUMERIC or pd.api.types.is_numeric_dtype(values.dtype)
    if condition.operator in _COMPARE:
        if not numeric:
            raise UsageError(f"'{condition}': '{field.name}' is not a number, so use = or in.")
        return _COMPARE[condition.operator](values, float(condition.values[0])).to_numpy(dtype=bool)
    if numeric:
        met = values.isin([_number(value, condition) for value in condition.values])
    elif field.type == "multi":
        wanted = set(condition.values)
        met = values.map(lambda v: isinstance(v, str) and not wanted.isdisjoint(v.split(";")))
    else:
        met = values.astype(object).isin(condition.values)
    chosen = met.to_numpy(dtype=bool)
    return ~chosen & values.notna().to_numpy() if condition.operator == "!=" else chosen


def check_condition(condition: Condition, codebook: Codebook) -> Field:
    """Return the field a condition speaks of, or raise UsageError for unknown names and levels."""
    field = codebook.fields.get(condition.variable)
    if field is None:
        hint = did_you_mean(condition.variable, codebook.fields)
        raise UsageError(f"'{condition}': unknown variable '{condition.variable}'.{hint}")
    levels = [level.value for level in field.levels]
    if levels and condition.operator in ("=", "!=", "in"):
        for value in condition.values:
            if value not in levels:
                hint = did_you_mean(value, levels) or f" One of: {', '.join(levels)}."
                raise UsageError(f"'{condition}': '{field.name}' has no level '{value}'.{hint}")
    return field


def _number(text: str, condition: Condition) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"'{condition}' compares a number with '{text}'.") from None
