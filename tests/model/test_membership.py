"""Rows that belong to several levels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import DataError, UsageError
from peerstats.model.design import build_design
from peerstats.model.engines.blocks import Blocks
from peerstats.model.engines.problem import make_problem
from peerstats.model.families import find_family
from peerstats.model.fit import fit
from peerstats.model.formula import parse_formula


def women(n: int = 3_000, venues: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, venues, n), rng.integers(0, venues, n).astype(float)
    second[rng.random(n) < 0.4] = np.nan
    share = np.where(np.isnan(second), 1.0, rng.uniform(0.2, 0.8, n))
    effect = 0.9 * rng.normal(size=venues)
    x = rng.normal(size=n)
    eta = 0.5 * x + share * effect[first] + (1 - share) * effect[np.nan_to_num(second).astype(int)]
    y = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    frame = pd.DataFrame({"y": y, "x": x, "first": first, "second": second})
    return frame.assign(w1=share, w2=1 - share, site=rng.integers(0, 9, n))


def test_a_formula_reads_memberships() -> None:
    (term,) = parse_formula("y ~ x + (1 | mm(first, second | w1, w2))").random
    assert (term.group, term.shares) == ("mm(first, second)", ("w1", "w2"))
    for wrong in ("(1 | mm(a))", "(1 | mm(a, b | w))", "mm(a, b)", "(1 | mm(a, a))", "(1 | mm(1))"):
        with pytest.raises(UsageError, match=r"mm|variable"):
            parse_formula(f"y ~ x + {wrong}")


def test_shares_add_up_and_a_missing_membership_has_none() -> None:
    data = women()
    grouping = build_design("y ~ 1 + (1 | mm(first, second))", data).groups["mm(first, second)"]
    assert grouping.shares is not None
    np.testing.assert_allclose(grouping.shares.sum(axis=1), 1.0)
    np.testing.assert_array_equal(grouping.shares[:, 1] == 0, data["second"].isna())


def test_the_effects_that_made_the_data_are_found() -> None:
    model = fit("y ~ x + (1 | mm(first, second | w1, w2)) + (1 | site)", women())
    assert model.converged
    assert abs(model.params["x"] - 0.5) < 3 * model.bse["x"]
    assert model.varcorr["sd"][0] == pytest.approx(0.9, rel=0.3)


def test_one_membership_each_is_the_ordinary_model() -> None:
    data = women().assign(second=lambda d: np.where(d.index == 0, d["first"], np.nan))
    several = fit("y ~ x + (1 | mm(first, second))", data)
    plain = fit("y ~ x + (1 | first)", data)
    assert several.llf == pytest.approx(plain.llf, abs=1e-7)
    np.testing.assert_allclose(several.bse, plain.bse, rtol=1e-4)


def test_the_gradient_is_exact() -> None:
    design = build_design(
        "y ~ x + (1 + x | mm(first, second | w1, w2)) + (1 | site)", women(300, 9)
    )
    blocks = Blocks(make_problem(design, find_family("binomial")))
    at, modes = np.linspace(0.3, 0.9, blocks.ends[2]), np.zeros(blocks.structure.q)
    numeric = [
        (blocks.evaluate(at + d, modes).value - blocks.evaluate(at - d, modes).value) / 2e-4
        for d in 1e-4 * np.eye(len(at))
    ]
    np.testing.assert_allclose(blocks.evaluate(at, modes).gradient, numeric, atol=1e-5)


def test_weights_without_sense_are_refused() -> None:
    with pytest.raises(DataError, match="not negative"):
        fit("y ~ x + (1 | mm(first, second | w1, w2))", women().assign(w1=-1.0))
