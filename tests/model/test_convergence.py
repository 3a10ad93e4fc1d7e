"""What a fit knows of its own optimum: gradient, curvature, edge, and where another start ended."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.model.engines.optimise import Optimum, compared
from peerstats.model.fit import fit


def _sites():
    rng = np.random.default_rng(1)
    site = np.repeat(np.arange(20), 20)
    x = rng.normal(size=400)
    risk = 1 / (1 + np.exp(-(0.2 + 0.5 * x + 0.8 * rng.normal(size=20)[site])))
    return pd.DataFrame({"y": rng.binomial(1, risk), "x": x, "site": site})


def test_a_sound_fit_needs_no_second_start():
    found = fit("y ~ x + (1 | site)", _sites()).convergence
    assert found.converged
    assert found.gradient < 1e-4
    assert found.min_eigenvalue > 0.1
    assert np.isnan(found.restart)
    assert not found.singular


def _nearly_pure():
    """Thirty groups, all yes or all no but for three answers: the variance runs off."""
    rng = np.random.default_rng(3)
    site = np.repeat(np.arange(30), 8)
    y = site % 2
    y[[3, 50, 100]] = 1 - y[[3, 50, 100]]
    return pd.DataFrame({"y": y, "x": rng.normal(size=240), "site": site})


@pytest.mark.parametrize("formula", ["y ~ x + (1 | site)", "y ~ x + (x | site)"])
@pytest.mark.parametrize("nodes", [1, 9, 25])
def test_a_variance_that_runs_off_is_told_with_any_number_of_nodes(formula, nodes):
    model = fit(formula, _nearly_pure(), method="agq", nodes=nodes)
    assert model.varcorr["sd"].max() > 6
    assert any("incredibly large" in message for message in model.messages)
    assert not model.converged
    assert np.isfinite(model.convergence.restart)  # another start was tried before saying so


def test_slopes_may_be_large_where_their_covariate_is_small():
    rng = np.random.default_rng(5)
    site = np.repeat(np.arange(60), 20)
    z = rng.normal(size=1200)
    effect = rng.normal(size=(60, 2))[site]
    yes = rng.random(1200) < 1 / (1 + np.exp(-effect[:, 0] - (0.5 + effect[:, 1]) * z))
    model = fit("y ~ x + (x | site)", {"y": yes.astype(float), "x": z / 100, "site": site})
    assert model.varcorr["sd"].max() > 50  # for a unit of x
    assert model.converged
    assert model.messages == ()


def test_the_distance_to_a_restart_is_in_standard_errors():
    def optimum(*parameters):
        return Optimum(
            parameters=np.array(parameters),
            evaluation=None,
            hessian=np.diag([4.0, 25.0]),
            gradient=0.0,
            min_eigenvalue=1.0,
            iterations=1,
        )

    # Standard errors are 1/2 and 1/5; the sign of the second, a standard deviation, means nothing.
    assert compared(optimum(1.0, 0.3), optimum(1.5, -0.3), 1).restart == pytest.approx(1.0)
    assert compared(optimum(1.0, 0.3), optimum(1.0, -0.7), 1).restart == pytest.approx(2.0)
