import math

import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.rules.printed import as_printed
from peerstats.results import Number

STANDARD = policy("standard")


@pytest.mark.parametrize("style", ["decimal1", "decimal2", "decimal3", "ratio", "p", "count"])
@pytest.mark.parametrize(
    "value", [0.0, 0.00004, 0.0045, 0.0455, 1.005, -1.005, 9.996, 12.34, 1234.5, 0.99999, math.inf]
)
def test_a_printed_value_prints_the_same(style, value):
    def number(v):
        return Number(address="a", kind="estimate", scale="none", value=v, format=style, basis=99)

    exact = number(value)
    assert number(as_printed(exact)).printed == exact.printed


def test_a_missing_value_stays_missing():
    missing = Number(
        address="a", kind="estimate", scale="none", value=math.nan, format="p", basis=9
    )
    assert math.isnan(as_printed(missing))


@pytest.mark.parametrize(
    ("n", "printed"), [(12, "3.3"), (102, "3.3"), (103, "3.27"), (1002, "3.27"), (1003, "3.273")]
)
def test_decimals_of_a_mean_do_not_tell_the_number_of_women(of_numbers, mean, n, printed):
    """3.273 = 36/11: three decimals of a mean of whole numbers would tell that n is 11, or 22."""
    released = release(of_numbers(mean("b.x.mean", 36 / 11, n, style="decimal3")), STANDARD)
    assert released.number("b.x.mean").printed == printed


def test_a_mean_of_one_decimal_fits_every_number_of_women_from_ten():
    for tenth in range(10):
        for n in range(10, 100):
            sums = [s for s in range(n + 1) if math.floor(10 * s / n + 0.5) == tenth]
            assert sums
