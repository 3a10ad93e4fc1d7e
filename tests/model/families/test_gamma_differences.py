"""Sums for counts against special functions, whatever the way they are taken."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import digamma, gammaln, polygamma

from peerstats.model.families.gamma_differences import gamma_differences


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("largest", [0, 3, 90, 5_000])
def test_all_ways_agree_with_special_functions(same: bool, largest: int) -> None:
    rng = np.random.default_rng(largest)
    y = rng.integers(0, largest + 1, 50).astype(float)
    s = np.full((3, 50), 0.7) if same else rng.uniform(0.1, 10.0, (3, 50))
    expected = [gammaln(s + y) - gammaln(s), digamma(s + y) - digamma(s)]
    expected += [polygamma(k, s + y) - polygamma(k, s) for k in (1, 2)]
    for ours, theirs in zip(gamma_differences(s, y, 3), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    assert gamma_differences(np.array([0.7]), y, 1)[1].shape == (50,)


def test_sums_lose_no_digits_where_the_functions_do() -> None:
    (_, slope) = gamma_differences(np.array([1e14]), np.array([2.0, 1.0]), 1)
    np.testing.assert_allclose(slope, [2e-14, 1e-14], rtol=1e-12)
