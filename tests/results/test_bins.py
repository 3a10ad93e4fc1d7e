import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerstats.data.codebook import Field
from peerstats.results.bins import MOST, bin_counts, bins, edges


def _field(kind: str, low: float | None, high: float | None) -> Field:
    return Field(name="v", table="women", label="V", type=kind, column="v", low=low, high=high)


@pytest.mark.parametrize(
    ("kind", "low", "high", "step", "labels"),
    [
        ("integer", 18, 99, 5, ("15–19", "95–99")),
        ("number", 18, 99, 5, ("15 to <20", "95 to <100")),
        ("ordinal", 1, 5, 1, ("1", "5")),
        ("integer", 0, 12, 1, ("0", "12")),
        ("number", 0, 1, 0.05, ("0 to <0.05", "0.95 to <1")),
        ("number", -13.6, 19.5, 2, ("−14 to <−12", "18 to <20")),
        ("integer", 1, 10000, 500, ("0–499", "10000–10499")),
    ],
)
def test_edges_are_round_and_cover_the_codebook_range(kind, low, high, step, labels) -> None:
    field = _field(kind, low, high)
    assert np.diff(edges(field)) == pytest.approx(step)
    items = bins(field)
    assert (items[0].label, items[-1].label) == labels


@pytest.mark.parametrize(("low", "high"), [(None, 9), (0, None), (3, 3)])
def test_without_a_range_there_are_no_bins(low, high) -> None:
    assert bins(_field("number", low, high)) == ()


def test_the_highest_value_and_values_beyond_the_range_are_counted() -> None:
    field = _field("number", 0, 10)
    counts = bin_counts(field, np.array([-1.0, 0.0, 0.5, 10.0, 11.0]))
    assert counts.sum() == 5
    assert (counts[0], counts[1], counts[-1]) == (2, 1, 2)


@given(
    st.sampled_from(["number", "integer", "ordinal"]),
    st.integers(-1000, 1000),
    st.integers(1, 100_000),
    st.lists(st.floats(0, 1), max_size=20),
)
def test_every_value_falls_in_one_bin(kind, low, width, places) -> None:
    field = _field(kind, low, low + width)
    marks = edges(field)
    assert marks[0] <= low
    assert marks[-1] >= low + width
    assert len(bins(field)) <= MOST + 2
    assert len({b.key for b in bins(field)}) == len(bins(field))
    values = low + width * np.array(places)
    counts = bin_counts(field, values)
    assert counts.sum() == len(values)
    expected = np.histogram(values, bins=np.array(marks))[0]
    if kind == "number":
        assert counts.tolist() == expected.tolist()
