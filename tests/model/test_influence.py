"""Leave-one-cluster-out, against fits made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from peerstats.errors import ModelError, UsageError
from peerstats.model.fit import fit

FORMULA = "cbind(incidence, noninc) ~ period + (1 | herd)"


def test_exact_influence_is_a_fit_without_the_cluster(herds, public_data):
    data = public_data("cbpp")
    found = herds.influence()
    assert list(found.index) == list(herds.design.groups["herd"].levels)
    for level in ("1", "8"):
        without = fit(FORMULA, data[data["herd"] != level])
        shift = (without.params - herds.params) / herds.bse
        np.testing.assert_allclose(found.loc[level, herds.params.index], shift, atol=1e-4)
        assert found.loc[level, "sd(herd Intercept)"] == pytest.approx(
            without.varcorr["sd"][0], abs=1e-4
        )
        delta = (without.params - herds.params).to_numpy()
        cook = delta @ np.linalg.inv(herds.cov_params()) @ delta / 4
        assert found.loc[level, "cook"] == pytest.approx(cook, abs=1e-4)
    assert found["rows"].sum() == 56


def test_one_step_comes_close(herds, sleep):
    for fitted, least in ((herds, 0.95), (sleep, 0.97)):
        exact, quick = fitted.influence(), fitted.influence(kind="one_step")
        names = fitted.params.index
        for name in names:
            assert np.corrcoef(exact[name], quick[name])[0, 1] > least
        assert exact["cook"].idxmax() == quick["cook"].idxmax()


def test_one_step_is_exact_where_only_the_mean_is_left_out(public_data):
    """Balanced means: without a batch the mean of the others is the estimate, any variance."""
    data = public_data("dyestuff")
    fitted = fit("Yield ~ 1 + (1 | Batch)", data, family="gaussian", reml=True)
    found = fitted.influence(kind="one_step")
    means = data.groupby("Batch")["Yield"].mean()
    wanted = ((means.sum() - means) / 5 - means.mean()) / fitted.bse["Intercept"]
    np.testing.assert_allclose(found["Intercept"], wanted, atol=1e-6)


def test_nested_factors_go_with_the_outer_one(public_data):
    data = public_data("pastes")
    fitted = fit("strength ~ 1 + (1 | batch) + (1 | sample)", data, family="gaussian")
    assert len(fitted.influence(kind="one_step")) == 10
    with pytest.raises(ModelError, match="so none stands alone"):
        fitted.influence("sample", "one_step")
    assert len(fitted.influence("sample")) == 30


def test_choices_are_checked(herds, public_data):
    with pytest.raises(UsageError, match="Unknown kind 'onestep'"):
        herds.influence(kind="onestep")
    with pytest.raises(UsageError, match="Unknown group 'Herd'"):
        herds.influence("Herd")
    with pytest.raises(ModelError, match="no grouping factor"):
        fit("cbind(incidence, noninc) ~ period", public_data("cbpp")).influence()
