"""Overdispersed counts within sites, against statsmodels' models with site dummies."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from peerstats.inference.quasi_likelihood import quasi_ratio
from peerstats.inference.ratio import tail
from peerstats.inference.rule import infer, question_of
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


def freedom(mean, size, variance, df):
    """Degrees of freedom of Pearson's statistic, 2 E² / variance, by cumulants."""
    kurtosis, rows = 6 / size + 1 / variance, len(variance)
    return 2 * df**2 / (2 * df + (kurtosis * (df / rows) ** 2).sum())


def test_negative_binomial_1_is_poisson_over_pearsons_dispersion(counts):
    question = fit("y ~ x + (1 | site)", counts, family="negative_binomial1")
    row = infer(question, rule="quasi_likelihood").row("x")
    X, sites = designs(counts)
    full = sm.GLM(counts["y"], X, sm.families.Poisson()).fit()
    none = sm.GLM(counts["y"], sites, sm.families.Poisson()).fit()
    phi, mean = full.pearson_chi2 / full.df_resid, full.fittedvalues
    assert phi > 1.2
    statistic = (none.deviance - full.deviance) / phi
    df = freedom(mean, mean / (phi - 1), phi * mean, 114)
    assert 10 < df < 50
    assert row.df == pytest.approx(df, rel=1e-5)
    assert row.estimate == pytest.approx(full.params.iloc[0], abs=1e-6)
    assert row.std_error == pytest.approx(full.bse.iloc[0] * np.sqrt(phi), rel=1e-6)
    assert row.statistic**2 == pytest.approx(statistic, rel=1e-5)
    assert row.p_value == pytest.approx(stats.f.sf(statistic, 1, df), rel=1e-5)
    assert row.conf_low < row.estimate < row.conf_high


@pytest.mark.parametrize("family", ["negative_binomial", "poisson"])
def test_the_dispersion_is_the_one_at_which_pearson_is_its_df(counts, family):
    row = infer(fit("y ~ x + (1 | site)", counts, family=family)).row("x")
    assert row.method.startswith("quasi-likelihood ratio with sites as fixed effects")
    X, sites = designs(counts)

    def at(a, columns=X):
        return sm.GLM(counts["y"], columns, sm.families.NegativeBinomial(alpha=a)).fit()

    a = optimize.brentq(lambda a: at(a).pearson_chi2 - 114, 1e-3, 5.0)
    full, none = at(a), at(a, sites)
    assert row.estimate == pytest.approx(full.params.iloc[0], abs=1e-4)
    assert row.std_error == pytest.approx(full.bse.iloc[0], rel=1e-3)
    assert row.statistic**2 == pytest.approx(114 / 120 * (none.deviance - full.deviance), rel=1e-3)
    mean = full.fittedvalues
    assert row.df == pytest.approx(freedom(mean, 1 / a, mean + a * mean**2, 114), rel=1e-3)
    assert row.conf_low < row.estimate < row.conf_high


def test_a_true_null_of_few_women_with_many_events_is_seldom_rejected():
    rng, p_values, site = np.random.default_rng(3), [], np.repeat(np.arange(5), 10)
    for _ in range(200):
        x = rng.integers(0, 2, 50)
        y = rng.poisson(2.0 * rng.gamma(0.3, 1 / 0.3, 50))
        if np.bincount(site, y).min() == 0 or min(y[x == 0].sum(), y[x == 1].sum()) == 0:
            continue
        data = pd.DataFrame({"site": site, "x": x, "y": y})
        ratio, df = quasi_ratio(question_of(fit("y ~ x + (1 | site)", data, "poisson")), 1)
        p_values.append(tail(ratio.root(0.0), df))
    rejected = sum(p <= 0.05 for p in p_values)
    # By F(1, N - J - p) it is 9 %; a level of 5 % gives more than 9 % in 1 of 50 such runs.
    assert len(p_values) > 100
    assert rejected <= 0.09 * len(p_values)


def test_counts_that_vary_no_more_than_poisson_counts_are_poisson_counts(counts):
    rng = np.random.default_rng(4)
    data = counts.assign(y=rng.binomial(6, 0.3 + 0.1 * counts["x"]))
    row = infer(fit("y ~ x + (1 | site)", data, "poisson")).row("x")
    X, _ = designs(data)
    full = sm.GLM(data["y"], X, sm.families.Poisson()).fit()
    assert full.pearson_chi2 < full.df_resid
    assert row.std_error == pytest.approx(full.bse.iloc[0], rel=1e-6)


def test_yes_no_outcomes_have_no_dispersion(counts):
    data = counts.assign(y=(counts["y"] > 1) * 1)
    row = infer(fit("y ~ x + (1 | site)", data), rule="quasi_likelihood").row("x")
    assert "defined for counts with the log link" in row.reason
