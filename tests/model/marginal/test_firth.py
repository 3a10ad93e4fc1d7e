"""Firth's logit with site effects: against a brute-force optimiser and known truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import expit
from scipy.stats import chi2, f

from peerstats.errors import DataError, ModelError, UsageError
from peerstats.model.marginal.firth import FirthFit, firth_logit


def sites(seed: int = 4, count: int = 5, size: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(count), size)
    x, z = rng.binomial(1, 0.5, len(site)), rng.normal(size=len(site)).round(2)
    eta = -0.8 + 0.9 * x - 0.4 * z + 0.7 * rng.normal(size=count)[site]
    return pd.DataFrame({"y": rng.binomial(1, expit(eta)), "x": x, "z": z, "site": site})


def brute(data: pd.DataFrame, columns: list[str], held: dict[int, float]) -> tuple[float, Any]:
    """Maximise l + ½ log|X'WX| with dummies by a general optimiser; `held` fixes slopes."""
    X = np.column_stack([pd.get_dummies(data["site"]).astype(float), data[columns]])
    y = data["y"].to_numpy()
    first = X.shape[1] - len(columns)
    free = [k for k in range(X.shape[1]) if k - first not in held]
    theta = np.zeros(X.shape[1])
    for k, value in held.items():
        theta[first + k] = value

    def loss(part: np.ndarray) -> tuple[float, np.ndarray]:
        whole = theta.copy()
        whole[free] = part
        eta = X @ whole
        mu = expit(eta)
        information = X.T @ (X * (mu * (1 - mu))[:, None])
        value = (y * eta - np.logaddexp(0, eta)).sum() + 0.5 * np.linalg.slogdet(information)[1]
        h = mu * (1 - mu) * np.einsum("ij,jk,ik->i", X, np.linalg.inv(information), X)
        return -value, -(X.T @ (y - mu + h * (0.5 - mu)))[free]

    found = minimize(loss, theta[free], jac=True, method="BFGS", options={"gtol": 1e-9})
    return -found.fun, found.x


def test_estimates_and_ratios_are_those_of_a_brute_force_optimiser() -> None:
    data = sites()
    model = firth_logit("y ~ x + z", data, "site")
    value, theta = brute(data, ["x", "z"], {})
    assert model.converged
    assert model.llf == pytest.approx(value, abs=1e-10)
    np.testing.assert_allclose(model.params, theta[-2:], atol=1e-7)
    np.testing.assert_allclose(model.site_effects["intercept"], theta[:-2], atol=1e-7)
    for at in (0.0, 1.3):
        expected = [2 * (value - brute(data, ["x", "z"], {k: at})[0]) for k in (0, 1)]
        np.testing.assert_allclose(model.likelihood_ratios(at), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.pvalues, chi2.sf(model.likelihood_ratios(), 1))


def test_the_interval_holds_what_is_not_rejected() -> None:
    data = sites()
    model = firth_logit("y ~ x + z", data, "site")
    interval = model.conf_int(0.1)
    for k, name in enumerate(["x", "z"]):
        for side in (0, 1):
            ratio = model.likelihood_ratios(interval.loc[name, side])[name]
            assert ratio == pytest.approx(chi2.isf(0.1, 1), abs=1e-7)

        def gap(c: float, k: int = k) -> float:
            return 2 * (model.llf - brute(data, ["x", "z"], {k: c})[0]) - chi2.isf(0.1, 1)

        upper = brentq(gap, model.params[name], model.params[name] + 4, xtol=1e-9)
        assert interval.loc[name, 1] == pytest.approx(upper, abs=1e-6)


def test_standard_errors_are_those_of_the_information() -> None:
    data = sites()
    model = firth_logit("y ~ x + z", data, "site")
    X = np.column_stack([pd.get_dummies(data["site"]).astype(float), data[["x", "z"]]])
    mu = model.predict().to_numpy()
    inverse = np.linalg.inv(X.T @ (X * (mu * (1 - mu))[:, None]))
    np.testing.assert_allclose(model.cov_params(), inverse[-2:, -2:], rtol=1e-8)
    np.testing.assert_allclose(
        model.site_effects["std_error"], np.sqrt(np.diag(inverse)[:-2]), rtol=1e-8
    )


