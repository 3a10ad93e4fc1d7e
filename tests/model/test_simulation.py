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
