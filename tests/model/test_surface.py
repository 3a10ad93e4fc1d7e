"""The likelihood as a function of every parameter, where it is known by other means."""

from __future__ import annotations

import numpy as np
import pytest

from peerstats.model.fit import fit
from peerstats.model.surface import surface_of


def test_models_without_random_effects_have_the_profiles_of_r(public_data):
    # R: confint(glm(cbind(incidence, noninc) ~ period, binomial, cbpp))
    model = fit("cbind(incidence, noninc) ~ period", public_data("cbpp"))
    theirs = [
        (-1.5611588, -0.99202655),
        (-1.7695366, -0.62047954),
        (-1.9508831, -0.71572710),
        (-2.6806594, -1.03755181),
    ]
    np.testing.assert_allclose(model.profile().conf_int(), theirs, atol=2e-4)


def test_the_profile_of_a_linear_model_is_known_in_closed_form():
    # ζ² = n log(1 + t²/(n - p)) for a coefficient with Student's t.
    rng = np.random.default_rng(8)
    x = rng.normal(size=30)
    model = fit("y ~ x", {"y": 1 + x + rng.normal(size=30), "x": x}, family="gaussian")
    t = np.sqrt(28 * np.expm1(1.959963985**2 / 30))
    found = model.profile().conf_int()
    for name in ("Intercept", "x"):
        ends = model.params[name] + t * model.bse[name] * np.array([-1, 1])
        np.testing.assert_allclose(found.loc[name], ends, rtol=1e-4)
    assert found.loc["sd(Residual)", 0] < np.sqrt(model.dispersion) < found.loc["sd(Residual)", 1]


def test_a_surface_with_nodes_is_the_likelihood_of_the_fit_with_slopes():
    rng = np.random.default_rng(2)
    site = np.repeat(np.arange(25), 20)
    x = rng.normal(size=500)
    level, slope = rng.normal(size=(2, 25))
    risk = 1 / (1 + np.exp(-(0.3 + x + level[site] + slope[site] * x)))
    data = {"y": rng.binomial(1, risk), "x": x, "site": site}
    model = fit("y ~ x + (x | site)", data, method="agq", nodes=5)
    surface = surface_of(model)
    found = surface.objective(surface.best, surface.modes)
    assert found.value == pytest.approx(model.llf, abs=1e-6)
    assert np.abs(found.gradient * np.sqrt(np.diag(model.covariance))).max() < 1e-3
