import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from peerstats.errors import ModelError
from peerstats.inference.rejection import Rejection, interval_of
from peerstats.model.fit import fit

EVERYTHING = 10_000


def sites_of(count, exposed, seed=2, women=6):
    """A gaussian outcome in sites of equal size; x is constant inside each."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(count), women)
    x = np.isin(site, rng.permutation(count)[:exposed]).astype(float)
    y = rng.normal(size=count)[site] + 0.9 * x + rng.normal(size=len(site))
    return pd.DataFrame({"site": site, "x": x, "y": y})


def difference(one, other, axis=-1):
    return np.mean(one, axis=axis) - np.mean(other, axis=axis)


def scipy_p(data):
    means = data.groupby("site")[["x", "y"]].mean()
    parts = means["y"][means["x"] == 1], means["y"][means["x"] == 0]
    return stats.permutation_test(parts, difference, n_resamples=np.inf, vectorized=True).pvalue


def gaussian(data, formula="y ~ x + (1 | site)"):
    return fit(formula, data, family="gaussian")


def test_over_sites_it_is_the_permutation_test_of_site_means(ask):
    data = sites_of(8, 4)
    row = ask(gaussian(data), "permutation", "x")
    assert row.p_value == pytest.approx(scipy_p(data))
    means = data.groupby("x")["y"].mean()
    assert row.estimate == pytest.approx(means[1.0] - means[0.0])
    for end, outwards in ((row.conf_low, -1), (row.conf_high, 1)):
        for step, rejected in ((0.01, True), (-0.01, False)):
            value = end + outwards * step * row.std_error
            shifted = data.assign(y=data["y"] - value * data["x"])
            assert (scipy_p(shifted) <= 0.05) == rejected


def test_inside_pairs_it_flips_signs(ask):
    rng = np.random.default_rng(6)
    pair = np.repeat(np.arange(8), 2)
    data = pd.DataFrame({"site": pair, "x": np.tile([0.0, 1.0], 8)})
    data["y"] = rng.normal(size=8)[pair] + 0.8 * data["x"] + rng.normal(size=16)
    differences = np.diff(data["y"].to_numpy().reshape(8, 2)).ravel()
    wanted = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    row = ask(gaussian(data), "permutation", "x")
    assert row.p_value == pytest.approx(wanted.pvalue)
    assert row.estimate == pytest.approx(differences.mean())
    assert row.conf_low < row.estimate < row.conf_high


def test_drawn_arrangements_come_near_to_all(ask):
    fitted = gaussian(sites_of(14, 7))
    whole = ask(fitted, "permutation", "x", replicates=EVERYTHING).p_value
    drawn = ask(fitted, "permutation", "x", replicates=999).p_value
    assert drawn == pytest.approx(whole, abs=4 * 2 * math.sqrt(whole / 2 / 999))
    assert drawn == ask(fitted, "permutation", "x", replicates=999).p_value


@pytest.mark.parametrize(
    ("count", "exposed", "told"),
    [
        (5, 2, "5 sites (2 v 3) have 10 arrangements, so the smallest p is 0.2"),
        (6, 3, "6 sites (3 v 3) have 20 arrangements, so the smallest p is 0.1"),
        (8, 1, "8 sites (1 v 7) have 8 arrangements, so the smallest p is 0.25"),
    ],
)
def test_few_sites_cannot_reach_a_small_p(why, count, exposed, told):
    assert why(gaussian(sites_of(count, exposed)), "permutation", "x") == told


def test_a_second_exposure_of_sites_stands_in_the_way(why):
    data = sites_of(10, 5)
    data["size"] = (data["site"] % 3).astype(float)
    fitted = gaussian(data, "y ~ x + size + (1 | site)")
    refused = why(fitted, "permutation", "x")
    assert refused == "permuting it over sites would break its relation to size"
    assert "intercept" in why(fitted, "permutation", "Intercept")


def test_yes_no_outcomes_with_other_covariates(make_study, ask):
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(8, 20, effect=0.5))
    for term in ("x", "country[T.MEX]"):
        row = ask(fitted, "permutation", term, replicates=199)
        assert 0 < row.p_value <= 1
        assert row.conf_low < row.estimate < row.conf_high
        assert row.std_error > 0


def test_an_interval_may_be_open_on_one_side_only():
    one = Rejection(tails=lambda c: (0.5, 0.5 if c < 2 else 0.0), estimate=1.0, scale=0.5)
    low, high = interval_of(one, 0.05)
    assert math.isinf(low)
    assert high == pytest.approx(2.0, abs=1e-3)
    none = Rejection(tails=lambda c: (0.5, 0.5), estimate=1.0, scale=0.5)
    with pytest.raises(ModelError, match="rejects no value"):
        interval_of(none, 0.05)
