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
