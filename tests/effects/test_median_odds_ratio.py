import math

import numpy as np
import pytest

from peerstats.effects.median_odds_ratio import mor


def test_published_pairs_of_variance_and_median_odds_ratio():
    # Guangxi establishments: variance 0.75, MOR 2.3; Iringa venues: 0.15, 1.45.
    assert mor(0.75) == pytest.approx(2.284, abs=1e-3)
    assert mor(0.15) == pytest.approx(1.447, abs=1e-3)


def test_no_variance_is_a_median_odds_ratio_of_one():
    assert mor(0.0) == 1.0


def test_it_is_the_median_of_the_ratio_of_two_random_sites():
    rng = np.random.default_rng(7)
    a, b = rng.normal(scale=math.sqrt(0.75), size=(2, 400_000))
    assert float(np.median(np.exp(np.abs(a - b)))) == pytest.approx(mor(0.75), rel=0.01)


def test_the_interval_is_that_of_the_variance(contraception):
    from peerstats.effects import EFFECTS

    (row,) = EFFECTS["median_odds_ratio"].measure(*contraception).rows()
    (between,) = EFFECTS["variance"].measure(*contraception).rows()
    assert row.estimate == pytest.approx(mor(0.464217171593612**2), abs=1e-3)
    assert row.conf_low == pytest.approx(mor(between.conf_low))
    assert row.conf_high == pytest.approx(mor(between.conf_high))
    step = 1e-6
    slope = (mor(between.estimate + step) - mor(between.estimate - step)) / (2 * step)
    assert row.std_error == pytest.approx(slope * between.std_error, rel=1e-6)
    assert row.scale == "median_odds_ratio"


def test_at_zero_it_is_one_with_an_upper_limit(alike):
    from peerstats.effects import EFFECTS

    (row,) = EFFECTS["median_odds_ratio"].measure(*alike(6)).rows()
    assert (row.estimate, row.conf_low) == (1.0, 1.0)
    assert row.conf_high > 1.0
