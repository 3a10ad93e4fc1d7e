import math

import numpy as np
import pandas as pd
import pytest

from peerstats.effects import EFFECTS
from peerstats.inference.rule import infer
from peerstats.model.fit import fit


def share(variance, rest):
    return variance / (variance + rest)


def test_latent_scale_of_a_logit_model(contraception):
    fitted, estimates = contraception
    (row,) = EFFECTS["icc"].measure(fitted, estimates).rows()
    (between,) = EFFECTS["variance"].measure(fitted, estimates).rows()
    rest = math.pi**2 / 3
    assert row.estimate == pytest.approx(share(between.estimate, rest))
    # With one factor the interval is the variance's own, on another scale.
    assert row.conf_low == pytest.approx(share(between.conf_low, rest))
    assert row.conf_high == pytest.approx(share(between.conf_high, rest))
    slope = rest / (between.estimate + rest) ** 2
    assert row.std_error == pytest.approx(slope * between.std_error)
    assert row.scale == "icc"


def test_at_zero_it_ends_at_the_share_of_the_profile_bound(alike):
    fitted, estimates = alike(6)
    (row,) = EFFECTS["icc"].measure(fitted, estimates).rows()
    (between,) = EFFECTS["variance"].measure(fitted, estimates).rows()
    assert (row.estimate, row.conf_low) == (0.0, 0.0)
    assert row.conf_high == pytest.approx(share(between.conf_high, math.pi**2 / 3))


@pytest.fixture(scope="module")
def balanced():
    """30 sites of 8 women, a gaussian score."""
    rng = np.random.default_rng(11)
    site = np.repeat(np.arange(30), 8)
    score = rng.normal(scale=0.7, size=30)[site] + rng.normal(size=240)
    return pd.DataFrame({"score": score, "site_id": [f"s{k}" for k in site]})


def test_gaussian_share_matches_the_balanced_anova_by_hand(balanced):
    fitted = fit("score ~ 1 + (1 | site_id)", balanced, family="gaussian")
    (row,) = EFFECTS["icc"].measure(fitted, infer(fitted)).rows()
    # ML in a balanced one-way layout: MSW estimates the residual variance, SSB/J the mean's.
    means = balanced.groupby("site_id")["score"].mean()
    within = balanced["score"] - balanced["site_id"].map(means)
    msw = float((within**2).sum()) / (240 - 30)
    msb = 8 * float(((means - means.mean()) ** 2).sum()) / 30
    between = (msb - msw) / 8
    assert row.estimate == pytest.approx(share(between, msw), rel=1e-4)
    assert 0 < row.conf_low < row.estimate < row.conf_high < 1


def test_two_factors_share_one_whole():
    rng = np.random.default_rng(5)
    site = np.repeat(np.arange(12), 60)
    venue = np.repeat(np.arange(72), 10)
    eta = rng.normal(scale=0.8, size=12)[site] + rng.normal(scale=0.8, size=72)[venue]
    data = pd.DataFrame(
        {
            "y": (rng.random(720) < 1 / (1 + np.exp(-eta))).astype(int),
            "site_id": [f"s{k}" for k in site],
            "venue_id": [f"v{k}" for k in venue],
        }
    )
    fitted = fit("y ~ 1 + (1 | site_id/venue_id)", data)
    rows = EFFECTS["icc"].measure(fitted, infer(fitted)).rows()
    total = float(fitted.varcorr["variance"].sum()) + math.pi**2 / 3
    assert [row.term for row in rows] == ["site_id", "site_id:venue_id"]
    for row, variance in zip(rows, fitted.varcorr["variance"], strict=True):
        assert row.estimate == pytest.approx(variance / total)
        assert 0 < row.conf_low < row.estimate < row.conf_high < 1
