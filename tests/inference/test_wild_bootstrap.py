import itertools

import numpy as np
import pandas as pd
import pytest

from peerstats.inference.wild_bootstrap import WEBB, site_scores
from peerstats.model.fit import fit


@pytest.fixture(scope="module")
def study():
    def build(sites, women=8, seed=3):
        rng = np.random.default_rng(seed)
        site = np.repeat(np.arange(sites), women)
        x = rng.integers(0, 2, len(site)).astype(float)
        y = 0.4 * x + 0.5 * rng.normal(size=sites)[site] + rng.normal(size=len(site))
        return pd.DataFrame({"site": site, "x": x, "y": y})

    return build


def gaussian(data):
    return fit("y ~ x + (1 | site)", data, family="gaussian")


def test_every_combination_of_webbs_weights_by_the_definition(study, ask):
    data = study(4)
    x, y = data["x"] - data["x"].mean(), data["y"] - data["y"].mean()
    s = (x * y).groupby(data["site"]).sum().to_numpy()

    def statistic(scores):
        return scores.sum() / np.sqrt(((scores - scores.mean()) ** 2).sum())

    drawn = np.array([statistic(s * np.array(g)) for g in itertools.product(WEBB, repeat=4)])
    own = statistic(s)
    smaller = min((drawn >= own - 1e-9).mean(), (drawn <= own + 1e-9).mean())
    row = ask(gaussian(data), "wild_bootstrap", "x", replicates=6**4)
    assert row.p_value == pytest.approx(min(1, 2 * smaller))
    assert row.statistic == pytest.approx(own)


def test_scores_vanish_at_the_estimate_and_webbs_weights_have_variance_one(study, ask, question):
    data = study(6)
    fitted = gaussian(data)
    row = ask(fitted, "wild_bootstrap", "x")
    scores, _ = site_scores(question(fitted), 1, row.estimate)
    assert scores.sum() == pytest.approx(0, abs=1e-6)
    assert row.estimate == pytest.approx(np.polyfit(data["x"], data["y"], 1)[0])
    assert (WEBB.mean(), (WEBB**2).mean()) == pytest.approx((0, 1))


def test_turning_the_exposure_round_turns_the_interval_round(study, ask):
    data = study(4)
    row = ask(gaussian(data), "wild_bootstrap", "x", replicates=6**4)
    other = ask(gaussian(data.assign(x=1 - data["x"])), "wild_bootstrap", "x", replicates=6**4)
    assert other.p_value == pytest.approx(row.p_value)
    assert other.conf_low == pytest.approx(-row.conf_high, abs=1e-3)
    assert other.conf_high == pytest.approx(-row.conf_low, abs=1e-3)


def test_many_sites_agree_with_the_sandwich(study, ask):
    fitted = gaussian(study(60, women=5))
    row, robust = ask(fitted, "wild_bootstrap", "x"), ask(fitted, "gee_cr2", "x")
    assert row.std_error == pytest.approx(robust.std_error, rel=0.2)
    assert row.p_value == pytest.approx(robust.p_value, abs=0.05)


def test_zero_is_inside_where_it_is_not_rejected(make_study, ask):
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(14, 12, effect=0.5))
    for term in ("x", "country[T.MEX]"):
        row = ask(fitted, "wild_bootstrap", term, replicates=499)
        assert (row.conf_low <= 0 <= row.conf_high) == (row.p_value > 0.05)
        assert row.conf_low < row.estimate < row.conf_high


def test_three_sites_and_values_that_are_never_rejected_are_refused(make_study, why, study):
    fitted = fit("y ~ x + (1 | site_id)", make_study(3, 20))
    assert "with 3 sites a wild bootstrap rejects next to nothing" in why(
        fitted, "wild_bootstrap", "x"
    )
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(4, 20, effect=0.6))
    assert "rejects no value" in why(fitted, "wild_bootstrap", "country[T.MEX]")
    assert "no sites" in why(fit("y ~ x", study(6), family="gaussian"), "wild_bootstrap", "x")
