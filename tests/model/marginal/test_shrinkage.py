"""The spread that Firth's penalty takes from small sites, and how it is given back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from peerstats.model.marginal.shrinkage import slope, spread_out


def expected(n, alpha):
    y = np.arange(n + 1)
    return stats.binom.pmf(y, n, 1 / (1 + np.exp(-alpha))) @ np.log((y + 0.5) / (n - y + 0.5))


@pytest.mark.parametrize(("n", "p"), [(5, 0.5), (10, 0.15), (10, 0.8), (40, 0.05), (100, 0.3)])
def test_the_slope_is_the_derivative_of_the_mean(n, p):
    alpha = np.log(p / (1 - p))
    change = (expected(n, alpha + 1e-5) - expected(n, alpha - 1e-5)) / 2e-5
    assert slope(n, p) == pytest.approx(change, rel=1e-7)


def test_large_sites_keep_their_intercepts():
    alpha = np.array([-0.4, 0.1, 0.6])
    yes, total = np.array([400, 500, 650]), np.full(3, 1000)
    assert spread_out(alpha, yes, total) == pytest.approx(alpha, abs=1e-4)


def test_a_difference_between_small_sites_is_unbiased_again():
    rng = np.random.default_rng(1)
    alpha = np.repeat([-2.1, -1.4], 10)[:, None]
    yes = rng.binomial(10, 1 / (1 + np.exp(-alpha)), size=(20, 4000))
    total = np.full(yes.shape, 10)
    odds = np.log((yes + 0.5) / (total - yes + 0.5))

    def gap(values):
        return float((values[10:].mean(axis=0) - values[:10].mean(axis=0)).mean())

    assert gap(odds) < 0.62  # of 0.7
    assert gap(spread_out(odds, yes, total)) == pytest.approx(0.7, abs=0.06)


def test_replicates_are_columns():
    yes, total = np.array([[1.0, 4.0], [2.0, 5.0], [0.0, 9.0]]), np.full((3, 2), 10.0)
    alpha = np.array([[-1.8, -0.4], [-1.2, 0.1], [-3.0, 1.8]])
    both = spread_out(alpha, yes, total)
    for k in range(2):
        assert both[:, k] == pytest.approx(spread_out(alpha[:, k], yes[:, k], total[:, k]))
