"""Every quick way gives what fitting replicate by replicate gives."""

import numpy as np
import pytest

from peerstats.inference.audit import quick
from peerstats.inference.audit.methods import agreeing, by_refit, by_rule, by_site_fixed, score
from peerstats.inference.audit.setting import Setting, marginal_truth


@pytest.fixture(scope="module")
def outcomes(setting: Setting) -> np.ndarray:
    return setting.draw(np.random.default_rng(2), 5)


def test_the_rule_is_followed_all_at_once(setting: Setting, outcomes: np.ndarray):
    assert agreeing(setting, outcomes, (1, 2)) == (1, 2)


def test_a_way_of_another_method_is_not_taken_for_the_rule(setting: Setting, outcomes: np.ndarray):
    assert agreeing(setting, outcomes, (1, 2), way="ml_z") == ()


def test_estimates_within_sites_are_those_of_the_rule(setting: Setting, outcomes: np.ndarray):
    slow = by_rule(setting, setting.beta, outcomes, (1, 2))
    fast = quick.fe_firth(setting, setting.beta, outcomes, (1, 2))
    assert fast.estimate == pytest.approx(slow.estimate, abs=1e-6)
    assert fast.width[:, 1] == pytest.approx(slow.width[:, 1], abs=1e-6)
    assert fast.width[:, 0] == pytest.approx(slow.width[:, 0], rel=0.1)  # its quadratic form


def test_maximum_likelihood_by_quadrature_is_near_laplace(setting: Setting, outcomes: np.ndarray):
    slow = by_refit(setting, setting.beta, outcomes, (1, 2))
    fast = quick.ml_z(setting, setting.beta, outcomes, (1, 2))
    assert fast.estimate == pytest.approx(slow.estimate, abs=0.02)
    assert fast.width == pytest.approx(slow.width, rel=0.05)


def test_the_ratio_with_fixed_sites_needs_no_interval(setting: Setting, outcomes: np.ndarray):
    scored = by_site_fixed(setting, setting.beta, outcomes, (1, 2))
    firth = quick.fe_firth(setting, setting.beta, outcomes, (1, 2))
    assert scored.estimate[:, 0] == pytest.approx(firth.estimate[:, 0], rel=0.1)
    assert np.isnan(scored.estimate[:, 1]).all()  # constant within sites


def test_gee_is_that_of_statsmodels(setting: Setting, outcomes: np.ndarray):
    from statsmodels.genmod.cov_struct import Exchangeable
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_estimating_equations import GEE

    truth = marginal_truth(setting, "logit")
    found = score("gee_z", setting, truth, (outcomes[:1], (1, 2)))
    design = setting.fit.design
    theirs = GEE(
        outcomes[0], design.X, groups=setting.codes, family=Binomial(), cov_struct=Exchangeable()
    ).fit(ctol=1e-10, maxiter=200)
    assert found.estimate[0] == pytest.approx(theirs.params[1:], abs=1e-4)
    assert found.width[0] == pytest.approx(2 * 1.959964 * theirs.bse[1:], rel=1e-3)


def test_poisson_is_that_of_statsmodels(setting: Setting, outcomes: np.ndarray):
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    found = score("poisson_z", setting, marginal_truth(setting, "log"), (outcomes[:1], (1, 2)))
    theirs = GLM(outcomes[0], setting.fit.design.X, family=Poisson()).fit(
        cov_type="cluster", cov_kwds={"groups": setting.codes}
    )
    assert found.estimate[0] == pytest.approx(theirs.params[1:], abs=1e-6)
    assert found.width[0] == pytest.approx(2 * 1.959964 * theirs.bse[1:], rel=1e-6)


def test_a_replicate_of_one_answer_only_has_no_answer(setting: Setting):
    same = np.ones((1, setting.fit.design.n))
    for way in ("fe_firth", "ml_z", "rule"):
        found = score(way, setting, setting.beta, (same, (1,)))
        assert np.isnan(found.covers).all()
