"""Residuals against statsmodels, and as the draws of a known distribution."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from statsmodels.genmod.families import Binomial, Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from peerstats.errors import ModelError, UsageError
from peerstats.model.fit import fit


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(11)
    data = pd.DataFrame({"x": rng.normal(size=3_000), "g": np.repeat(np.arange(300), 10)})
    effect = 0.7 * rng.normal(size=300)
    data["y"] = rng.poisson(np.exp(0.5 + 0.4 * data["x"] + effect[data["g"]]))
    return data


def test_without_groups_they_are_those_of_statsmodels(counts, public_data):
    ours = fit("y ~ x", counts, family="poisson")
    X = np.column_stack([np.ones(len(counts)), counts["x"]])
    theirs = GLM(counts["y"], X, family=Poisson()).fit()
    for kind in ("response", "pearson", "deviance"):
        np.testing.assert_allclose(
            ours.residuals(kind), getattr(theirs, f"resid_{kind}"), atol=1e-6
        )
    assert ours.overdispersion()["statistic"] == pytest.approx(theirs.pearson_chi2)
    herds = public_data("cbpp")
    trials = fit("cbind(incidence, noninc) ~ period", herds)
    both = herds[["incidence", "noninc"]].to_numpy()
    theirs = GLM(both, trials.design.X, family=Binomial()).fit()
    np.testing.assert_allclose(trials.residuals("deviance"), theirs.resid_deviance, atol=1e-6)
    assert trials.overdispersion()["ratio"] == pytest.approx(theirs.pearson_chi2 / 52)


def test_gaussian_pearson_residuals_have_unit_variance(sleep):
    found = sleep.residuals("pearson")
    np.testing.assert_allclose(found, sleep.residuals() / np.sqrt(sleep.dispersion))
    assert found.std() == pytest.approx(0.92, abs=0.03)  # modes use some freedom up


@pytest.mark.parametrize("conditional", [True, False])
def test_quantile_residuals_of_the_right_model_are_normal(counts, conditional):
    fitted = fit("y ~ x + (1 | g)", counts, family="poisson")
    found = fitted.residuals("quantile", np.random.default_rng(1), conditional=conditional)
    # Given the modes rows are nearly independent; averaged over groups one a group is.
    rows = found if conditional else found.iloc[::10]
    assert kstest(rows, "norm").pvalue > 0.05


def test_quantile_residuals_show_a_wrong_family(counts):
    plain = fit("y ~ x", counts, family="poisson")
    found = plain.residuals("quantile", np.random.default_rng(1))
    assert found.std() > 1.2
    assert plain.overdispersion()["p_value"] < 1e-10


def test_a_continuous_outcome_needs_no_generator(sleep):
    found = sleep.residuals("quantile")
    np.testing.assert_allclose(found, sleep.residuals("pearson"), atol=1e-6)


def test_binary_residuals_are_normal(public_data):
    data = public_data("contraception")
    fitted = fit("usen ~ age + urban + (1 | district)", data)
    found = fitted.residuals("quantile", np.random.default_rng(3))
    assert kstest(found, "norm").pvalue > 0.05
    with pytest.raises(ModelError, match="cannot be overdispersed"):
        fitted.overdispersion()


def test_what_is_missing_is_named(herds, sleep):
    with pytest.raises(UsageError, match=r"pass rng=numpy.random.default_rng\(seed\)"):
        herds.residuals("quantile")
    with pytest.raises(UsageError, match=r"Unknown kind 'pearsn'.*'pearson'"):
        herds.residuals("pearsn")
    with pytest.raises(ModelError, match="estimates its own dispersion"):
        sleep.overdispersion()
