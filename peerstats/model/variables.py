"""Columns of a frame as a model uses them: numbers, or categories with the reference first.

Numbers become float64; text, booleans and pandas categoricals become `Categories` with text
levels. A pandas categorical keeps its order, so the codebook's reference stays the reference;
text is sorted. Each column is read once, to arrays: a small fit has no time for more of pandas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from peerstats.errors import DataError, UsageError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Categories:
    """A column of categories: each row's level by its place in `categories`, -1 where missing."""

    codes: NDArray[np.intp]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def recoded(self, categories: Sequence[str]) -> Categories:
        """Return the same rows with their levels among others; -1 for a level not there."""
        place = {level: k for k, level in enumerate(categories)}
        moved = np.array([*(place.get(level, -1) for level in self.categories), -1], dtype=np.intp)
        return Categories(codes=moved[self.codes], categories=tuple(categories))


FLOATING = (float, np.floating)
TEXT = (pd.StringDtype, pd.CategoricalDtype)
FEW = 500  # rows

Values = NDArray[np.float64] | Categories

Coded = tuple[NDArray[np.intp], list[Any]]  # numbers of levels, and the levels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variable:
    """A column as it was given: an array of numpy's or, of other kinds, one of pandas'.

    `finite` says that all of it are numbers and none of them is infinite. Text is numbered when it
    is found, which also shows where it is missing.
    """

    name: str
    values: Any
    finite: bool
    coded: Coded | None = None

    def take(self, rows: NDArray[np.intp]) -> Variable:
        """Return some of the rows."""
        return Variable(name=self.name, values=self.values.take(rows), finite=self.finite)


Found = pd.DataFrame | dict[str, Variable]  # columns to read, or those found before


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
    if isinstance(value, FLOATING) and float(value).is_integer():
        return str(int(value))
    return str(value)


def find_variable(found: Found, name: str) -> Variable:
    """Return one column as arrays, as it was found before or as `find_column` finds it."""
    if isinstance(found, dict):
        return found[name]
    values = _stored(found, name)
    kind = values.dtype.kind if isinstance(values, np.ndarray) else ""
    if kind == "O" or isinstance(values.dtype, pd.StringDtype):
        return Variable(name=name, values=values, finite=False, coded=_code(values))
    finite = kind in tuple("iub") or (kind == "f" and bool(np.isfinite(values).all()))
    return Variable(name=name, values=values, finite=finite)


def _stored(frame: pd.DataFrame, name: str) -> Any:
    """The array of a column, as pandas keeps it."""
    # Where pandas has this door, no Series is made: with ten covariates and few rows, Series take
    # longer than reading the columns and building the design.
    read = getattr(frame, "_get_column_array", None)
    if read is not None and frame.columns.is_unique and name in frame.columns:
        return read(frame.columns.get_loc(name))
    array = find_column(frame, name).array
    return array.to_numpy() if isinstance(array, pd.arrays.NumpyExtensionArray) else array


def as_categories(variable: Variable) -> Categories:
    """Return any column as categories with text levels; unused levels are left out."""
    codes, levels = _factorized(variable)
    names = tuple(level_text(level) for level in levels)
    if len(set(names)) < len(names):
        raise DataError(f"Column '{variable.name}' has levels that read the same (1 and '1').")
    return Categories(codes=codes, categories=names)


def _factorized(variable: Variable) -> tuple[NDArray[np.intp], list[Any]]:
    """Codes and levels: those of a categorical that are used, in its order, or sorted ones."""
    values = variable.values
    if isinstance(values, pd.Categorical):
        codes, levels = np.asarray(values.codes, dtype=np.intp), values.categories.tolist()
        order = np.flatnonzero(np.bincount(codes + 1, minlength=len(levels) + 1)[1:]).tolist()
    else:
        codes, levels = variable.coded or _code(values)
        mixed = values.dtype == object and not all(isinstance(level, str) for level in levels)
        if mixed and pd.api.types.infer_dtype(values).startswith("mixed"):
            raise DataError(f"Column '{variable.name}' mixes text and numbers; make it one kind.")
        order = sorted(range(len(levels)), key=levels.__getitem__)
    place = np.full(len(levels) + 1, -1, dtype=np.intp)
    place[order] = np.arange(len(order))
    return place[codes], [levels[k] for k in order]


def _code(values: Any) -> Coded:
    """Number values as they come, -1 where they are missing."""
    if len(values) <= FEW and {*map(type, given := values.tolist())} in ({str}, {int}):
        # A dictionary is done before pandas has begun.
        numbers = {level: k for k, level in enumerate(dict.fromkeys(given))}
        codes = np.fromiter(map(numbers.__getitem__, given), dtype=np.intp, count=len(given))
        return codes, list(numbers)
    codes, levels = pd.factorize(values)
    return codes, levels.tolist()


def read_values(variable: Variable) -> Values:
    """Return a column as float64 numbers or as categories."""
    values, kind = variable.values, variable.values.dtype
    plain = kind.kind if isinstance(values, np.ndarray) else ""
    if plain in tuple("iuf"):
        return np.array(values, dtype=np.float64)
    if plain == "O" or isinstance(kind, TEXT) or pd.api.types.is_bool_dtype(kind):
        return as_categories(variable)
    if pd.api.types.is_complex_dtype(kind):
        raise DataError(f"Column '{variable.name}' holds complex numbers; take a real part of it.")
    if pd.api.types.is_numeric_dtype(kind):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise DataError(f"Column '{variable.name}' holds dates; turn it into a number first.")
    return as_categories(variable)


def missing(variable: Variable) -> NDArray[np.bool_] | None:
    """Return which values are missing, or None where none is."""
    if variable.finite:
        return None
    coded = variable.coded
    gone = np.asarray(pd.isna(variable.values) if coded is None else coded[0] < 0)
    return gone if gone.any() else None


def as_numbers(variable: Variable) -> NDArray[np.float64]:
    """Return a column of numbers or booleans as float64.

    Raises DataError for text and categories, saying how many codes there are but not which.
    """
    given = variable.values
    if isinstance(given, np.ndarray) and given.dtype.kind in "iufb":
        return np.array(given, dtype=np.float64)
    if pd.api.types.is_bool_dtype(given.dtype):
        return np.asarray(given.to_numpy(dtype=np.float64, na_value=np.nan))
    values = read_values(variable)
    if isinstance(values, Categories):
        raise DataError(
            f"Column '{variable.name}' holds text or categories ({len(values.categories)} codes) "
            "where numbers are needed; code it as numbers (0 and 1 for yes/no)."
        )
    return values
