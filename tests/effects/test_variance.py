import math

import numpy as np
import pandas as pd
import pytest

from peerstats.effects import EFFECTS
from peerstats.effects.profile import profile_interval
from peerstats.inference.rule import infer
from peerstats.model.fit import fit


def two_levels(venues, sites):
    """12 sites of 6 venues of 10 women, who differ more between venues than between sites."""
    rng = np.random.default_rng(21)
    site, venue = np.repeat(np.arange(12), 60), np.repeat(np.arange(72), 10)
    eta = sites * rng.normal(size=12)[site] + venues * rng.normal(size=72)[venue]
    x = np.tile([0, 1], 360)
    return pd.DataFrame(
        {
            "y": (rng.random(720) < 1 / (1 + np.exp(-eta - 0.4 * x))).astype(int),
            "x": x,
            "site_id": [f"s{k}" for k in site],
            "venue_id": [f"v{k}" for k in venue],
        }
    )


def measured(name, pair):
    (row,) = EFFECTS[name].measure(*pair).rows()
    return row


def test_the_interval_is_symmetric_on_the_log_scale_of_the_standard_deviation(contraception):
    row = measured("variance", contraception)
    # lme4 1.1-31, glmer(nAGQ = 25): sd 0.464217171593612.
    assert row.estimate == pytest.approx(0.464217171593612**2, rel=1e-3)
    assert row.conf_low * row.conf_high == pytest.approx(row.estimate**2)
    width = math.log(row.conf_high / row.conf_low) / (2 * 1.959963984540054)
    assert row.std_error == pytest.approx(row.estimate * width)
    assert row.scale == "variance"
    assert row.reason == ""


def test_at_zero_the_interval_starts_at_zero_and_ends_at_the_profile_bound(alike):
    row = measured("variance", alike(6))
    assert (row.estimate, row.conf_low) == (0.0, 0.0)
    assert 0.0 < row.conf_high < 10.0
    assert row.method == "profile-likelihood interval"
    assert math.isnan(row.std_error)


def test_the_profile_interval_is_lme4s(herds, lme4_profile):
    low, high = profile_interval(herds, "herd", 0.05)
    assert math.sqrt(low) == pytest.approx(lme4_profile["sd_lower"], abs=2e-4)
    assert math.sqrt(high) == pytest.approx(lme4_profile["sd_upper"], abs=2e-4)


def test_a_higher_level_has_a_wider_interval(herds):
    intervals = [profile_interval(herds, "herd", alpha) for alpha in (0.2, 0.05, 0.001)]
    lows, highs = zip(*intervals, strict=True)
    assert lows == tuple(sorted(lows, reverse=True))
    assert highs == tuple(sorted(highs))
    # The variance of the herds is large, and still 0 is not ruled out at every level.
    assert profile_interval(herds, "herd", 1e-6)[0] == 0.0


def test_two_factors_are_profiled_one_at_a_time():
    data = two_levels(venues=0.9, sites=0.25)
    fitted = fit("y ~ x + (1 | site_id/venue_id)", data)
    (site, venue) = EFFECTS["variance"].measure(fitted, infer(fitted)).rows()
    assert site.method == "profile-likelihood interval"
    assert 0.0 <= site.conf_low <= site.estimate < site.conf_high < 1.0
    assert venue.method == "Wald interval on the logarithm of the standard deviation"


def test_ends_do_not_depend_on_how_the_profile_is_climbed(herds, monkeypatch):
    """Newton's method with exact Hessians, and BFGS as for crossed factors, find the same ends."""
    nested = fit("y ~ x + (1 | site_id/venue_id)", two_levels(venues=0.9, sites=0.25))
    cases = [(herds, "herd"), (nested, "site_id"), (nested, nested.varcorr["group"].iloc[-1])]
    exact = [profile_interval(fitted, factor, 0.05) for fitted, factor in cases]
    monkeypatch.setattr("peerstats.model.engines.likelihood.hessian_of", lambda likelihood: None)
    climbed = [profile_interval(fitted, factor, 0.05) for fitted, factor in cases]
    np.testing.assert_allclose(np.sqrt(exact), np.sqrt(climbed), atol=1e-7)


def test_two_crossed_factors_have_profile_ends():
    data = two_levels(venues=0.6, sites=0.5).assign(month=np.arange(720) % 7)
    fitted = fit("y ~ x + (1 | site_id) + (1 | month)", data)
    (low, high), variance = profile_interval(fitted, "site_id", 0.05), fitted.varcorr["variance"]
    assert 0.0 < low < variance[0] < high

    def loss(sd):
        # Half of D at a given sd of the sites, by a search without our optimiser.
        from scipy import optimize

        from peerstats.model.engines.likelihood import likelihood_of
        from peerstats.model.engines.problem import make_problem

        problem = make_problem(fitted.design, fitted.family)
        likelihood, zeros = likelihood_of(problem, 1), np.zeros(sum(problem.sizes))
        assert problem.order == (0, 1)

        def falling(at):
            return -likelihood.evaluate(at[:2], np.array([sd, at[2]]), zeros).value

        start = np.r_[fitted.params, fitted.varcorr["sd"][1]]
        return fitted.llf + optimize.minimize(falling, start, tol=1e-9).fun

    for end in (low, high):
        assert 2.0 * loss(math.sqrt(end)) == pytest.approx(3.841458820694124, abs=1e-4)


def test_a_small_gaussian_variance_has_an_interval_cut_at_zero():
    rng = np.random.default_rng(23)
    site = np.repeat(np.arange(12), 60)
    score = 0.12 * rng.normal(size=12)[site] + rng.normal(size=720)
    data = pd.DataFrame({"score": score, "site_id": [f"s{k}" for k in site]})
    fitted = fit("score ~ 1 + (1 | site_id)", data, family="gaussian")
    (row,) = EFFECTS["variance"].measure(fitted, infer(fitted)).rows()
    assert row.method == "Wald interval on the variance, cut at zero"
    assert row.conf_low == 0.0
    assert row.conf_high == pytest.approx(row.estimate + 1.959963984540054 * row.std_error)


def test_few_sites_have_a_value_but_no_interval_and_a_reason(alike):
    row = measured("variance", alike(4))
    assert row.reason == "with 4 sites this design cannot show how much sites differ"
    assert math.isnan(row.conf_low)
    assert math.isnan(row.conf_high)
