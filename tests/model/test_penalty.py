"""Penalised mixed models: against brute force, and where the plain ones have no answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from peerstats.errors import ModelError, UsageError
from peerstats.model.compare import anova
from peerstats.model.design import build_design
from peerstats.model.engines.fixed import prepare
from peerstats.model.engines.likelihood import hessian_of, likelihood_of
from peerstats.model.engines.penalised import Penalised
from peerstats.model.families import find_family
from peerstats.model.fit import fit
from peerstats.model.penalty import with_penalty

FORMULA = "y ~ x + z + (1 | site)"


def sites(seed: int = 2, count: int = 6, size: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(count), size)
    x, z = rng.binomial(1, 0.5, len(site)), rng.normal(size=len(site)).round(1)
    eta = -0.5 + x - 0.4 * z + 0.8 * rng.normal(size=count)[site]
    return pd.DataFrame({"y": rng.binomial(1, expit(eta)), "x": x, "z": z, "site": site})


def brute(data: pd.DataFrame, names: tuple[str, ...]) -> tuple[np.ndarray, float]:
    """Maximise by a general optimiser, the integral by 200 plain Gauss-Hermite nodes."""
    X = np.column_stack([np.ones(len(data)), data["x"], data["z"]])
    y, site = data["y"].to_numpy(), data["site"].to_numpy()
    node, weight = np.polynomial.hermite_e.hermegauss(120)
    log_weight = np.log(weight / weight.sum())

    def loss(theta: np.ndarray) -> float:
        beta, tau = theta[:3], np.exp(theta[3])
        eta = (X @ beta)[:, None] + tau * node
        rows = y[:, None] * eta - np.logaddexp(0, eta)
        by_site = np.array([rows[site == j].sum(axis=0) for j in np.unique(site)])
        value = np.logaddexp.reduce(by_site + log_weight, axis=1).sum()
        if "log_f" in names:
            value += (beta[1:] / 2 - np.log1p(np.exp(beta[1:]))).sum()
        if "firth" in names:
            mu = expit(X @ beta)
            value += 0.5 * np.linalg.slogdet(X.T @ (X * (mu * (1 - mu))[:, None]))[1]
        return -(value + ("log_tau" in names) * theta[3])

    options = {"gtol": 1e-7}
    found = minimize(loss, [0, 0, 0, -0.5], method="BFGS", options=options)
    return np.r_[found.x[:3], np.exp(found.x[3])], -found.fun


@pytest.mark.parametrize(
    "names", [("log_f",), ("log_tau",), ("log_f", "log_tau"), ("firth", "log_tau")]
)
def test_estimates_are_those_of_brute_force(names: tuple[str, ...]) -> None:
    data = sites()
    model = fit(FORMULA, data, penalty=names, method="agq", nodes=31)
    expected, _ = brute(data, names)
    assert model.converged
    np.testing.assert_allclose([*model.params, model.varcorr["sd"][0]], expected, atol=2e-5)
    assert set(model.penalty) == set(names)
    assert any("Estimates are penalised" in message for message in model.messages)
    # The log-likelihood is reported without the penalty, so it lies below the maximum.
    assert model.llf < fit(FORMULA, data, method="agq", nodes=31).llf


@pytest.mark.parametrize("names", [("log_f", "log_tau"), ("firth", "log_tau")])
@pytest.mark.parametrize("nodes", [1, 9])
def test_gradient_and_hessian_are_exact(names: tuple[str, ...], nodes: int) -> None:
    design = build_design(FORMULA, sites())
    ready = with_penalty(prepare(design, find_family("binomial")), names)
    assert ready.penalty is not None
    model = Penalised(likelihood=likelihood_of(ready.problem, nodes), penalty=ready.penalty)
    exact = hessian_of(model)
    assert exact is not None
    at, modes = np.array([-0.4, 0.9, -0.3, 0.7]), np.zeros(6)

    def place(theta: np.ndarray) -> Any:
        return model.evaluate(theta[:3], theta[3:], modes)

    here = place(at)
    for k, shift in enumerate(1e-5 * np.eye(4)):
        up, down = place(at + shift), place(at - shift)
        assert here.gradient[k] == pytest.approx((up.value - down.value) / 2e-5, rel=1e-6, abs=1e-6)
        second = (up.gradient - down.gradient) / 2e-5
        found = exact(at[:3], at[3:], here.modes)[k]
        np.testing.assert_allclose(found, second, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("names", [("log_f", "log_tau"), ("firth", "log_tau")])
def test_a_separated_outcome_has_finite_estimates(names: tuple[str, ...]) -> None:
    data = sites(count=3, size=20)
    data.loc[data["x"] == 1, "y"] = 1
    with pytest.raises(ModelError, match="separated"):
        fit("y ~ x + (1 | site)", data)
    with pytest.raises(ModelError, match="separated"):
        fit("y ~ x + (1 | site)", data, penalty="log_tau")  # does not hold the slopes
    model = fit("y ~ x + (1 | site)", data, penalty=names, method="agq", nodes=11)
    assert model.converged
    assert 2 < model.params["x"] < 8
    assert np.isfinite(model.bse).all()


def test_log_tau_keeps_the_variance_from_zero() -> None:
    rng = np.random.default_rng(1)
    site = np.repeat(np.arange(3), 12)
    data = pd.DataFrame({"y": rng.permutation(np.tile([0, 1], 18)), "site": site})
    assert fit("y ~ 1 + (1 | site)", data).varcorr["sd"][0] == 0.0
    held = fit("y ~ 1 + (1 | site)", data, penalty="log_tau")
    assert held.converged
    assert held.varcorr["sd"][0] > 0.1


def test_several_random_intercepts_take_a_penalty() -> None:
    data = sites(count=8).assign(room=lambda d: np.arange(len(d)) % 4)
    for random in ("(1 | site) + (1 | room)", "(1 | site / room)"):
        model = fit(f"y ~ x + {random}", data, penalty=("log_f", "log_tau"))
        assert model.converged
        assert (model.varcorr["sd"] > 0.05).all()


def test_profiles_are_those_of_the_penalised_likelihood() -> None:
    data = sites()
    model = fit(FORMULA, data, penalty=("log_f", "log_tau"), method="agq", nodes=15)
    interval = model.profile(["x"]).conf_int()
    _, top = brute(data, ("log_f", "log_tau"))
    assert interval.loc["x", 0] < model.params["x"] < interval.loc["x", 1]
    shifted = data.assign(held=interval.loc["x", 1] * data["x"])
    low = fit(
        "y ~ z + offset(held) + (1 | site)", shifted, penalty=("log_f", "log_tau"),
        method="agq", nodes=15,
    )  # fmt: skip
    b = interval.loc["x", 1]
    tail = low.llf + (low.params["z"] / 2 - np.log1p(np.exp(low.params["z"])))
    value = tail + b / 2 - np.log1p(np.exp(b)) + np.log(low.varcorr["sd"][0])
    assert 2 * (top - value) == pytest.approx(3.841459, abs=1e-3)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"penalty": "logf"}, UsageError, "Did you mean 'log_f'"),
        ({"penalty": ("log_f", "firth")}, UsageError, "choose one"),
        ({"formula": "y ~ x", "penalty": "firth"}, UsageError, "firth_logit"),
        ({"formula": "z ~ x + (1 | site)", "family": "gaussian"}, UsageError, "yes/no outcomes"),
        ({"penalty": "firth", "link": "probit"}, UsageError, "needs the link logit"),
        ({"formula": "y ~ x + (x | site)"}, ModelError, "random intercepts only"),
    ],
)
def test_refusals_say_what_to_do(change: dict[str, Any], error: type, told: str) -> None:
    options = {"formula": FORMULA, "penalty": "log_f"} | change
    with pytest.raises(error, match=told):
        fit(options.pop("formula"), sites(), **options)


def test_penalised_fits_are_not_compared_by_likelihood() -> None:
    data = sites()
    with pytest.raises(ModelError, match="Penalised fits"):
        anova(fit("y ~ 1 + (1 | site)", data), fit("y ~ x + (1 | site)", data, penalty="log_f"))


def test_bootstrap_refits_keep_the_penalty() -> None:
    data = sites(count=5)
    model = fit("y ~ x + (1 | site)", data, penalty=("log_f", "log_tau"))
    draws = model.bootstrap(np.random.default_rng(1), size=12).draws
    assert (draws["sd(site Intercept)"] > 0.02).all()
    assert np.isfinite(draws).all(axis=None)
