"""Sampling weights: the pseudo-likelihood by scipy alone, its sandwich, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from peerstats.errors import ModelError, UsageError
from peerstats.model.compare import anova
from peerstats.model.fit import fit
from peerstats.model.sampling import cluster_scores

FORMULA = "y ~ x + (1 | site)"


def survey(sites=40, size=20, seed=1):
    """Women of a site of whom those with y = 1 were interviewed four times as often."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(sites), size * 4)
    x = rng.normal(size=len(site))
    venue = 3 * site + rng.integers(0, 3, len(site))
    eta = -0.5 + 0.6 * x + 0.8 * rng.normal(size=sites)[site]
    y = rng.binomial(1, expit(eta))
    chance = np.where(y == 1, 0.6, 0.15)
    kept = rng.random(len(site)) < chance
    frame = pd.DataFrame({"y": y, "x": x, "site": site, "venue": venue, "w": 1 / chance})
    frame = frame[kept].reset_index(drop=True)
    mean = np.exp(0.5 * eta[kept] + 1)
    counts = rng.poisson(mean * rng.gamma(2, 0.5, len(mean)))
    return frame.assign(z=eta[kept] + rng.normal(size=len(frame)), count=counts)


@pytest.fixture(scope="module")
def women():
    return survey()


@pytest.fixture(scope="module")
def weighted(women):
    return fit(FORMULA, women, method="agq", nodes=41, sampling_weights="w")


