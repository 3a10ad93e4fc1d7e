"""What every family's fit can do: new families are tested by being in the registry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import kstest

import peerstats as ps
from peerstats.model.families import FAMILIES
from peerstats.model.fit import fit

OUTCOMES = {
    "binomial": "yes",
    "beta_binomial": "cbind(some, others)",
    "gaussian": "size",
    "cumulative_logit": "level",
    "cumulative_probit": "level",
}  # all others are counts


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=800), "g": np.repeat(np.arange(40), 20)})
    eta = 0.3 + 0.5 * data["x"] + 0.5 * rng.normal(size=40)[data["g"]]
    risk = rng.beta(5 * expit(eta), 5 * (1 - expit(eta)))
    data["yes"], data["some"] = rng.binomial(1, expit(eta)), rng.binomial(8, risk)
    data["others"], data["size"] = 8 - data["some"], eta + rng.normal(size=800)
    count = rng.negative_binomial(2, 2 / (2 + np.exp(eta)))
    data["count"] = np.where(rng.random(800) < 0.25, 0, count)
    data["level"] = np.digitize(eta + rng.logistic(size=800), [-1, 0.5, 2])
    data["low"] = np.floor(3 * np.exp(eta + 0.7 * rng.normal(size=800)))
    data["high"] = data["low"] + 1
    return data


@pytest.fixture(scope="module", params=[f for f in FAMILIES if f != "interval_censored"])
def fitted(request, made):
    outcome = OUTCOMES.get(request.param, "count")
    found = fit(f"{outcome} ~ x + (1 | g)", made, family=request.param)
    assert found.converged
    return found


def test_its_quantile_residuals_are_normal_where_the_family_is_right(fitted):
    found = fitted.residuals("quantile", np.random.default_rng(1))
    assert np.isfinite(found).all()
    if fitted.family.name not in ("poisson", "hurdle_poisson", "zero_inflated_poisson"):
        assert kstest(found, "norm").pvalue > 0.01


def test_it_simulates_outcomes_it_can_fit_again(fitted, made):
    drawn = fitted.bootstrap(np.random.default_rng(2), 4)
    assert drawn.failed == 0
    shift = (drawn.draws["x"] - fitted.params["x"]).abs() / fitted.bse["x"]
    assert shift.max() < 4
    assert len(fitted.simulate(np.random.default_rng(3))) == len(made)


def test_its_profile_is_near_wald_s_interval_in_a_large_sample(fitted):
    found = fitted.profile(["x"]).conf_int().loc["x"]
    width = 3.92 * fitted.bse["x"]
    np.testing.assert_allclose(found, fitted.conf_int().loc["x"], atol=0.06 * width)


def test_its_predictions_have_intervals(fitted, made):
    for kind in ("link", "response", "population"):
        found = fitted.predict_interval(made.head(3), kind)
        ends = np.sort(found[["low", "high"]].to_numpy(), axis=1)
        assert np.isfinite(found.to_numpy()).all()
        assert (ends[:, 0] < found["prediction"]).all()
        assert (found["prediction"] < ends[:, 1]).all()


def test_its_clusters_can_be_left_out_in_one_step(fitted):
    found = fitted.influence(kind="one_step")
    assert np.isfinite(found.to_numpy()).all()
    assert found["x"].abs().max() < 3


def test_it_can_be_compared(fitted, made):
    outcome = OUTCOMES.get(fitted.family.name, "count")
    smaller = fit(f"{outcome} ~ 1 + (1 | g)", made, family=fitted.family.name)
    found = ps.anova(smaller, fitted)
    # Wald's and the likelihood-ratio statistic agree in large samples.
    assert found.statistic == pytest.approx(fitted.tvalues["x"] ** 2, rel=0.15)
