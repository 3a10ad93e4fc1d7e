"""Fitting the same model again to changed rows."""

from __future__ import annotations

import numpy as np
import pytest

from peerstats.model.fit import fit
from peerstats.model.refit import hold_column, refit


def test_a_held_coefficient_moves_into_the_offset() -> None:
    rng = np.random.default_rng(2)
    site = np.repeat(np.arange(8), 20)
    x, z = rng.normal(size=160), rng.normal(size=160)
    y = rng.binomial(1, 1 / (1 + np.exp(-0.4 * x - rng.normal(size=8)[site])))
    data = {"y": y, "x": x, "z": z, "site": site}
    full = fit("y ~ x + z + (1 | site)", data)
    held = refit(full, hold_column(full.design, 1, float(full.params["x"])))
    assert held.loglik == pytest.approx(full.llf, abs=1e-7)
    assert held.beta == pytest.approx(full.params[["Intercept", "z"]].to_numpy(), abs=1e-5)
    null = refit(full, hold_column(full.design, 1))
    assert null.loglik == pytest.approx(fit("y ~ z + (1 | site)", data).llf, abs=1e-8)
