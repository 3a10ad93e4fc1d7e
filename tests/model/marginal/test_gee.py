"""Estimating equations: against geepack, against dense matrices and statsmodels, and at the door.

`dense` builds every (n_j x n_j) matrix of the sources, so it checks the p x p algebra and nothing
of it is shared with the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from statsmodels.genmod.cov_struct import Exchangeable, Independence
from statsmodels.genmod.families import Binomial, Poisson
from statsmodels.genmod.generalized_estimating_equations import GEE

from peerstats.errors import DataError, ModelError, UsageError
from peerstats.model.marginal.gee import gee
from peerstats.model.marginal.result import MarginalFit

FOLDER = Path(__file__).parents[2] / "reference"
REFERENCE = json.loads((FOLDER / "gee.json").read_text(encoding="utf-8"))["fits"]


def read(case: str) -> pd.DataFrame:
    data = pd.read_csv(FOLDER / f"{case.split('_')[0]}.csv")
    for name in {"period", "livch", "urban"} & set(data.columns):
        data[name] = data[name].astype(str)
    return data


def in_r(name: str) -> str:
    return name.replace("[T.", "").replace("]", "").replace("Intercept", "(Intercept)")


def places(model: MarginalFit, named: dict[str, Any]) -> list[int]:
    """Where R keeps each of our coefficients."""
    found = {frozenset(key.split(":")): i for i, key in enumerate(named)}
    return [found[frozenset(in_r(name).split(":"))] for name in model.params.index]


@pytest.mark.parametrize("case", REFERENCE)
def test_fits_are_those_of_geepack(case: str) -> None:
    reference = REFERENCE[case]
    model = gee(
        reference["formula"],
        read(case),
        reference["groups"],
        reference["family"],
        link=reference["link"],
        correlation=reference["correlation"],
        covariance="robust",
    )
    order = places(model, reference["estimate"])
    estimate = np.array(list(reference["estimate"].values()))[order]
    assert model.converged
    np.testing.assert_allclose(model.params, estimate, rtol=0, atol=1e-6 * model.bse.min())
    for kind in ("robust", "model"):
        theirs = np.array(reference[kind])[np.ix_(order, order)]
        np.testing.assert_allclose(model.cov_params(kind), theirs, rtol=1e-6, atol=1e-12)
    assert model.scale == pytest.approx(reference["scale"], rel=1e-6)
    assert model.alpha == pytest.approx(reference["alpha"], abs=1e-6)


def few_sites(seed: int = 3, sites: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.integers(3, 9, sites)
    site = np.repeat(np.arange(sites), size)
    n = len(site)
    data = pd.DataFrame({"site": site, "x": rng.normal(size=n), "arm": site % 2})
    eta = -0.3 + 0.4 * data["x"] + 0.3 * data["arm"] + 0.8 * rng.normal(size=sites)[site]
    data["m"] = rng.integers(1, 5, n)
    data["yes"] = rng.binomial(data["m"], expit(eta))
    data["no"] = data["m"] - data["yes"]
    data["y"] = (rng.uniform(size=n) < expit(eta)).astype(int)
    data["count"] = rng.poisson(np.exp(0.5 * eta))
    return data.sample(frac=1.0, random_state=1).reset_index(drop=True)


def power(matrix: np.ndarray, by: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    kept = values > 1e-10
    return (vectors[:, kept] * values[kept] ** by) @ vectors[:, kept].T


def dense(
    D: np.ndarray, V: np.ndarray, r: np.ndarray, site: np.ndarray, by: float
) -> tuple[np.ndarray, np.ndarray]:
    """Covariance and degrees of freedom from n x n matrices; V is block diagonal by site."""
    A = np.linalg.inv(D.T @ np.linalg.inv(V) @ D)
    residual = np.eye(len(r)) - D @ A @ D.T @ np.linalg.inv(V)
    parts = []
    for j in np.unique(site):
        rows = np.flatnonzero(site == j)
        root = power(V[np.ix_(rows, rows)], 0.5)
        back = np.linalg.inv(root)
        hat = back @ D[rows] @ A @ D[rows].T @ back
        adjusted = A @ D[rows].T @ back @ power(np.eye(len(rows)) - hat, by) @ back
        parts.append((adjusted, rows))
    covariance = sum(np.outer(a @ r[rows], a @ r[rows]) for a, rows in parts)
    df = []
    for k in range(len(A)):
        lines = np.array([a[k] @ residual[rows] for a, rows in parts])
        P = lines @ V @ lines.T
        df.append(np.trace(P) ** 2 / np.trace(P @ P))
    return covariance, np.array(df)


@pytest.mark.parametrize("correlation", ["independence", "exchangeable"])
@pytest.mark.parametrize(("kind", "by"), [("cr2", -0.5), ("mancl_derouen", -1.0), ("robust", 0.0)])
def test_covariances_and_df_are_those_of_dense_matrices(
    correlation: str, kind: str, by: float
) -> None:
    data = few_sites()
    model = gee("cbind(yes, no) ~ x + arm", data, "site", correlation=correlation, covariance=kind)
    X = np.column_stack([np.ones(len(data)), data["x"], data["arm"]])
    mu = expit(X @ model.params.to_numpy())
    spread = np.sqrt(mu * (1 - mu) / data["m"].to_numpy())
    same = data["site"].to_numpy()[:, None] == data["site"].to_numpy()
    R = np.where(same, model.alpha, 0.0)
    np.fill_diagonal(R, 1.0)
    D = X * (mu * (1 - mu))[:, None]
    r = (data["yes"] / data["m"]).to_numpy() - mu
    V = R * np.outer(spread, spread)
    covariance, df = dense(D, V, r, data["site"].to_numpy(), by)
    np.testing.assert_allclose(model.cov_params(), covariance, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(model.df, df, rtol=1e-10)


@pytest.mark.parametrize("structure", [Independence, Exchangeable])
def test_mancl_derouen_is_the_bias_reduced_covariance_of_statsmodels(structure: Any) -> None:
    data = few_sites().sort_values("site")
    theirs = GEE.from_formula(
        "count ~ x + arm", "site", data, family=Poisson(), cov_struct=structure()
    ).fit(cov_type="bias_reduced", ctol=1e-12, maxiter=200, scale=1.0)
    alpha = 0.0 if structure is Independence else theirs.cov_struct.dep_params
    name = "independence" if structure is Independence else "exchangeable"
    ours = gee("count ~ x + arm", data, "site", "poisson", correlation=name)
    if structure is Independence:
        np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-8)
        found = ours.with_covariance("mancl_derouen").bse
        np.testing.assert_allclose(found, theirs.bse, rtol=1e-8)
    else:  # its moment estimate divides by pairs - p
        assert ours.alpha == pytest.approx(alpha, abs=0.15)


def test_frequency_weights_are_rows_written_several_times() -> None:
    data = few_sites(sites=12)
    times = np.random.default_rng(1).integers(1, 4, len(data))
    weighted = gee("y ~ x + arm", data.assign(times=times), "site", weights="times")
    written = gee("y ~ x + arm", data.loc[data.index.repeat(times)], "site")
    np.testing.assert_allclose(weighted.params, written.params, rtol=1e-9)
    np.testing.assert_allclose(weighted.cov_params(), written.cov_params(), rtol=1e-8)
    np.testing.assert_allclose(weighted.df, written.df, rtol=1e-8)
    assert weighted.nobs == written.nobs


def test_sampling_weights_weigh_the_equations_not_the_rows() -> None:
    data = few_sites(sites=12).sort_values("site")
    data["w"] = np.random.default_rng(2).uniform(0.5, 4.0, len(data))
    model = gee(
        "y ~ x + arm", data, "site", correlation="independence", covariance="robust",
        sampling_weights="w",
    )  # fmt: skip
    theirs = GEE.from_formula("y ~ x + arm", "site", data, family=Binomial(), weights=data["w"])
    np.testing.assert_allclose(model.params, theirs.fit().params, rtol=1e-6)
    np.testing.assert_allclose(model.bse, theirs.fit().bse, rtol=1e-5)
    assert model.nobs == len(data)
    with pytest.raises(UsageError, match="need a sandwich"):
        model.cov_params("model")
    tenfold = gee(
        "y ~ x + arm", data, "site", correlation="independence",
        sampling_weights=10 * data["w"].to_numpy(),
    )  # fmt: skip
    once = model.with_covariance("cr2")
    np.testing.assert_allclose(tenfold.bse, once.bse, rtol=1e-8)
    np.testing.assert_allclose(tenfold.df, once.df, rtol=1e-8)


def test_many_small_clusters_give_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    data = few_sites(sites=50)
    whole = gee("y ~ x + arm", data, "site")
    monkeypatch.setattr("peerstats.model.marginal.clusters.BLOCK", 60)
    np.testing.assert_allclose(
        whole.cov_params("cr2"), gee("y ~ x + arm", data, "site").cov_params()
    )
    monkeypatch.setattr("peerstats.model.marginal.clusters.LARGE", 0)
    np.testing.assert_allclose(
        whole.cov_params("cr2"), gee("y ~ x + arm", data, "site").cov_params()
    )


def test_independence_is_the_plain_model() -> None:
    data = few_sites()
    theirs = GEE.from_formula("y ~ x", "site", data, family=Binomial()).fit()
    ours = gee("y ~ x", data, "site", correlation="independence", covariance="robust")
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-6)
    np.testing.assert_allclose(ours.bse, theirs.bse, rtol=1e-5)
    assert (ours.pvalues > theirs.pvalues).all()  # t, never z
    assert (ours.df < 6).all()


def test_single_rows_a_cluster_have_no_correlation() -> None:
    data = few_sites(sites=12).assign(row=range(len(few_sites(sites=12))))
    model = gee("y ~ x", data, "row")
    assert model.alpha == 0.0
    assert model.converged


def test_results_have_the_names_of_statsmodels() -> None:
    data = few_sites(sites=10)
    data.loc[[0, 1], "site"] = np.nan
    data.loc[2, "x"] = np.nan
    model = gee("y ~ x + offset(log(m))", data, "site")
    assert model.nobs == len(data) - 3
    assert model.dropped == {"x": 1, "site": 2}
    assert model.groups == {"site": 10}
    interval = model.conf_int()
    assert ((interval[0] < model.params) & (model.params < interval[1])).all()
    wide = model.conf_int(0.01)
    assert (wide[1] - wide[0] > interval[1] - interval[0]).all()
    np.testing.assert_allclose(model.tvalues, model.params / model.bse)
    assert model.bse["x"] == pytest.approx(model.cov_params().loc["x", "x"] ** 0.5)
    again = model.predict(data.drop(columns="site"))
    np.testing.assert_allclose(model.predict(), again[model.design.rows])
    assert np.isnan(again[2])
    assert model.predict(kind="link").map(expit).to_numpy() == pytest.approx(model.predict())
    assert model.ratios().loc["x", "ratio"] == pytest.approx(np.exp(model.params["x"]))
    assert "CR2" in model.summary()
    assert "10 site" in str(model)
    assert model._repr_html_().startswith("<div class='peerstats-fit'>")
    assert repr(model) == f"<MarginalFit: y ~ x + offset(log(m)), binomial, {model.nobs} rows>"


def test_a_cluster_that_decides_alone_is_told() -> None:
    data = few_sites().assign(only=lambda d: (d["site"] == 2).astype(int))
    model = gee("count ~ x + only", data, "site", "poisson", correlation="independence")
    assert any("determine(s) an estimate alone" in message for message in model.messages)
    assert any("degrees of freedom" in message for message in model.messages)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"groups": "sight"}, UsageError, "Did you mean 'site'"),
        ({"groups": 3}, UsageError, "name of a variable"),
        ({"formula": "y ~ x + (1 | site)"}, UsageError, "groups='site'"),
        ({"family": "binomal"}, UsageError, "Did you mean 'binomial'"),
        ({"correlation": "ar1"}, UsageError, "Unknown correlation 'ar1'"),
        ({"covariance": "cr3"}, UsageError, "Unknown covariance 'cr3'"),
        ({"covarance": "cr2"}, UsageError, "Did you mean 'covariance'"),
        ({"sampling_weights": "m"}, UsageError, "correlation='independence'"),
        ({"sampling_weights": "m", "weights": "m"}, UsageError, "not both"),
        (
            {"sampling_weights": "m", "correlation": "independence", "covariance": "model"},
            UsageError,
            "need a sandwich",
        ),
        ({"reference": "z"}, UsageError, "With 6 clusters a z test rejects far too often"),
        ({"formula": "count ~ x"}, DataError, "count"),
        ({"formula": "y ~ x + apart"}, ModelError, "separated"),
        ({"groups": "one"}, ModelError, "at least two"),
        ({"groups": "none"}, ModelError, "'none' has no value in any of the"),
        ({"formula": "twice ~ x", "family": "gaussian"}, ModelError, "give the outcome exactly"),
        ({"formula": "edge ~ rise", "link": "log"}, ModelError, "modified_poisson"),
    ],
)
def test_refusals_say_what_to_do(change: dict[str, Any], error: type, told: str) -> None:
    data = few_sites().assign(one="a").assign(apart=lambda d: d["y"] * 2 + 1)
    data = data.assign(none=np.nan, twice=2 * data["x"], rise=np.linspace(-1, 1, len(data)))
    data["edge"] = ((np.arange(len(data)) % 3 > 0) | (data["rise"] > 0)).astype(int)
    options = {"formula": "y ~ x", "groups": "site", "family": "binomial"} | change
    with pytest.raises(error, match=told):
        gee(options.pop("formula"), data, **options)


def test_a_correlation_no_cluster_can_have_is_refused() -> None:
    # Every site holds as many yes as no: residuals cancel within sites more than chance would.
    site = np.repeat(np.arange(8), [2, 2, 2, 2, 2, 2, 2, 20])
    y = np.tile([0, 1], len(site) // 2)
    with pytest.raises(ModelError, match="independence"):
        gee("y ~ 1", {"y": y, "site": site}, "site")


def test_z_is_allowed_for_many_clusters() -> None:
    model = gee("y ~ x", few_sites(sites=45), "site", reference="z")
    assert np.isinf(model.df).all()
    assert (model.with_covariance("cr2", "t").pvalues > model.pvalues).all()
    assert (model.with_covariance("model", "t").df == 43).all()


def test_cr2_with_t_keeps_its_level_with_eight_clusters() -> None:
    """Type I error of a site-level exposure: robust z is far above 5 %, CR2 with t is not."""
    rng = np.random.default_rng(8)
    site = np.repeat(np.arange(8), 20)
    arm = (site % 2).astype(float)
    rejected = np.zeros(3)
    done = 200
    for _ in range(done):
        eta = -0.2 + 0.6 * rng.normal(size=8)[site]
        y = (rng.uniform(size=160) < expit(eta)).astype(float)
        x = rng.binomial(1, 0.5, 160).astype(float)
        model = gee(
            "y ~ x + arm",
            {"y": y, "x": x, "arm": arm, "site": site},
            "site",
            correlation="independence",
        )
        uncorrected = np.sqrt(np.diag(model.cov_params("robust")))
        z = abs(model.params["arm"]) / uncorrected[2]
        rejected += [model.pvalues["arm"] < 0.05, model.pvalues["x"] < 0.05, z > 1.96]
    arm_error, x_error, z_error = rejected / done
    # 5 % with a Monte-Carlo standard error of 1.5: two and a half of them on either side.
    assert 0.015 < arm_error < 0.09
    assert 0.01 < x_error < 0.09
    assert z_error > 0.10
