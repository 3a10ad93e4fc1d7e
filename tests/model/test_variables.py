"""Columns of a frame: how each kind is read, whether rows are few or many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import DataError
from peerstats.model.variables import (
    FEW,
    Categories,
    as_categories,
    as_numbers,
    find_variable,
    missing,
    read_values,
)

CATEGORIES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "text": (["b", "a", "b"], ("a", "b")),
    "objects": (np.array(["b", "a", "b"], dtype=object), ("a", "b")),
    "whole numbers": ([10, 9, 10], ("9", "10")),
    "numbers": ([2.0, 1.5, 2.0], ("1.5", "2")),
    "booleans": ([True, False, True], ("False", "True")),
    "categorical": (pd.Categorical(["b", "a", "b"], ["c", "b", "a"]), ("b", "a")),
    "text with gaps": (["b", None, "a"], ("a", "b")),
    "dates": (pd.to_datetime(["2021-01-01", "2020-01-01", "2021-01-01"]), None),
}


class Bare(pd.DataFrame):
    """A frame that keeps its arrays to itself."""

    _get_column_array = None


@pytest.mark.parametrize("kind", CATEGORIES)
def test_levels_are_the_same_in_few_rows_and_in_many(kind: str) -> None:
    given, levels = CATEGORIES[kind]
    frame = pd.DataFrame({"k": given})
    many = pd.concat([frame] * FEW, ignore_index=True)
    few, all_rows = (as_categories(find_variable(f, "k")) for f in (frame, many))
    assert few.categories == all_rows.categories
    assert levels is None or few.categories == levels
    assert (few.codes == all_rows.codes[: len(frame)]).all()
    assert ((few.codes < 0) == frame["k"].isna().to_numpy()).all()


@pytest.mark.parametrize(
    "given",
    [
        [1, 2],
        [0.5, np.nan],
        [True, False],
        ["a", "b"],
        pd.array([1, None], dtype="Int64"),
        pd.array([True, None], dtype="boolean"),
        pd.Categorical(["b", None]),
    ],
)
def test_a_frame_without_a_door_to_its_arrays_is_read_alike(given: Any) -> None:
    frame = pd.DataFrame({"x": given})
    variables = [find_variable(f, "x") for f in (frame, Bare(frame))]
    gaps = [missing(v) for v in variables]
    assert (gaps[0] is None) == (gaps[1] is None) == (not frame["x"].isna().any())
    one, other = (read_values(v) for v in variables)
    if isinstance(one, Categories):
        assert isinstance(other, Categories)
        assert one.categories == other.categories
        assert (one.codes == other.codes).all()
    else:
        assert isinstance(other, np.ndarray)
        assert np.array_equal(one, other, equal_nan=True)


def test_numbers_are_finite_when_all_of_them_are() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.inf], "c": [1.0, np.nan], "d": [1, 2]})
    assert [find_variable(frame, name).finite for name in "abcd"] == [True, False, False, True]
    assert missing(find_variable(frame, "b")) is None


def test_text_and_numbers_do_not_mix_even_in_few_rows() -> None:
    frame = pd.DataFrame({"k": np.array(["a", 1, "a"], dtype=object)})
    with pytest.raises(DataError, match="mixes text and numbers"):
        as_categories(find_variable(frame, "k"))


def test_numbers_read_are_not_those_of_the_frame() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    for read in (as_numbers, read_values):
        values = read(find_variable(frame, "x"))
        assert isinstance(values, np.ndarray)
        values[0] = 9.0
        assert frame["x"].tolist() == [1.0, 2.0]
