"""Predictions: averages over groups by simulation, intervals by closed forms and coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from peerstats.errors import DataError, UsageError
from peerstats.model.averaging import average
from peerstats.model.fit import fit

PERIODS = pd.DataFrame({"period": ["1", "2", "3", "4"]})


def test_averages_are_those_of_simulation():
    rng = np.random.default_rng(1)
    draws = rng.normal(size=2_000_000)
    for spread in (0.5, 2.0):
        found = average(expit, np.array([-1.0]), np.array([spread**2]))[0]
        assert found == pytest.approx(expit(-1 + spread * draws).mean(), abs=1e-3)


def test_population_risk_lies_nearer_one_half(herds):
    typical = herds.predict(PERIODS, conditional=False)
    everyone = herds.predict(PERIODS, kind="population")
    assert ((everyone > typical) & (everyone < 0.5)).all()
    sd = herds.varcorr["sd"][0]
    by_hand = average(expit, logit(typical.to_numpy()), np.full(4, sd**2))
    np.testing.assert_allclose(everyone, by_hand)


def test_population_of_a_log_link_has_a_closed_form(public_data):
    fitted = fit("y ~ trt + (1 | subject)", public_data("epil"), family="poisson")
    typical = fitted.predict(conditional=False)
    variance = fitted.varcorr["variance"][0]
    np.testing.assert_allclose(fitted.predict(kind="population"), typical * np.exp(variance / 2))
    # log μ = x'β + τ²/2, so Var = x'Cx + 2 x'cov(β, log τ) τ² + τ⁴ Var(log τ).
    found = fitted.predict_interval(kind="population").iloc[0]
    C, x = fitted.covariance.to_numpy(), np.r_[fitted.design.X[0], variance]
    assert found["std_error"] == pytest.approx(np.sqrt(x @ C @ x), rel=1e-4)
    assert found["high"] == pytest.approx(
        found["prediction"] * np.exp(1.959964 * np.sqrt(x @ C @ x))
    )


def test_typical_groups_have_the_delta_method_s_interval(herds):
    found = herds.predict_interval(PERIODS, "link", conditional=False)
    X = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]])
    error = np.sqrt(np.einsum("ia,ab,ib->i", X, herds.cov_params(), X))
    np.testing.assert_allclose(found["std_error"], error)
    risks = herds.predict_interval(PERIODS, conditional=False)
    np.testing.assert_allclose(risks["low"], expit(found["low"]))


def test_known_groups_have_henderson_s_variance(sleep):
    """The same from the inverse of the whole of Henderson's mixed model equations."""
    found = sleep.predict_interval(kind="link")
    X, days = sleep.design.X, sleep.design.X[:, 1]
    codes = sleep.design.groups["Subject"].codes
    Z = np.zeros((len(X), 36))
    Z[np.arange(len(X)), 2 * codes], Z[np.arange(len(X)), 2 * codes + 1] = 1, days
    sd, rho = sleep.varcorr["sd"].to_numpy(), sleep.varcorr["corr"][1]
    G = np.array([[sd[0] ** 2, rho * sd[0] * sd[1]], [rho * sd[0] * sd[1], sd[1] ** 2]])
    both = np.hstack([X, Z])
    whole = both.T @ both / sd[2] ** 2
    whole[2:, 2:] += np.kron(np.eye(18), np.linalg.inv(G))
    error = np.sqrt(np.einsum("ia,ab,ib->i", both, np.linalg.inv(whole), both))
    np.testing.assert_allclose(found["std_error"], error, rtol=1e-6)


def test_new_groups_are_uncertain_by_their_variance(sleep):
    new = pd.DataFrame({"Days": [0.0, 5.0], "Subject": ["someone", "someone"]})
    with pytest.raises(DataError, match="has 1 level"):
        sleep.predict_interval(new)
    found = sleep.predict_interval(new, new_levels="population")
    typical = sleep.predict_interval(new, conditional=False)
    sd, rho = sleep.varcorr["sd"].to_numpy(), sleep.varcorr["corr"][1]
    z = new["Days"].to_numpy()
    own = sd[0] ** 2 + 2 * rho * sd[0] * sd[1] * z + sd[1] ** 2 * z**2
    np.testing.assert_allclose(found["std_error"] ** 2, typical["std_error"] ** 2 + own)
    assert "1 new level(s)" in found.attrs["messages"][0]


