"""Many replicates at once give what one fit at a time gives."""

import numpy as np
import pytest
from scipy.special import expit

from peerstats.model.batch.firth import fit_firth, hold_firth, profile_ratio
from peerstats.model.batch.tables import Tables, estimable, varying_sites
from peerstats.model.batch.two_stage import regress
from peerstats.model.marginal.firth import _start
from peerstats.model.marginal.jeffreys import maximise, sum_rows
from peerstats.model.marginal.profile import profile_ratio as single_ratio

X1, X2 = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])


def drawn(sites, women, replicates, intercept=0.0, seed=1):
    rng = np.random.default_rng(seed)
    mix = np.where(np.arange(sites) % 2 == 0, 0.9, 0.1)
    n = np.empty((sites, 4, replicates))
    for j in range(sites):
        shares = 0.5 * np.where(X2 == 1, mix[j], 1 - mix[j])
        n[j] = rng.multinomial(women, shares, size=replicates).T
    eta = intercept + 0.5 * X1[None, :, None] + 0.9 * rng.normal(size=(sites, 1, replicates))
    yes = rng.binomial(n.astype(int), expit(eta)).astype(float)
    return Tables(columns=(X1[None, :, None], X2[None, :, None]), yes=yes, n=n)


def alone(tables, r):
    """One replicate as rows of its own, without the cells that nobody is in."""
    site, cell = np.nonzero(tables.n[:, :, r])
    n = tables.n[site, cell, r]
    X = np.column_stack([X1[cell], X2[cell]])
    return sum_rows(X, tables.yes[site, cell, r] / n, n, np.zeros(len(n)), site)


@pytest.mark.parametrize(("sites", "women", "intercept"), [(3, 10, -2.0), (8, 40, 0.0)])
def test_batch_equals_single_fits(sites, women, intercept):
    tables = drawn(sites, women, 60, intercept)
    tables = tables.take(np.flatnonzero(~tables.one_sided))
    active = estimable(tables)
    best = fit_firth(tables, active)
    held = hold_firth(tables, best, 1, 0.7)
    ratio = profile_ratio(best, held)
    assert best.converged.all()
    assert held.converged.all()
    compared = np.flatnonzero(active.all(axis=0))
    assert len(compared) > 25
    for r in compared:
        rows = alone(tables, r)
        found = maximise(rows, _start(rows))
        assert found.reached
        np.testing.assert_allclose(best.b[:, r], found.point.b, atol=1e-9)
        np.testing.assert_allclose(best.alpha[:, r], found.point.alpha, atol=1e-9)
        np.testing.assert_allclose(ratio[r], single_ratio(rows, found, 1, 0.7), atol=1e-9)


def test_maximum_is_reached_where_the_information_misleads():
    # The penalised likelihood of these 30 women is about twice as curved as its information
    # says; steps with the information alone swing from side to side for hundreds of rounds.
    yes = np.array([[0, 0, 0, 1], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=float)[:, :, None]
    n = np.array([[0, 5, 1, 4], [4, 0, 6, 0], [0, 6, 0, 4]], dtype=float)[:, :, None]
    tables = Tables(columns=(X1[None, :, None], X2[None, :, None]), yes=yes, n=n)
    rows = alone(tables, 0)
    assert maximise(rows, _start(rows)).reached
    assert fit_firth(tables, estimable(tables)).converged.all()


def test_a_column_without_variation_inside_sites_is_left_out_of_that_replicate_only():
    tables = drawn(3, 20, 2)
    n, yes = tables.n.copy(), tables.yes.copy()
    for j in range(3):  # replicate 0: every site has one venue type
        n[j, [1, 3] if j else [0, 2], 0] = 0
    tables = Tables(columns=tables.columns, yes=np.minimum(yes, n), n=n)
    assert varying_sites(tables)[1].tolist() == [0, 3]
    active = estimable(tables)
    assert active.tolist() == [[True, True], [False, True]]
    found = fit_firth(tables, active)
    assert found.b[1, 0] == 0
    only = Tables(columns=tables.columns[:1], yes=tables.yes, n=tables.n)
    np.testing.assert_allclose(fit_firth(only, active[:1]).b[0, 0], found.b[0, 0], atol=1e-9)


def test_collinear_columns_are_not_estimable():
    tables = drawn(4, 30, 3)
    twice = tables.only((tables.columns[0], 2.0 * tables.columns[0]))
    assert not estimable(twice).any()


def test_regression_of_sites_is_ordinary_least_squares():
    rng = np.random.default_rng(2)
    alpha = rng.normal(size=(7, 3))
    Z = np.stack([np.ones(7), np.arange(7) < 3, rng.normal(size=7)])
    kept = np.array([[True, True, True], [True, True, True], [True, False, True]])
    found = regress(alpha, Z[:, :, None], kept)
    assert found.df.tolist() == [4, 5, 4]
    for r in range(3):
        z = Z[kept[:, r]].T
        b = np.linalg.lstsq(z, alpha[:, r], rcond=None)[0]
        left = alpha[:, r] - z @ b
        error = np.sqrt(left @ left / found.df[r] * np.linalg.inv(z.T @ z)[1, 1])
        np.testing.assert_allclose(found.b[1, r], b[1], atol=1e-12)
        np.testing.assert_allclose(found.std_error[1, r], error, atol=1e-12)
