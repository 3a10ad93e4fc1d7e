"""R² on models whose variances are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peerstats.model.fit import fit

REFERENCE = Path(__file__).parents[1] / "reference"


def test_the_parts_are_those_of_the_truth():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.normal(size=30_000), "g": np.repeat(np.arange(1_000), 30)})
    eta = 0.2 + 0.6 * data["x"] + 0.5 * rng.normal(size=1_000)[data["g"]]
    data["count"], data["yes"] = rng.poisson(np.exp(eta)), rng.binomial(1, 1 / (1 + np.exp(-eta)))
    data["size"] = eta + rng.normal(size=len(eta))
    mean = np.exp(0.2 + 0.36 / 2 + 0.25 / 2)
    own = {"yes": np.pi**2 / 3, "size": 1.0, "count": np.log1p(1 / mean)}
    families = {"yes": "binomial", "size": "gaussian", "count": "poisson"}
    for outcome, variance in own.items():
        found = fit(f"{outcome} ~ x + (1 | g)", data, family=families[outcome]).r_squared()
        total = 0.36 + 0.25 + variance
        assert found["marginal"] == pytest.approx(0.36 / total, rel=0.08)
        assert found["conditional"] == pytest.approx(0.61 / total, rel=0.08)
        assert found["distribution"] == pytest.approx(variance, rel=0.05)


def test_random_slopes_count_by_the_rows_mean_variance(sleep):
    found = sleep.r_squared()
    parts, days = sleep.varcorr, sleep.design.X[:, 1]
    sd = parts["sd"].to_numpy()
    cross = 2 * parts["corr"][1] * sd[0] * sd[1]
    assert found["random"] == pytest.approx(
        sd[0] ** 2 + cross * days.mean() + sd[1] ** 2 * (days**2).mean()
    )
    fixed = sleep.params["Days"] ** 2 * days.var(ddof=1)
    assert found["fixed"] == pytest.approx(fixed)


def test_r_squared_of_lme4s_variances(sleep):
    """Nakagawa, Johnson & Schielzeth (2017) by hand from what lme4 estimates (lme4.json)."""
    reference = json.loads((REFERENCE / "lme4.json").read_text())["fits"]["sleepstudy_slope_reml"]
    intercept, slope, corr, residual = (
        part.get("sd", part.get("corr")) for part in reference["components"]
    )
    fixed = reference["estimate"]["Days"] ** 2 * np.tile(np.arange(10), 18).var(ddof=1)
    # Days 0 to 9: mean 4.5, mean square 28.5.
    random = intercept**2 + 2 * corr * intercept * slope * 4.5 + slope**2 * 28.5
    total = fixed + random + residual**2
    found = sleep.r_squared()
    assert found["marginal"] == pytest.approx(fixed / total, rel=1e-4)
    assert found["conditional"] == pytest.approx((fixed + random) / total, rel=1e-4)


def test_least_squares_is_the_adjusted_r_squared_of_the_variance(public_data):
    fitted = fit("Reaction ~ Days", public_data("sleepstudy"), family="gaussian")
    found = fitted.r_squared()
    assert found["marginal"] == found["conditional"]
    assert found["marginal"] == pytest.approx(0.2865, abs=5e-3)
