"""Conditional logit: against survival, statsmodels and sums over all subsets."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from statsmodels.discrete.conditional_models import ConditionalLogit

from peerstats.errors import DataError, ModelError, UsageError
from peerstats.model.marginal.conditional import conditional_logit
from peerstats.model.marginal.recursion import evaluate, match_rows

FOLDER = Path(__file__).parents[2] / "reference"
REFERENCE = json.loads((FOLDER / "clogit.json").read_text(encoding="utf-8"))["fits"]


@pytest.mark.parametrize("case", REFERENCE)
def test_fits_are_those_of_survival(case: str) -> None:
    reference = REFERENCE[case]
    data = pd.read_csv(FOLDER / f"{case}.csv")
    model = conditional_logit(reference["formula"], data, reference["groups"])
    names = [name.replace("[T.", "").replace("]", "") for name in model.params.index]
    order = [list(reference["estimate"]).index(name) for name in names]
    estimate = np.array(list(reference["estimate"].values()))[order]
    np.testing.assert_allclose(model.params, estimate, rtol=0, atol=1e-6 * model.bse.min())
    covariance = np.array(reference["covariance"]).reshape(len(order), -1)[np.ix_(order, order)]
    np.testing.assert_allclose(model.cov_params(), covariance, rtol=1e-6, atol=1e-12)
    assert model.llf == pytest.approx(reference["loglik"], abs=1e-8)
    assert model.llnull == pytest.approx(reference["null"], abs=1e-8)
    assert model.converged


def sites(seed: int = 1, count: int = 8, size: int = 7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(count), size)
    x, z = rng.normal(size=len(site)), rng.binomial(1, 0.5, len(site))
    eta = 0.5 * x - 0.5 * z + rng.normal(size=count)[site]
    return pd.DataFrame(
        {"y": rng.binomial(1, expit(eta)), "x": x, "z": z, "site": site, "arm": site % 2}
    )


def test_estimates_are_those_of_statsmodels() -> None:
    data = sites()
    model = conditional_logit("y ~ x + z", data, "site")
    theirs = ConditionalLogit(data["y"], data[["x", "z"]], groups=data["site"]).fit(
        method="newton", disp=False, tol=1e-10
    )
    np.testing.assert_allclose(model.params, theirs.params, rtol=1e-5)
    np.testing.assert_allclose(model.bse, theirs.bse, rtol=1e-4)
    np.testing.assert_allclose(model.pvalues, theirs.pvalues, rtol=1e-3)


def test_the_recursion_is_the_sum_over_all_subsets() -> None:
    data = sites(count=5)
    X = data[["x", "z"]].to_numpy(dtype=float)
    offset, beta = 0.3 * data["x"].to_numpy(), np.array([0.7, -1.1])
    value, mean, spread = 0.0, np.zeros(2), np.zeros((2, 2))
    for _, rows in data.groupby("site").indices.items():
        chosen = [list(c) for c in combinations(rows, int(data["y"].iloc[rows].sum()))]
        totals = np.array([X[c].sum(axis=0) for c in chosen])
        weights = np.exp(totals @ beta + [offset[c].sum() for c in chosen])
        yes = data["y"].to_numpy()[rows] == 1
        value += (X[rows][yes] @ beta + offset[rows][yes]).sum() - np.log(weights.sum())
        average = weights @ totals / weights.sum()
        mean += X[rows][yes].sum(axis=0) - average
        spread += np.cov(totals.T, aweights=weights, ddof=0) if len(chosen) > 1 else 0.0
    matched = match_rows(X, data["y"].to_numpy(dtype=float), offset, data["site"].to_numpy())
    found = evaluate(matched, beta)
    assert found[0] == pytest.approx(value, abs=1e-11)
    np.testing.assert_allclose(found[1], mean, atol=1e-11)
    np.testing.assert_allclose(found[2], spread, atol=1e-11)


def test_a_site_of_a_thousand_women_overflows_nothing() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=2000)
    y = rng.binomial(1, expit(1 + x))
    site = np.r_[np.zeros(1000, dtype=int), np.ones(1000, dtype=int)]
    model = conditional_logit("y ~ x", {"y": y, "x": x, "site": site}, "site")
    assert model.converged
    assert model.params["x"] == pytest.approx(1.0, abs=4 * model.bse["x"])
    whole = match_rows(x[:, None] - x.mean(), y.astype(float), np.zeros(2000), site)
    up, down = (evaluate(whole, model.params.to_numpy() + h)[0] for h in (1e-4, -1e-4))
    assert (up - down) / 2e-4 == pytest.approx(0.0, abs=1e-4)


def test_trials_are_rows_written_several_times() -> None:
    data = sites(count=6).assign(yes=lambda d: d["y"] * 2, no=lambda d: 3 - d["y"] * 2)
    ours = conditional_logit("cbind(yes, no) ~ x", data, "site")
    rows = [(r.site, r.x, y) for r in data.itertuples() for y in [1] * r.yes + [0] * r.no]
    written = conditional_logit("y ~ x", pd.DataFrame(rows, columns=["site", "x", "y"]), "site")
    np.testing.assert_allclose(ours.params, written.params, rtol=1e-10)
    np.testing.assert_allclose(ours.bse, written.bse, rtol=1e-10)


def test_what_was_left_out_is_said() -> None:
    data = sites()
    data.loc[data["site"] == 0, "y"] = 1
    data.loc[data["site"] == 3, "y"] = 0
    model = conditional_logit("y ~ x + arm", data, "site")
    assert list(model.params.index) == ["x"]
    assert model.uninformative == 2
    assert any("'arm' left out: constant within" in m for m in model.messages)
    assert any("2 of 8 level(s) of 'site'" in m and "42 of 56" in m for m in model.messages)
    assert "exact conditional likelihood" in model.summary()
    without = conditional_logit("y ~ x", data[~data["site"].isin([0, 3])], "site")
    np.testing.assert_allclose(model.params, without.params, rtol=1e-9)
    np.testing.assert_allclose(model.predict(), model.params["x"] * data["x"])
    assert model.ratios().loc["x", "ratio"] == pytest.approx(np.exp(model.params["x"]))


@pytest.mark.parametrize(
    ("formula", "groups", "error", "told"),
    [
        ("y ~ arm", "site", ModelError, "compare the levels instead"),
        ("y ~ apart + x", "site", ModelError, "'apart' orders it perfectly"),
        ("y ~ x + same", "site", ModelError, "'same' cannot be told apart"),
        ("y ~ x", "y", ModelError, "the outcome is the same"),
        ("x ~ z", "site", DataError, "coded 0 and 1"),
        ("y ~ x", "sit", UsageError, "Did you mean 'site'"),
    ],
)
def test_refusals_say_what_to_do(formula: str, groups: str, error: type, told: str) -> None:
    data = sites().assign(apart=lambda d: 2 * d["y"] - 1, same=lambda d: 2 * d["x"] + d["arm"])
    with pytest.raises(error, match=told):
        conditional_logit(formula, data, groups)


def test_it_predicts_no_risks() -> None:
    model: Any = conditional_logit("y ~ x", sites(), "site")
    with pytest.raises(UsageError, match="no level for a group"):
        model.predict(kind="response")
