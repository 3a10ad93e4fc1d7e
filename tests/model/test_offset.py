"""An offset given as an option is the same as one in the formula, wherever a fit is used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import DataError, UsageError
from peerstats.model.fit import fit

FORMULA = "y ~ x + (1 | site)"


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    site = np.repeat(np.arange(15), 20)
    x, months = rng.normal(size=300), rng.uniform(1, 12, 300)
    risk = months * np.exp(-1 + 0.4 * x + 0.5 * rng.normal(size=15)[site])
    return pd.DataFrame(
        {"y": rng.poisson(risk), "x": x, "site": site, "months": months, "log_m": np.log(months)}
    )


@pytest.fixture(scope="module")
def fits(visits: pd.DataFrame):
    return [
        fit("y ~ x + offset(log(months)) + (1 | site)", visits, "poisson"),
        fit(FORMULA, visits, "poisson", offset="log_m"),
        fit(FORMULA, visits, "poisson", offset=visits["log_m"]),
        fit(FORMULA, visits, "poisson", offset=list(visits["log_m"])),
        fit(
            "y ~ x + offset(x) + (1 | site)",
            visits.assign(rest=visits["log_m"] - visits["x"]),
            "poisson",
            offset="rest",
        ),
    ]


@pytest.mark.parametrize("which", [1, 2, 3, 4])
def test_every_way_to_give_an_offset_is_the_same_model(fits, visits, which):
    inside, beside = fits[0], fits[which]
    assert beside.converged
    np.testing.assert_allclose(beside.params, inside.params, rtol=1e-7)
    np.testing.assert_allclose(beside.bse, inside.bse, rtol=1e-6)
    assert beside.llf == pytest.approx(inside.llf, abs=1e-8)
    np.testing.assert_allclose(beside.predict(), inside.predict(), rtol=1e-6)
    new = visits.head(9).assign(rest=visits["log_m"] - visits["x"], **{"(offset)": visits["log_m"]})
    for kind in ("response", "link", "population"):
        ours, theirs = (f.predict_interval(new, kind) for f in (beside, inside))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    ours, theirs = (f.simulate(np.random.default_rng(1), 2) for f in (beside, inside))
    assert (ours == theirs).to_numpy().mean() > 0.99
    np.testing.assert_allclose(beside.influence(), inside.influence(), rtol=1e-3, atol=1e-4)
    ours, theirs = (f.profile(["x"]).conf_int() for f in (beside, inside))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    ours, theirs = (f.bootstrap(np.random.default_rng(1), 3).draws for f in (beside, inside))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(beside.residuals("pearson"), inside.residuals("pearson"), atol=1e-5)


def test_a_missing_offset_is_counted_like_any_other_column(visits):
    gaps = visits["log_m"].where(visits.index >= 7)
    assert fit(FORMULA, visits, "poisson", offset=gaps).dropped == {"(offset)": 7}
    assert fit(FORMULA, visits.assign(o=gaps), "poisson", offset="o").dropped == {"o": 7}
    whole = pd.array([None] * 7 + [0.0] * 293, dtype="Float64")
    assert fit(FORMULA, visits, "poisson", offset=whole).nobs == 293


def test_an_offset_for_a_linear_model_is_taken_from_the_outcome(visits):
    plain = fit("z ~ x", visits.assign(z=visits["y"] - visits["log_m"]), "gaussian")
    shifted = fit("y ~ x", visits, "gaussian", offset="log_m")
    np.testing.assert_allclose(shifted.params, plain.params, rtol=1e-9)
    np.testing.assert_allclose(shifted.bse, plain.bse, rtol=1e-9)


@pytest.mark.parametrize(
    ("offset", "error", "message"),
    [
        ([0.0, 1.0], UsageError, "offset has 2 values for 300 rows"),
        ("month", UsageError, "Variable 'month' is not in the data. Did you mean 'months'"),
        (pd.Series(np.zeros(300), index=range(5, 305)), UsageError, "another index"),
        (["a"] * 300, DataError, "something else than numbers"),
        ([np.inf] * 300, DataError, "infinite"),
    ],
)
def test_an_offset_that_does_not_fit_is_refused(visits, offset, error, message):
    with pytest.raises(error, match=message):
        fit(FORMULA, visits, "poisson", offset=offset)


def test_new_rows_need_an_offset_too(fits, visits):
    with pytest.raises(UsageError, match=r"give the new rows a column '\(offset\)'"):
        fits[2].predict(visits)
    with pytest.raises(UsageError, match="'log_m' is not in the data"):
        fits[1].predict(visits.drop(columns="log_m"))
