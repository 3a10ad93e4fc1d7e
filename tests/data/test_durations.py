from __future__ import annotations

import math

import pytest

from peerstats.data.durations import parse_duration, per_year
from peerstats.errors import DataError


@pytest.mark.parametrize(
    ("text", "value", "low", "high"),
    [
        ("7 months", 7 / 12, 7 / 12, 7 / 12),
        ("7 meses", 7 / 12, 7 / 12, 7 / 12),
        ("1 mes", 1 / 12, 1 / 12, 1 / 12),
        ("16 years", 16, 16, 16),
        ("16 años", 16, 16, 16),
        ("2 weeks", 14 / 365.25, 14 / 365.25, 14 / 365.25),
        ("3 días", 3 / 365.25, 3 / 365.25, 3 / 365.25),
        ("0.02", 0.02, 0.02, 0.02),
        ("<1 month", 1 / 24, 0, 1 / 12),
        ("< 1 mes", 1 / 24, 0, 1 / 12),
        ("menos de 1 año", 0.5, 0, 1),
        ("less than 2 weeks", 7 / 365.25, 0, 14 / 365.25),
        (">30 years", 30, 30, math.inf),
        ("1-2 years", 1.5, 1, 2),
        ("2 a 3 años", 2.5, 2, 3),
        ("1 year 6 months", 1.5, 1.5, 1.5),
        ("1 año y 6 meses", 1.5, 1.5, 1.5),
        ("1 y 6 m", 1.5, 1.5, 1.5),
        ("1 year, 6 months", 1.5, 1.5, 1.5),
        ("1,5 años", 1.5, 1.5, 1.5),
        (" 5\u00a0Years ", 5, 5, 5),
    ],
)
def test_durations_as_they_are_written(text: str, value: float, low: float, high: float) -> None:
    duration = parse_duration(text)
    assert duration.value == pytest.approx(value, abs=1e-12)
    assert duration.low == pytest.approx(low, abs=1e-12)
    assert duration.high == pytest.approx(high, abs=1e-12)


def test_a_bare_number_is_in_the_unit_of_its_field() -> None:
    assert parse_duration("6", "months").value == pytest.approx(0.5)
    assert parse_duration("1 year", "months").times(per_year("months")).value == pytest.approx(12)


@pytest.mark.parametrize(
    "text",
    ["", "long", "-3 years", "1 2", "seven months", "٣ months", "1e5", "5 5 years", "2-1 years"],
)
def test_what_is_no_duration_is_not_quoted(text: str) -> None:
    with pytest.raises(DataError) as refusal:
        parse_duration(text)
    assert str(refusal.value).startswith('not a duration such as "7 months"')


def test_a_unit_must_be_one_of_time() -> None:
    with pytest.raises(DataError, match="unit 'km'"):
        per_year("km")
