"""Outcomes drawn from a fit have the moments that the model says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import ModelError, UsageError
from peerstats.model.fit import fit


def test_new_groups_scatter_as_the_model_says(sleep):
    drawn = sleep.simulate(np.random.default_rng(1), 4_000).to_numpy()
    design, parts = sleep.design, sleep.varcorr
    mean = design.X @ sleep.params.to_numpy()
    np.testing.assert_allclose(drawn.mean(axis=1), mean, atol=4 * drawn.std() / 60)
    sd = parts["sd"].to_numpy()
    cross = parts["corr"][1] * sd[0] * sd[1]
    z = design.X[:, 1]
    variance = sd[0] ** 2 + 2 * z * cross + z**2 * sd[1] ** 2 + sd[2] ** 2
    np.testing.assert_allclose(drawn.var(axis=1), variance, rtol=0.12)


def test_the_same_groups_keep_their_modes(herds):
    drawn = herds.simulate(np.random.default_rng(2), 3_000, effects="modes")
    risk = herds.predict().to_numpy()
    trials = herds.design.trials
    np.testing.assert_allclose(drawn.mean(axis=1) / trials, risk, atol=0.02)
    assert (drawn.to_numpy() == np.round(drawn.to_numpy())).all()
    assert list(drawn.index) == list(herds.design.rows)


def test_the_generator_decides(herds):
    one, two, other = (herds.simulate(np.random.default_rng(k)) for k in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)


def test_a_refit_to_many_rows_finds_the_truth_again():
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"x": rng.normal(size=8_000), "g": np.repeat(np.arange(400), 20)})
    data["y"] = rng.poisson(np.exp(0.3 * data["x"] + 0.5 * rng.normal(size=400)[data["g"]]))
    first = fit("y ~ x + (1 | g)", data, family="poisson")
    again = fit("y ~ x + (1 | g)", data.assign(y=first.simulate(rng)[0]), family="poisson")
    assert again.params["x"] == pytest.approx(first.params["x"], abs=4 * first.bse["x"])
    assert again.varcorr["sd"][0] == pytest.approx(first.varcorr["sd"][0], abs=0.1)


def test_what_cannot_be_drawn_is_refused(herds, public_data):
    with pytest.raises(UsageError, match="size must be 1"):
        herds.simulate(np.random.default_rng(1), 0)
    with pytest.raises(UsageError, match="Unknown effects 'mode'"):
        herds.simulate(np.random.default_rng(1), effects="mode")
    half = fit("yn ~ 1 + (1 | ID)", public_data("bacteria").assign(w=0.5), weights="w")
    with pytest.raises(ModelError, match="whole numbers"):
        half.simulate(np.random.default_rng(1))


def _tested(rng, site, x, months):
    """Months since the last test, known to lie between two of 0, 1, 6, 12, 24 and infinity."""
    edges = np.array([0, 1, 6, 12, 24, np.inf])
    times = months * np.exp(0.4 * x + 0.5 * rng.normal(size=20)[site]) * rng.weibull(1.5, len(x))
    at = np.searchsorted(edges, times, side="right")
    return pd.DataFrame({"low": edges[at - 1], "high": edges[at], "x": x, "site": site})


def test_times_are_drawn_into_the_intervals_they_could_have_been_reported_in():
    rng = np.random.default_rng(6)
    site, x = np.repeat(np.arange(20), 40), rng.normal(size=800)
    data = _tested(rng, site, x, 8.0)
    model = fit("cbind(low, high) ~ x + (1 | site)", data, "interval_censored")
    drawn = model.simulate(np.random.default_rng(1), 200, effects="modes").to_numpy()
    for level in range(5):
        below, upto = model.family.at(np.tile(model.auxiliary, (800, 1))).bounds(
            np.full(800, float(level)), model.predict(kind="link").to_numpy(), np.ones(800), 1.0
        )
        assert np.mean(drawn == level) == pytest.approx(np.mean(upto - below), abs=0.005)
    assert model.bootstrap(np.random.default_rng(1), 2).failed == 0
    # A Weibull time: the variance of its log is σ²π²/6.
    found = model.r_squared()
    assert found["distribution"] == pytest.approx(model.dispersion**2 * np.pi**2 / 6)
    assert found["marginal"] < found["conditional"] < 1


def test_times_reported_in_overlapping_intervals_cannot_be_drawn():
    rng = np.random.default_rng(6)
    site, x = np.repeat(np.arange(20), 10), rng.normal(size=200)
    data = _tested(rng, site, x, 8.0)
    data.loc[:20, "low"] = 0.0
    model = fit("cbind(low, high) ~ x + (1 | site)", data, "interval_censored")
    with pytest.raises(ModelError, match="overlap or leave gaps"):
        model.simulate(np.random.default_rng(1))


def test_slopes_that_do_not_vary_are_drawn_as_zero():
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {"x": [0, 0, 1, 1] * 12, "y": [0, 1, 0, 1] * 12, "g": np.repeat(range(6), 8)}
    )
    flat = fit("y ~ x + (x | g)", data)
    assert flat.varcorr["sd"].max() < 1e-4
    assert np.isfinite(flat.simulate(rng, 3).to_numpy(dtype=float)).all()