def by_hand(data, phi):
    """pl_j of each site at (β0, β1, log τ), by plain Gauss-Hermite quadrature with 60 nodes."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    total = data.groupby("site")["w"].transform("sum")
    scaled = (data["w"] * data.groupby("site")["w"].transform("size") / total).to_numpy()
    eta = phi[0] + phi[1] * data["x"].to_numpy()
    eta = eta[:, None] + np.exp(phi[2]) * points
    sign = np.where(data["y"] == 1, 1, -1)[:, None]
    rows = -scaled[:, None] * np.logaddexp(0, -sign * eta)
    sums = np.array([rows[data["site"] == j].sum(axis=0) for j in np.unique(data["site"])])
    return logsumexp(sums + np.log(weights / weights.sum()), axis=1)


def test_estimates_and_sandwich_are_those_of_scipy_alone(women, weighted):
    found = minimize(lambda phi: -by_hand(women, phi).sum(), [-0.5, 0.6, 0.0], tol=1e-10)
    phi = np.r_[weighted.params, np.log(weighted.varcorr["sd"][0])]
    np.testing.assert_allclose(phi, found.x, atol=2e-5)
    h = 1e-4
    steps = h * np.eye(3)
    scores = np.array([by_hand(women, phi + s) - by_hand(women, phi - s) for s in steps]) / (2 * h)
    hessian = np.array(
        [
            [
                sum(
                    a * b * by_hand(women, phi + a * s + b * t).sum()
                    for a in (1, -1)
                    for b in (1, -1)
                )
                for t in steps
            ]
            for s in steps
        ]
    ) / (4 * h * h)
    inverse = np.linalg.inv(hessian)
    sandwich = inverse @ (scores @ scores.T) @ inverse * 40 / 39
    np.testing.assert_allclose(weighted.covariance, sandwich, rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(weighted.bse, np.sqrt(np.diag(sandwich)[:2]), rtol=2e-4)


def test_weights_undo_an_informative_selection(women, weighted):
    # True values: -0.5, 0.6, 0.8. Cases were oversampled fourfold: log 4 is added to the intercept.
    assert abs(weighted.params["Intercept"] + 0.5) < 2.5 * weighted.bse["Intercept"]
    assert abs(weighted.params["x"] - 0.6) < 2.5 * weighted.bse["x"]
    plain = fit(FORMULA, women)
    assert plain.params["Intercept"] > 0.5


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("y ~ x + (x | site)", "binomial"),
        ("y ~ x + (1 | site/venue)", "binomial"),
        ("count ~ x + (1 | site)", "negative_binomial"),
        ("z ~ x + (x | site)", "gaussian"),
        ("z ~ x + (1 | site/venue)", "gaussian"),
    ],
)
def test_cluster_scores_sum_to_zero_and_weights_that_are_equal_change_no_estimate(
    women, formula, family
):
    model = fit(formula, women, family, sampling_weights=np.full(len(women), 7.0))
    plain = fit(formula, women, family)
    np.testing.assert_allclose(model.params, plain.params, rtol=1e-6)
    np.testing.assert_allclose(model.varcorr["sd"], plain.varcorr["sd"], rtol=1e-5)
    scores = cluster_scores(model)
    assert np.linalg.norm(scores.sum(axis=0)) / np.linalg.norm(scores) < 1e-4
    # A sandwich of a right model is near the inverse Hessian.
    ratio = model.bse / plain.bse
    assert ratio.between(0.6, 1.5).all()


def test_the_scale_of_the_weights_within_a_site_does_not_matter(women, weighted):
    rng = np.random.default_rng(2)
    scale = rng.uniform(0.1, 10, 40)[women["site"]]
    other = fit(FORMULA, women, method="agq", nodes=41, sampling_weights=women["w"] * scale)
    np.testing.assert_allclose(other.params, weighted.params, rtol=1e-8)
    np.testing.assert_allclose(other.bse, weighted.bse, rtol=1e-6)


def test_a_variance_of_zero_has_no_standard_error():
    k = np.arange(200)
    data = pd.DataFrame(
        {"y": k % 10 < 4, "x": (k * 7 % 11) / 5.0, "w": 1.0 + k % 2, "site": k // 10}
    )
    model = fit(FORMULA, data, sampling_weights="w")
    assert model.convergence.singular
    assert np.isnan(model.covariance.iloc[-1, -1])
    assert (model.bse > 0).all()


def test_a_pseudo_likelihood_never_pretends_to_be_one(women, weighted):
    for name in ("llf", "aic", "bic", "deviance"):
        with pytest.raises(ModelError, match="pseudo-likelihood"):
            getattr(weighted, name)
    for refused in (
        lambda: weighted.profile(),
        lambda: anova(weighted, weighted),
        lambda: weighted.bootstrap(np.random.default_rng(1), 5),
        weighted.overdispersion,
    ):
        with pytest.raises(ModelError, match="pseudo-likelihood"):
            refused()
    shown = weighted.summary()
    assert "pseudo-likelihood, sandwich by site; no likelihood" in shown
    assert "AIC" not in shown
    assert "AIC" not in weighted._repr_html_()
    assert "not for which levels were visited" in weighted.messages[0]
    assert weighted.nobs == len(women)


def test_what_needs_no_likelihood_still_works(women, weighted):
    assert len(weighted.simulate(np.random.default_rng(1))) == len(women)
    frame = weighted.predict_interval(women.head(3), "population")
    assert (frame["low"] < frame["prediction"]).all()
    assert len(weighted.influence(kind="one_step")) == 40
    laplace = fit(FORMULA, women, sampling_weights="w")
    drawn = laplace.bootstrap(np.random.default_rng(1), 60, kind="cluster")
    assert drawn.failed == 0
    assert (drawn.bse[:2] / laplace.bse).between(0.7, 1.4).all()


@pytest.mark.parametrize(
    ("formula", "options", "error", "message"),
    [
        ("y ~ x", {}, ModelError, r"use gee\("),
        ("y ~ x + (1 | site) + (1 | k)", {}, ModelError, "must be nested"),
        ("z ~ x + (1 | site)", {"family": "gaussian", "reml": True}, ModelError, "neither REML"),
        ("y ~ x + (1 | site)", {"penalty": "log_f"}, ModelError, "neither REML nor penalties"),
        ("y ~ x + (1 | site)", {"weights": "w"}, UsageError, "not both"),
    ],
)
def test_models_without_a_sandwich_are_refused(women, formula, options, error, message):
    data = women.assign(k=np.arange(len(women)) % 7)
    with pytest.raises(error, match=message):
        fit(formula, data, sampling_weights="w", **options)
