"""Bootstrap: known standard errors, and numbers that do not depend on the number of jobs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import ModelError, UsageError
from peerstats.model.bootstrap import resample_clusters
from peerstats.model.fit import fit


@pytest.fixture(scope="module")
def drawn(herds):
    return herds.bootstrap(np.random.default_rng(5), 200)


def test_its_standard_errors_are_about_those_of_the_hessian(drawn, herds):
    ratio = drawn.bse[herds.params.index] / herds.bse
    assert ratio.between(0.8, 1.3).all()  # 200 draws: 5 % Monte Carlo error, few herds
    assert drawn.failed == 0
    assert drawn.messages == ()
    assert list(drawn.draws.columns) == [*herds.params.index, "sd(herd Intercept)"]


def test_intervals_are_quantiles_of_the_draws(drawn):
    column = drawn.draws["period[T.2]"]
    low, high = np.quantile(column, [0.05, 0.95])
    estimate = drawn.estimate["period[T.2]"]
    np.testing.assert_allclose(drawn.conf_int(0.1).loc["period[T.2]"], [low, high])
    basic = drawn.conf_int(0.1, "basic").loc["period[T.2]"]
    np.testing.assert_allclose(basic, [2 * estimate - high, 2 * estimate - low])
    with pytest.raises(UsageError, match="Unknown kind 'bca'"):
        drawn.conf_int(kind="bca")


@pytest.mark.parametrize("kind", ["parametric", "cluster"])
def test_numbers_do_not_depend_on_jobs(kind, herds):
    one, two = (
        herds.bootstrap(np.random.default_rng(7), 6, kind, jobs=jobs).draws for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_clusters_are_new_with_every_draw(public_data):
    data = public_data("pastes")
    fitted = fit("strength ~ 1 + (1 | batch) + (1 | sample)", data, family="gaussian")
    taken = resample_clusters(fitted.design, "batch", np.random.default_rng(1))
    assert taken.n == 60  # every batch has six rows
    assert len(taken.groups["batch"].levels) == 10
    assert len(taken.groups["sample"].levels) == 30
    pairs = np.unique(np.column_stack([g.codes for g in taken.groups.values()]), axis=0)
    assert len(pairs) == 30


def test_crossed_levels_stay(public_data):
    data = public_data("penicillin")
    fitted = fit("diameter ~ 1 + (1 | plate) + (1 | sample)", data, family="gaussian")
    taken = resample_clusters(fitted.design, "plate", np.random.default_rng(1))
    assert len(taken.groups["sample"].levels) == 6
    assert len(taken.groups["plate"].levels) == 24


def test_slopes_are_refitted(sleep):
    found = sleep.bootstrap(np.random.default_rng(2), 20)
    names = ["sd(Subject Intercept)", "sd(Subject Days)", "sd(Residual)"]
    assert list(found.draws.columns[2:]) == names
    assert found.draws["sd(Residual)"].mean() == pytest.approx(25.6, abs=1.5)


def test_failed_refits_are_counted_and_said():
    rng = np.random.default_rng(4)
    data = {"y": np.r_[np.zeros(29), 1.0, np.ones(30)], "x": np.repeat([0.0, 1.0], 30)}
    data["y"][40:43] = 0
    data["g"] = rng.integers(0, 12, 60)
    found = fit("y ~ x + (1 | g)", data).bootstrap(np.random.default_rng(1), 60)
    assert found.failed == found.draws["x"].isna().sum() > 3
    assert "were left out" in found.messages[0]


def test_choices_are_checked(herds, public_data):
    rng = np.random.default_rng(1)
    with pytest.raises(UsageError, match=r"Unknown kind 'clusters'.*Did you mean 'cluster'"):
        herds.bootstrap(rng, 2, "clusters")
    with pytest.raises(UsageError, match="Unknown group 'her'"):
        herds.bootstrap(rng, 2, "cluster", "her")
    with pytest.raises(UsageError, match=r"random generator: bootstrap\(np.random.default_rng"):
        herds.bootstrap(30)
    with pytest.raises(UsageError, match="size must be 1"):
        herds.bootstrap(rng, 0)
    plain = fit("cbind(incidence, noninc) ~ period", public_data("cbpp"))
    with pytest.raises(ModelError, match="no grouping factor"):
        plain.bootstrap(rng, 2, "cluster")
    assert plain.bootstrap(rng, 5).draws.shape == (5, 4)


def test_refits_that_start_at_the_fit_end_where_the_engine_does(herds, monkeypatch):
    quick = herds.bootstrap(np.random.default_rng(3), 10)
    monkeypatch.setattr("peerstats.model.bootstrap._start", lambda fit: None)
    slow = herds.bootstrap(np.random.default_rng(3), 10)
    assert ((quick.draws - slow.draws).abs() / quick.bse).max().max() < 2e-3
