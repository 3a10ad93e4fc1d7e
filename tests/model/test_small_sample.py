"""Degrees of freedom against lmerTest and pbkrtest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import ModelError, UsageError
from peerstats.model.fit import fit

# lmerTest differentiates numerically, and its estimates stop about 1e-6 of a variance away.
DF, PRINTED = 2e-4, 5e-5


def renamed(table):
    return {name.replace("(Intercept)", "Intercept"): value for name, value in table.items()}


@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
def test_degrees_of_freedom_are_those_of_r(method, inference, public_data):
    for model in inference["small_sample"]:
        fitted = fit(model["formula"], public_data(model["data"]), family="gaussian", reml=True)
        found = fitted.small_sample(method)
        for column, tolerance in (("df", DF), ("std_error", PRINTED), ("estimate", PRINTED)):
            wanted = pd.Series(renamed(model[method][column]))[found.index]
            np.testing.assert_allclose(found[column], wanted, rtol=tolerance)


def test_maximum_likelihood_has_its_own_degrees_of_freedom(inference, public_data):
    for model in inference["small_sample"]:
        fitted = fit(model["formula"], public_data(model["data"]), family="gaussian")
        wanted = pd.Series(renamed(model["satterthwaite_ml"]["df"]))
        found = fitted.small_sample("satterthwaite")["df"]
        np.testing.assert_allclose(found, wanted[found.index], rtol=DF)


def test_kenward_roger_does_not_depend_on_the_criterion(public_data):
    data = public_data("penicillin")
    formula = "diameter ~ 1 + (1 | plate) + (1 | sample)"
    frames = [
        fit(formula, data, family="gaussian", reml=reml).small_sample() for reml in (True, False)
    ]
    pd.testing.assert_frame_equal(*frames, rtol=1e-6)


def test_a_balanced_comparison_of_clusters_is_a_t_test_of_their_means():
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(8), 5)
    arm = (cluster < 4).astype(float)
    y = rng.normal(size=8)[cluster] * 2 + rng.normal(size=40)
    data = pd.DataFrame({"y": y, "arm": arm, "cluster": cluster})
    found = fit("y ~ arm + (1 | cluster)", data, family="gaussian", reml=True).small_sample()
    means = data.groupby("cluster")["y"].mean()
    pooled = (means[:4].var() + means[4:].var()) / 2
    assert found.loc["arm", "df"] == pytest.approx(6, abs=1e-5)
    assert found.loc["arm", "std_error"] == pytest.approx(np.sqrt(pooled / 2), rel=1e-5)
    half = found.loc["arm", "conf_high"] - found.loc["arm", "estimate"]
    assert half == pytest.approx(2.446912 * found.loc["arm", "std_error"], rel=1e-5)


def test_frequency_weights_count_rows(public_data):
    data = public_data("dyestuff")
    twice = pd.concat([data, data])
    formula = "Yield ~ 1 + (1 | Batch)"
    long = fit(formula, twice, family="gaussian", reml=True).small_sample()
    weighted = fit(formula, data.assign(w=2.0), family="gaussian", reml=True, weights="w")
    pd.testing.assert_frame_equal(long, weighted.small_sample(), rtol=1e-5)


def test_other_models_are_refused(herds, sleep):
    with pytest.raises(ModelError, match="for gaussian models with random effects; use profile"):
        herds.small_sample()
    with pytest.raises(UsageError, match=r"Unknown method 'satterwaite'.*Did you mean 'satt"):
        sleep.small_sample("satterwaite")


@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
def test_a_slope_has_the_same_degrees_of_freedom_wherever_x_has_its_zero(method):
    """Of a singular fit (correlation -1), too: its likelihood still rises beyond the edge."""
    rng = np.random.default_rng(3)
    site, x = np.repeat(np.arange(10), 8), rng.normal(size=80)
    level = rng.normal(size=10)[site]
    y = level * (1 - 0.3 * x) + 0.5 * x + rng.normal(size=80)
    found = []
    for shift in (0.0, 7.0):
        data = {"y": y, "x": x + shift, "site": site}
        model = fit("y ~ x + (x | site)", data, family="gaussian", reml=True)
        assert model.solution.convergence.singular
        found.append(model.small_sample(method).loc["x"])
    assert found[0]["df"] == pytest.approx(found[1]["df"], rel=1e-3)
    assert 2 < found[0]["df"] < 79
    assert found[0]["std_error"] == pytest.approx(found[1]["std_error"], rel=1e-4)