def test_slopes_enter_new_predictions(sleep):
    known = pd.DataFrame({"Days": [3.0, np.nan], "Subject": ["308", "308"]})
    found = sleep.predict(known)
    modes = sleep.random_effects["Subject"].loc["308"]
    by_hand = sleep.params["Intercept"] + modes["Intercept"]
    by_hand += 3 * (sleep.params["Days"] + modes["Days"])
    assert found[0] == pytest.approx(by_hand)
    assert np.isnan(found[1])
    row = int(np.flatnonzero(sleep.design.groups["Subject"].codes == 0)[3])
    assert sleep.predict().iloc[row] == pytest.approx(by_hand)


def test_intervals_of_groups_cover():
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(40), 25)
    inside = []
    for _ in range(25):
        effect = 0.8 * rng.normal(size=40)
        y = rng.binomial(1, expit(-0.3 + effect)[group])
        fitted = fit("y ~ 1 + (1 | g)", {"y": y, "g": group})
        found = fitted.predict_interval(pd.DataFrame({"g": np.arange(40)}))
        inside.append(
            found["low"].le(expit(-0.3 + effect)) & found["high"].ge(expit(-0.3 + effect))
        )
    assert np.mean(inside) == pytest.approx(0.95, abs=0.025)


def test_kinds_are_checked(herds):
    with pytest.raises(UsageError, match=r"Unknown kind 'populaton'.*'population'"):
        herds.predict(kind="populaton")


def test_rows_of_several_groups_get_the_share_of_each():
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.integers(0, 20, (400, 2)), columns=["a", "b"])
    effect = rng.normal(size=20)
    data["y"] = 0.5 * effect[data["a"]] + 0.5 * effect[data["b"]] + rng.normal(size=400)
    fitted = fit("y ~ 1 + (1 | mm(a, b))", data, family="gaussian")
    np.testing.assert_allclose(fitted.predict(data), fitted.predict())
    alone = pd.DataFrame({"a": [3, 3], "b": [None, 99]})
    with pytest.raises(DataError, match=r"has 1 level\(s\) the fit"):
        fitted.predict(alone)
    found = fitted.predict(alone, new_levels="population")
    mode = fitted.random_effects["mm(a, b)"].loc["3", "mode"]
    np.testing.assert_allclose(found - fitted.params["Intercept"], [mode, mode / 2])
    variance = fitted.varcorr["variance"][0]
    spread = fitted.predict_interval(alone, new_levels="population")["std_error"] ** 2
    assert spread[1] > variance / 4  # of the venue that was not seen


@pytest.mark.parametrize("random", ["", " + (1 | site)"])
def test_intervals_of_a_mean_count_the_uncertainty_of_its_zeros(random):
    # The mean is (1 - π) e^η; d log(1 - π) = -π dz with z the logit of π.
    rng = np.random.default_rng(3)
    site, x = np.repeat(np.arange(20), 15), rng.normal(size=300)
    mean = np.exp(0.7 + 0.4 * x + 0.3 * rng.normal(size=20)[site])
    y = np.where(rng.random(300) < 0.3, 0, rng.poisson(mean))
    data = pd.DataFrame({"y": y, "x": x, "site": site})
    model = fit("y ~ x" + random, data, "zero_inflated_poisson", zero_formula="~ x")
    new = data.head(3)
    solution = model.solution
    X = np.column_stack([np.ones(3), new["x"]])
    certain = 1 / (1 + np.exp(-X @ solution.auxiliary))
    slopes = np.column_stack([X, -certain[:, None] * X])
    variance = np.einsum("ia,ab,ib->i", slopes, solution.covariance[:4, :4], slopes)
    found = model.predict_interval(new, conditional=False)
    np.testing.assert_allclose(found["std_error"], np.sqrt(variance), rtol=1e-5)
    known = model.predict_interval(new, "link", conditional=False)
    assert (found["std_error"] > known["std_error"] * 1.01).any()
    if random:
        drawn_too = model.predict_interval(new, "population")["std_error"]
        assert (drawn_too >= 0.99 * found["std_error"]).all()
