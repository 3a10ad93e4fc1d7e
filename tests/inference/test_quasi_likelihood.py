"""Overdispersed counts within sites, against statsmodels' models with site dummies."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from peerstats.inference.rule import infer
from peerstats.model.fit import fit


@pytest.fixture
def counts():
    rng = np.random.default_rng(8)
    site = np.repeat(np.arange(5), 24)
    x = rng.integers(0, 2, 120)
    mean = np.exp(0.6 + 0.3 * x + rng.normal(0.0, 0.4, 5)[site]) * rng.gamma(1.5, 1 / 1.5, 120)
    return pd.DataFrame({"site": site, "x": x, "y": rng.poisson(mean)})


def designs(counts):
    sites = pd.get_dummies(counts["site"]).to_numpy(dtype=float)
    return np.column_stack([counts["x"], sites]), sites


def test_negative_binomial_1_is_poisson_over_pearsons_dispersion(counts):
    question = fit("y ~ x + (1 | site)", counts, family="poisson")
    row = infer(question, rule="quasi_likelihood").row("x")
    X, sites = designs(counts)
    full = sm.GLM(counts["y"], X, sm.families.Poisson()).fit()
    none = sm.GLM(counts["y"], sites, sm.families.Poisson()).fit()
    size = full.pearson_chi2 / full.df_resid
    assert size > 1.2
    statistic = (none.deviance - full.deviance) / size
    assert row.df == 120 - 5 - 1
    assert row.estimate == pytest.approx(full.params.iloc[0], abs=1e-6)
    assert row.std_error == pytest.approx(full.bse.iloc[0] * np.sqrt(size), rel=1e-6)
    assert row.statistic**2 == pytest.approx(statistic, rel=1e-5)
    assert row.p_value == pytest.approx(stats.f.sf(statistic, 1, 114), rel=1e-5)
    assert row.conf_low < row.estimate < row.conf_high


def test_negative_binomial_2_has_the_dispersion_at_which_pearson_is_its_df(counts):
    row = infer(fit("y ~ x + (1 | site)", counts, family="negative_binomial")).row("x")
    assert row.method.startswith("quasi-likelihood ratio with sites as fixed effects")
    X, sites = designs(counts)

    def at(a, columns=X):
        return sm.GLM(counts["y"], columns, sm.families.NegativeBinomial(alpha=a)).fit()

    a = optimize.brentq(lambda a: at(a).pearson_chi2 - 114, 1e-3, 5.0)
    full, none = at(a), at(a, sites)
    assert row.estimate == pytest.approx(full.params.iloc[0], abs=1e-4)
    assert row.std_error == pytest.approx(full.bse.iloc[0], rel=1e-3)
    assert row.statistic**2 == pytest.approx(none.deviance - full.deviance, rel=1e-3)
    assert row.conf_low < row.estimate < row.conf_high


def test_yes_no_outcomes_have_no_dispersion(counts):
    data = counts.assign(y=(counts["y"] > 1) * 1)
    row = infer(fit("y ~ x + (1 | site)", data), rule="quasi_likelihood").row("x")
    assert "defined for counts with the log link" in row.reason
