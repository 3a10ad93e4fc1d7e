"""Columns of a frame as a model uses them: numbers, or categories with the reference first.

Numbers become float64; text, booleans and pandas categoricals become `pd.Categorical` with text
levels. A pandas categorical keeps its order, so the codebook's reference stays the reference;
text is sorted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import DataError, UsageError, did_you_mean

Values = NDArray[np.float64] | pd.Categorical


def as_frame(data: Any) -> pd.DataFrame:
    """Return the data as a frame: a DataFrame, a mapping of arrays, or a value with `.frame`."""
    if not isinstance(data, pd.DataFrame):  # whose attributes are its columns
        data = getattr(data, "frame", data)
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, Mapping):
        return pd.DataFrame(dict(data))
    raise UsageError(
        f"Data must be a DataFrame, a mapping of columns or a Sample, not {type(data).__name__}."
    )


def find_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return one column; UsageError with the nearest name when there is none, or two."""
    if frame.columns.is_unique and name in frame.columns:
        return frame[name]
    count = int((frame.columns == name).sum())
    if count == 0:
        known = [c for c in frame.columns if isinstance(c, str)]
        raise UsageError(f"Variable '{name}' is not in the data.{did_you_mean(name, known)}")
    if count > 1:
        raise UsageError(f"Variable '{name}' is in the data {count} times; keep one.")
    return frame[name]


def level_text(value: object) -> str:
    """Return the words for a level: whole numbers without a decimal point.

    >>> level_text(2.0), level_text("a"), level_text(True)
    ('2', 'a', 'True')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def as_categories(series: pd.Series) -> pd.Categorical:
    """Return any column as categories with text levels; unused levels are left out."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = pd.Categorical(series).remove_unused_categories()
    else:
        if series.dtype == object and pd.api.types.infer_dtype(series).startswith("mixed"):
            raise DataError(f"Column '{series.name}' mixes text and numbers; make it one kind.")
        values = pd.Categorical(series)
    names = [level_text(level) for level in values.categories]
    if len(set(names)) < len(names):
        raise DataError(f"Column '{series.name}' has levels that read the same (1 and '1').")
    return pd.Categorical.from_codes(values.codes, categories=pd.Index(names, dtype=object))


def read_values(series: pd.Series) -> Values:
    """Return a column as float64 numbers or as categories."""
    kind = series.dtype
    if isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(kind):
        return as_categories(series)
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise DataError(f"Column '{series.name}' holds dates; turn it into a number first.")
    return as_categories(series)


def as_numbers(series: pd.Series) -> NDArray[np.float64]:
    """Return a column of numbers or booleans as float64.

    Raises DataError for text and categories, saying how many codes there are but not which.
    """
    if pd.api.types.is_bool_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    values = read_values(series)
    if isinstance(values, pd.Categorical):
        raise DataError(
            f"Column '{series.name}' holds text or categories ({len(values.categories)} codes) "
            "where numbers are needed; code it as numbers (0 and 1 for yes/no)."
        )
    return values
