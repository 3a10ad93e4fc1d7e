import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerstats.results.smd import smd_levels, smd_numeric


def test_three_levels_by_hand() -> None:
    # p = (.5 .3 .2), q = (.3 .3 .4). Without the last level: difference (.2, 0), mean covariance
    # [[.23, -.12], [-.12, .21]] with determinant .0339, so d² = .2² · .21/.0339 = .2477876.
    d = smd_levels([np.array([5, 3, 2]), np.array([3, 3, 4])])
    assert d == pytest.approx(math.sqrt(0.04 * 0.21 / 0.0339), rel=1e-12)


def test_two_levels_reduce_to_the_difference_of_shares() -> None:
    # Shares .25 and .5: .25 / sqrt((.1875 + .25)/2) = .534522
    assert smd_levels([np.array([3, 1]), np.array([2, 2])]) == pytest.approx(0.5345224838)


def test_a_measurement_by_hand() -> None:
    # Means 2 and 4, sample variances 1 and 4: 2 / sqrt(2.5) = 1.264911
    d = smd_numeric([np.array([1.0, 2, 3]), np.array([2.0, 4, 6])])
    assert d == pytest.approx(1.2649110641)


def test_more_than_two_groups_report_the_largest_distance() -> None:
    a, b, c = np.array([1.0, 2, 3]), np.array([1.0, 2, 3]), np.array([2.0, 4, 6])
    assert smd_numeric([a, b, c]) == pytest.approx(1.2649110641)


def test_a_level_that_no_group_has_changes_nothing() -> None:
    with_empty = smd_levels([np.array([5, 0, 3, 2]), np.array([3, 0, 3, 4])])
    assert with_empty == pytest.approx(smd_levels([np.array([5, 3, 2]), np.array([3, 3, 4])]))


@pytest.mark.parametrize(
    "counts",
    [
        [[4, 0], [0, 4]],  # nothing in common
        [[2, 2, 0, 0], [0, 0, 2, 2]],
        [[4, 0], [1, 0]],  # one woman
        [[4, 2]],
    ],
)
def test_distances_that_do_not_exist_are_missing(counts: list[list[int]]) -> None:
    assert math.isnan(smd_levels([np.array(c) for c in counts]))


def test_constants_are_alike_or_infinitely_apart() -> None:
    same, other = np.array([2.0, 2.0]), np.array([3.0, 3.0])
    assert smd_numeric([same, same]) == 0
    assert math.isnan(smd_numeric([same, other]))
    assert math.isnan(smd_numeric([same, other, np.array([1.0, 5.0])]))


def test_identical_groups_are_at_distance_zero() -> None:
    assert smd_levels([np.array([4, 0]), np.array([8, 0])]) == 0
    assert smd_levels([np.array([4, 2]), np.array([8, 4])]) == pytest.approx(0, abs=1e-9)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=3, max_size=6))
def test_the_pseudo_inverse_equals_leaving_one_level_out(pairs: list[tuple[int, int]]) -> None:
    counts = np.array(pairs).T
    p, q = (row / row.sum() for row in counts)
    s = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    difference = (p - q)[1:]
    expected = math.sqrt(difference @ np.linalg.solve(s[1:, 1:], difference))
    assert smd_levels(list(counts)) == pytest.approx(expected, rel=1e-6, abs=1e-7)


# Counts of the 1,934 women of the 1988 Bangladesh Fertility Survey (mlmRev::Contraception) and the
# distances that tableone 0.9.6 (PyPI, TableOne(..., groupby=..., smd=True).smd_table) prints for
# them; it prints six decimals, hence the tolerance.
@pytest.mark.parametrize(
    ("first", "second", "printed"),
    [
        ([360, 242, 223, 547], [170, 114, 82, 196], 0.133907),  # children, rural and urban
        ([903, 469], [272, 290], 0.357507),  # use of contraception, rural and urban
        ([903, 272], [469, 290], 0.330993),  # residence, users and others
    ],
)
def test_distances_of_levels_are_those_of_tableone(first, second, printed) -> None:
    assert smd_levels([np.array(first), np.array(second)]) == pytest.approx(printed, abs=5e-7)
