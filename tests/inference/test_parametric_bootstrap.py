"""Ratios whose distribution is known: least squares, where LR = n log(1 + t² / (n - p))."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from peerstats.inference.methods import METHODS
from peerstats.inference.parametric_bootstrap import _simulated
from peerstats.model.fit import fit

DRAWS = 200


@pytest.fixture(scope="module")
def line(question):
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"x": np.tile([0.0, 1.0], 5), "y": rng.normal(size=10)})
    data["y"] += 0.9 * data["x"]
    return question(fit("y ~ x", data, family="gaussian"), replicates=5 * DRAWS)


def test_few_rows_are_judged_as_by_t(line):
    fitted = line.fit
    t = float(fitted.tvalues["x"])
    row = METHODS["parametric_bootstrap"].estimate(line, 1)
    assert row.statistic**2 == pytest.approx(10 * math.log1p(t**2 / 8))
    truth = 2 * stats.t.sf(abs(t), 8)
    assert row.p_value == pytest.approx(truth, abs=4 * math.sqrt(truth * (1 - truth) / DRAWS))
    assert row.p_value > METHODS["lrt"].estimate(line, 1).p_value
    assert math.isnan(row.df)


def test_bartletts_divisor_is_the_mean_of_the_ratio(line):
    # LR = -n log B with B ~ Beta((n - p)/2, 1/2) under the null.
    mean = 10 * (special.digamma(4.5) - special.digamma(4.0))
    sd = 10 * math.sqrt(special.polygamma(1, 4.0) - special.polygamma(1, 4.5))
    drawn = _simulated(line, 1).drawn
    assert drawn.mean() == pytest.approx(mean, abs=4 * sd / math.sqrt(DRAWS))
    row, plain = METHODS["bartlett"].estimate(line, 1), METHODS["lrt"].estimate(line, 1)
    assert row.statistic == pytest.approx(plain.statistic / math.sqrt(drawn.mean()))
    assert row.p_value == pytest.approx(2 * stats.norm.sf(abs(row.statistic)))
    assert row.conf_low < plain.conf_low < plain.conf_high < row.conf_high


@pytest.mark.parametrize("method", ["parametric_bootstrap", "bartlett"])
def test_the_interval_holds_zero_where_the_test_does_not_reject(make_study, question, method):
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(6, 20, effect=0.6, seed=3))
    asked = question(fitted, replicates=100)
    for position in (1, 2):
        row = METHODS[method].estimate(asked, position)
        assert (row.conf_low <= 0 <= row.conf_high) == (row.p_value > 0.05)
        assert row.conf_low < row.estimate < row.conf_high


def test_draws_that_cannot_be_fitted_are_told_or_refuse(ask, why):
    data = pd.DataFrame({"x": np.repeat([0.0, 1.0], 9), "y": 0})
    data.loc[[1, 10], "y"] = 1
    refused = why(fit("y ~ x", data), "bartlett", "x", replicates=100)
    assert "of 20 data sets simulated without it cannot be fitted" in refused
    more = pd.DataFrame({"x": np.repeat([0.0, 1.0], 40), "y": 0})
    more.loc[[1, 2, 3, 4, 50, 51, 52, 53, 54], "y"] = 1
    row = ask(fit("y ~ x", more), "parametric_bootstrap", "x", replicates=500)
    assert "of 100 simulations could not be fitted)" in row.method


def test_too_few_draws_are_refused(make_study, why):
    fitted = fit("y ~ x + (1 | site_id)", make_study(6, 20))
    assert "are too few for a test" in why(fitted, "parametric_bootstrap", "x", replicates=50)
