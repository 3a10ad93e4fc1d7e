"""Fits of random slopes: known truth, limits of the covariance, and agreement between engines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import ModelError
from peerstats.model.design import build_design
from peerstats.model.engines.blocks import Blocks
from peerstats.model.engines.fixed import prepare
from peerstats.model.engines.general import Search, first_guess
from peerstats.model.families import find_family
from peerstats.model.fit import fit


def villages(slope: float, own: float, seed: int = 4, n: int = 4_000) -> pd.DataFrame:
    """Intercepts with sd 1; slopes `slope` times them, and `own` of their own."""
    rng = np.random.default_rng(seed)
    g, x = rng.integers(0, 150, n), rng.normal(size=n)
    u, v = rng.normal(size=(2, 150))
    eta = -0.5 + 0.5 * x + u[g] + (slope * u[g] + own * v[g]) * x
    y = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": rng.integers(0, 20, n)})


def test_slopes_that_made_the_data_are_found() -> None:
    model = fit("y ~ x + (x | g)", villages(0.4, 0.5))
    assert model.converged
    assert model.convergence.gradient < 1e-5
    truth = {"Intercept": 1.0, "x": np.hypot(0.4, 0.5)}
    sds = model.varcorr.set_index("term")["sd"]
    logs = np.sqrt(np.diag(model.covariance))[2:4]
    for (term, sd), spread in zip(truth.items(), logs, strict=True):
        assert abs(np.log(sds[term] / sd)) < 3 * spread
    z = model.covariance.iloc[4, 4] ** 0.5
    rho = model.varcorr["corr"][1]
    assert abs(np.arctanh(rho) - np.arctanh(0.4 / np.hypot(0.4, 0.5))) < 3 * z


def test_a_correlation_of_one_is_found_and_called_singular() -> None:
    model = fit("y ~ x + (x | g)", villages(0.6, 0.0))
    assert model.converged
    assert model.convergence.singular
    assert model.varcorr["corr"][1] == pytest.approx(1.0)
    assert np.isfinite(model.bse).all()
    assert any("correlation of random effects as 1" in message for message in model.messages)
    # The limit is the model whose slopes are a multiple of the intercepts: one parameter less.
    apart = fit("y ~ x + (x || g)", villages(0.6, 0.0))
    assert model.llf > apart.llf + 10


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_modes_and_value_at_the_end_are_exact_though_those_on_the_way_are_not(family: str) -> None:
    design = build_design("y ~ x + (x | g)", villages(-0.4, 0.3))
    ready = prepare(design, find_family(family))
    likelihood = Blocks(ready.problem)
    everything = tuple(range(likelihood.ends[2]))
    search = Search(likelihood=likelihood, fixed=ready.fixed, free=everything)
    start = first_guess(search)
    found = search.run(start)
    assert found.reached
    assert found.iterations <= 5
    again = Blocks(ready.problem).evaluate(found.parameters, np.zeros(likelihood.structure.q))
    assert found.evaluation.value == pytest.approx(again.value, abs=1e-8)
    np.testing.assert_allclose(found.evaluation.modes, again.modes, atol=1e-8)
    # Scoring finds the correlation's sign before the search begins.
    assert start[-2] < 0


def test_uncorrelated_effects_are_two_terms() -> None:
    data = villages(0.0, 0.5)
    one, two = fit("y ~ x + (x || g)", data), fit("y ~ x + (1 | g) + (0 + x | g)", data)
    assert one.llf == pytest.approx(two.llf, abs=1e-7)
    assert list(one.random_effects["g"].columns) == list(two.random_effects["g"].columns)


@pytest.mark.parametrize("slope_scale", [1e-4, 1e4])
def test_the_scale_of_a_slope_changes_nothing(slope_scale: float) -> None:
    data = villages(0.3, 0.5)
    plain = fit("y ~ x + (x | g)", data)
    scaled = fit("y ~ x + (x | g)", data.assign(x=data["x"] * slope_scale))
    assert scaled.llf == pytest.approx(plain.llf, abs=1e-6)
    assert scaled.varcorr["corr"][1] == pytest.approx(plain.varcorr["corr"][1], abs=1e-4)
    sds = scaled.varcorr["sd"].to_numpy() * [1.0, slope_scale]
    np.testing.assert_allclose(sds, plain.varcorr["sd"], rtol=1e-4)


def test_more_nodes_settle_and_one_effect_is_the_scalar_quadrature() -> None:
    data = villages(0.3, 0.5, n=1_500)
    few, more = (fit("y ~ x + (x | g)", data, method="agq", nodes=n) for n in (7, 11))
    assert few.llf == pytest.approx(more.llf, abs=0.02)
    assert few.converged
    with pytest.raises(ModelError, match="one grouping factor"):
        fit("y ~ x + (x | g) + (1 | h)", data, method="agq", nodes=7)


def test_a_linear_model_of_every_scale() -> None:
    data = villages(0.3, 0.5)
    rng = np.random.default_rng(9)
    effect = rng.normal(size=(150, 2)) @ np.array([[1.0, 0.5], [0.0, 0.7]])
    g = data["g"].to_numpy()
    data["z"] = 1e3 * (effect[g, 0] + effect[g, 1] * data["x"] + rng.normal(size=len(data)))
    model = fit("z ~ x + (x | g)", data, family="gaussian")
    assert model.converged
    np.testing.assert_allclose(model.varcorr["sd"], 1e3 * np.array([1.0, 0.86, 1.0]), rtol=0.15)
    assert model.varcorr["corr"][1] == pytest.approx(0.58, abs=0.15)


def test_what_would_not_fit_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerstats.model.engines.structure.MOST_REST", 10)
    for family in ("gaussian", "binomial"):
        with pytest.raises(ModelError, match="the limit is 10"):
            fit("y ~ x + (x | g) + (1 | h)", villages(0.0, 0.5), family=family)
