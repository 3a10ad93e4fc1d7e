import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerstats.results.formats import FORMATS, MINUS, fixed, p_value, ratio, shortest


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0455, 3, "0.046"),  # Python's own rounding gives 0.045
        (2.675, 2, "2.68"),  # and 2.67
        (0.5, 0, "1"),  # and 0
        (1.5, 0, "2"),
        (2.5, 0, "3"),  # and 2
        (-2.5, 0, "−3"),
        (64.516129, 1, "64.5"),
        (99.95, 1, "100.0"),
        (1234567.0, 0, "1,234,567"),
        (-0.04, 1, "0.0"),  # no minus in front of nothing
        (1e-7, 2, "0.00"),
        (math.nan, 1, "–"),
        (math.inf, 1, "∞"),
        (-math.inf, 1, "−∞"),
        (1e27, 2, "1" + 9 * ",000" + ".00"),  # more digits than decimal keeps by itself
    ],
)
def test_fixed_rounds_half_up_as_journals_do(value: float, digits: int, text: str) -> None:
    assert fixed(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0455, "0.046"),
        (0.001, "0.001"),
        (0.00099, "<0.001"),
        (0.0, "<0.001"),
        (0.05, "0.050"),
        (0.999, "0.999"),
        (0.9991, ">0.999"),
        (1.0, ">0.999"),
        (math.nan, "–"),
    ],
)
def test_p_values(value: float, text: str) -> None:
    assert p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.645, "1.65"),
        (1.0, "1.00"),
        (9.994, "9.99"),
        (9.995, "10.0"),
        (12.34, "12.3"),
        (99.94, "99.9"),
        (999.4, "999"),
        (999.5, ">999"),  # not "1,000", which is more than what is above it
        (99.95, "100"),
        (234.5, "235"),
        (1e6, ">999"),
        (0.004, "0.004"),
        (0.0004, "<0.001"),
        (0.01, "0.01"),
        (math.nan, "–"),
    ],
)
def test_ratios_lose_decimals_as_they_grow(value: float, text: str) -> None:
    assert ratio(value) == text


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_shows_a_missing_value_as_a_dash(name: str) -> None:
    assert FORMATS[name](math.nan) == "–"


@given(
    st.floats(min_value=-1e9, max_value=1e9, allow_nan=False), st.integers(min_value=0, max_value=3)
)
def test_what_is_printed_is_within_half_a_unit_of_the_last_digit(value: float, digits: int) -> None:
    printed = Decimal(fixed(value, digits).replace(",", "").replace(MINUS, "-"))
    assert abs(printed - Decimal(repr(value))) <= Decimal(5).scaleb(-digits - 1)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_shortest_decimal_reads_back_as_the_same_double(value: float) -> None:
    text = shortest(value)
    assert text is not None
    assert float(text) == value


def test_there_is_no_decimal_for_what_is_not_finite() -> None:
    assert shortest(math.nan) is None
    assert shortest(math.inf) is None
