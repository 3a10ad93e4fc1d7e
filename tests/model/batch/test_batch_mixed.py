"""Batch mixed and marginal models against the package's engine and against statsmodels."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from peerstats.model.batch.agq import Likelihood
from peerstats.model.batch.marginal import fit_gee, fit_modified_poisson
from peerstats.model.batch.mixed import fit_at, fit_mixed, satterthwaite
from peerstats.model.batch.tables import Tables
from peerstats.model.fit import fit

SITES, REPLICATES = 10, 4
X1, X2 = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
X3 = (np.arange(SITES) < 4).astype(float)
PEN = Likelihood(nodes=15, penalised=True, slopes=(1, 2, 3))


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(3)
    n = rng.multinomial(25, [0.1, 0.4, 0.2, 0.3], size=(SITES, REPLICATES)).transpose(0, 2, 1)
    effect = rng.normal(size=(SITES, 1, REPLICATES))
    eta = -0.5 + 0.7 * X1[None, :, None] + 0.4 * X3[:, None, None] + 0.8 * effect
    yes = rng.binomial(n, expit(eta)).astype(float)
    columns = (np.ones((1, 1, 1)), X1[None, :, None], X2[None, :, None], X3[:, None, None])
    return Tables(columns=columns, yes=yes, n=n.astype(float))


def frame(tables, r):
    rows = [
        (float(i < tables.yes[j, c, r]), X1[c], X2[c], X3[j], j)
        for j, c in np.argwhere(tables.n[:, :, r] > 0)
        for i in range(int(tables.n[j, c, r]))
    ]
    return pd.DataFrame(rows, columns=["y", "x1", "x2", "x3", "site"])


@pytest.mark.parametrize("penalty", [None, ("log_f", "log_tau")])
def test_mixed_equals_the_engine(tables, penalty):
    found = fit_mixed(tables, PEN if penalty else Likelihood(nodes=15))
    assert found.usable.all()
    for r in range(REPLICATES):
        single = fit(
            "y ~ x1 + x2 + x3 + (1 | site)",
            frame(tables, r),
            family="binomial",
            method="agq",
            nodes=15,
            penalty=penalty,
        )
        np.testing.assert_allclose(found.beta[:, r], single.params, atol=2e-4)
        np.testing.assert_allclose(found.tau[r], single.solution.sds[0], atol=2e-4)
        error = np.sqrt(np.diag(found.covariance[:4, :4, r]))
        np.testing.assert_allclose(error, single.bse, rtol=2e-3)


def test_derivatives_agree_with_differences(tables):
    best = fit_mixed(tables, PEN)
    beta, tau = best.beta + 0.1, best.tau + 0.2
    at = PEN.evaluate(tables, beta, tau, best.v)
    for k in range(5):
        ends = []
        for sign in (1e-4, -1e-4):
            moved = beta.copy()
            if k < 4:
                moved[k] += sign
            ends.append(PEN.evaluate(tables, moved, tau + sign * (k == 4), best.v))
        slope = (ends[0].value - ends[1].value) / 2e-4
        curve = (ends[0].gradient - ends[1].gradient) / 2e-4
        np.testing.assert_allclose(at.gradient[k], slope, atol=2e-4)
        np.testing.assert_allclose(at.hessian[k], curve, atol=2e-3)


def test_satterthwaite_is_its_definition(tables):
    best = fit_mixed(tables, PEN)
    ends = [fit_at(tables, PEN, best, best.tau * s).given_tau[3, 3] for s in (1.05, 0.95)]
    slope = (ends[0] - ends[1]) / (0.1 * best.tau)
    expected = 2 * best.given_tau[3, 3] ** 2 / (slope**2 * best.covariance[4, 4])
    np.testing.assert_allclose(satterthwaite(tables, PEN, best)[3], expected, rtol=1e-6)


def test_a_separated_replicate_is_flagged_and_the_penalty_keeps_it_finite():
    yes = np.array([[0, 0, 8, 9], [0, 0, 7, 9], [0, 0, 6, 8]], dtype=float)[:, :, None]
    n = np.array([[5, 5, 8, 9]] * 3, dtype=float)[:, :, None]
    columns = (np.ones((1, 1, 1)), X1[None, :, None], X2[None, :, None])
    tables = Tables(columns=columns, yes=yes, n=n)
    assert not fit_mixed(tables, Likelihood()).usable.any()
    penalised = fit_mixed(tables, Likelihood(penalised=True, slopes=(1, 2)))
    assert penalised.usable.all()
    assert 2 < penalised.beta[1, 0] < 8


def test_marginal_models_equal_statsmodels(tables):
    gee, poisson = fit_gee(tables), fit_modified_poisson(tables)
    assert gee.usable.all()
    assert poisson.usable.all()
    for r in range(REPLICATES):
        data = frame(tables, r)
        X = sm.add_constant(data[["x1", "x2", "x3"]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exchangeable = sm.cov_struct.Exchangeable()
            model = sm.GEE(
                data.y, X, data.site, family=sm.families.Binomial(), cov_struct=exchangeable
            )
            other = model.fit(maxiter=200, ctol=1e-10)
            glm = sm.GLM(data.y, X, family=sm.families.Poisson())
            zou = glm.fit(cov_type="cluster", cov_kwds={"groups": data.site}, tol=1e-12)
        np.testing.assert_allclose(gee.b[:, r], other.params, atol=1e-8)
        np.testing.assert_allclose(gee.std_error[:, r], other.bse, rtol=1e-8)
        np.testing.assert_allclose(poisson.b[:, r], zou.params, atol=1e-8)
        np.testing.assert_allclose(poisson.std_error[:, r], zou.bse, rtol=1e-8)