def test_separation_and_sites_of_one_outcome_stay_finite() -> None:
    data = sites(count=4)
    data.loc[data["site"] == 0, "y"] = 0
    data["apart"] = data["y"]
    model = firth_logit("y ~ apart", data, "site")
    assert model.converged
    assert np.isfinite(model.params).all()
    assert np.isfinite(model.conf_int()).all(axis=None)
    assert np.isfinite(model.site_effects).all(axis=None)
    assert model.pvalues["apart"] < 0.001
    value, theta = brute(data, ["apart"], {})
    assert model.llf == pytest.approx(value, abs=1e-9)
    assert model.params["apart"] == pytest.approx(theta[-1], abs=1e-6)


def test_the_f_reference_is_the_more_careful_one() -> None:
    data = sites()
    wide = firth_logit("y ~ x + z", data, "site", reference="f")
    usual = firth_logit("y ~ x + z", data, "site")
    assert wide.df == 60 - 5 - 2
    np.testing.assert_allclose(wide.pvalues, f.sf(usual.likelihood_ratios(), 1, 53))
    assert (wide.conf_int()[1] > usual.conf_int()[1]).all()


def test_rows_summed_trials_and_weights_are_the_same_data() -> None:
    data = sites().drop(columns="z")
    plain = firth_logit("y ~ x", data, "site")
    counts = data.groupby(["site", "x"])["y"].agg(["sum", "count"]).reset_index()
    counts["no"] = counts["count"] - counts["sum"]
    trials = firth_logit("cbind(sum, no) ~ x", counts, "site")
    cells = data.groupby(["site", "x", "y"]).size().rename("times").reset_index()
    weighted = firth_logit("y ~ x", cells, "site", weights="times")
    for other in (trials, weighted):
        np.testing.assert_allclose(other.params, plain.params, rtol=1e-9)
        np.testing.assert_allclose(other.pvalues, plain.pvalues, rtol=1e-7)


def shown() -> FirthFit:
    data = sites().assign(arm=lambda d: d["site"] % 2)
    return firth_logit("y ~ x + z + arm", data, "site")


def test_what_it_prints_and_predicts() -> None:
    model = shown()
    assert any("'arm' left out" in message for message in model.messages)
    assert "profile penalised likelihood ratio, chi-squared(1)" in model.summary()
    assert "LR" in model._repr_html_()
    data = sites().assign(arm=0)
    np.testing.assert_allclose(model.predict(data), model.predict(), rtol=1e-12)
    data.loc[0, "site"] = np.nan
    assert np.isnan(model.predict(data)[0])
    np.testing.assert_allclose(model.predict(kind="link").map(expit), model.predict())
    with pytest.raises(DataError, match="a level that was not fitted"):
        model.predict(sites().assign(arm=0, site=77))


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"formula": "same ~ x"}, ModelError, "the same in all 60 rows"),
        ({"formula": "y ~ arm"}, ModelError, "compare the levels instead"),
        ({"formula": "y ~ z + twice"}, ModelError, "'twice' cannot be told apart from 'z'"),
        ({"formula": "z ~ x"}, DataError, "coded 0 and 1"),
        ({"reference": "t"}, UsageError, "Unknown reference 't'"),
        ({"groups": "place"}, UsageError, "'place' is not in the data"),
    ],
)
def test_refusals_say_what_to_do(change: dict[str, Any], error: type, told: str) -> None:
    data = sites().assign(same=1, arm=lambda d: d["site"] % 2, twice=lambda d: 2 * d["z"] + d.site)
    options = {"formula": "y ~ x", "groups": "site"} | change
    with pytest.raises(error, match=told):
        firth_logit(options.pop("formula"), data, **options)


def test_the_cost_is_linear_in_sites() -> None:
    data = sites(count=3000, size=6)
    model = firth_logit("y ~ x + z", data, "site")
    assert model.converged
    assert model.params["x"] == pytest.approx(0.9, abs=5 * model.bse["x"])
