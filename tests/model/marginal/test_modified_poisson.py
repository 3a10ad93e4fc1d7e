"""Modified Poisson: prevalence ratios with a cluster-robust covariance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.genmod.families import Poisson

import peerstats as ps
from peerstats.errors import DataError, UsageError


def survey() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    site = np.repeat(np.arange(9), 30)
    x = rng.binomial(1, 0.5, 270)
    risk = np.minimum(0.3 * 1.5**x * np.exp(0.3 * rng.normal(size=9))[site], 0.95)
    return pd.DataFrame({"y": rng.binomial(1, risk), "x": x, "site": site})


def test_estimates_are_those_of_a_poisson_model() -> None:
    data = survey()
    theirs = smf.glm("y ~ x", data, family=Poisson()).fit(
        cov_type="cluster", cov_kwds={"groups": data["site"], "use_correction": False}
    )
    ours = ps.modified_poisson("y ~ x", data, "site")
    np.testing.assert_allclose(ours.params, theirs.params, rtol=1e-7)
    np.testing.assert_allclose(ours.with_covariance("robust").bse, theirs.bse, rtol=1e-7)
    assert (ours.bse > theirs.bse).all()  # CR2 corrects upward here
    assert (ours.df < 9).all()


def test_ratios_are_prevalence_ratios() -> None:
    data = survey()
    ratios = ps.modified_poisson("y ~ x", data, "site").ratios()
    share = data.groupby("x")["y"].mean()
    assert ratios.loc["x", "ratio"] == pytest.approx(share[1] / share[0])
    assert ratios.loc["x", "conf_low"] < ratios.loc["x", "ratio"] < ratios.loc["x", "conf_high"]


def test_what_it_is_not_for() -> None:
    data = survey().assign(count=lambda d: d["y"] * 3)
    with pytest.raises(DataError, match="coded 0 and 1"):
        ps.modified_poisson("count ~ x", data, "site")
    with pytest.raises(UsageError, match="Unknown covariance 'model'"):
        ps.modified_poisson("y ~ x", data, "site", covariance="model")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="rejects far too often"):
        ps.modified_poisson("y ~ x", data, "site", reference="z")
    with pytest.raises(UsageError, match="not logarithms of a ratio"):
        ps.gee("y ~ x", data, "site", "binomial", link="probit").ratios()
