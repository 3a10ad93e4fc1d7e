import numpy as np
import pytest

from peerstats.inference.audit.setting import Setting, marginal_truth, with_sds, without


def test_outcomes_are_drawn_from_the_truth(setting: Setting):
    drawn = setting.draw(np.random.default_rng(1), 2000)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean(axis=0) == pytest.approx(setting.marginal_mean(), abs=0.06)


def test_the_same_generator_gives_the_same_outcomes(setting: Setting):
    one, other = (setting.draw(np.random.default_rng(4), 3) for _ in range(2))
    assert np.array_equal(one, other)


def test_without_a_term_its_coefficients_are_zero_and_the_mean_stays(setting: Setting):
    null = without(setting, (1,))
    assert null.beta[1] == 0
    assert null.beta[0] != setting.beta[0]
    assert null.marginal_mean().mean() == pytest.approx(setting.marginal_mean().mean(), abs=0.02)


def test_without_a_term_a_stated_deviation_stays(setting: Setting):
    assert without(with_sds(setting, np.array([1.5])), (1,)).fit.solution.sds[0] == 1.5


def test_marginal_coefficients_solve_their_equations(setting: Setting):
    X, m = setting.fit.design.X, setting.marginal_mean()
    logit = 1 / (1 + np.exp(-X @ marginal_truth(setting, "logit")))
    log = np.exp(X @ marginal_truth(setting, "log"))
    assert X.T @ (m - logit) == pytest.approx(np.zeros(3), abs=1e-7)
    assert X.T @ (m - log) == pytest.approx(np.zeros(3), abs=1e-7)


def test_marginal_odds_ratios_are_nearer_to_one(setting: Setting):
    wide = with_sds(setting, np.array([1.5]))
    assert abs(marginal_truth(wide, "logit")[1]) < abs(setting.beta[1])
