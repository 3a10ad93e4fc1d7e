"""F tests against lmerTest and pbkrtest, and against exact ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import ModelError, UsageError
from peerstats.model.fit import fit

REFERENCE = Path(__file__).parents[1] / "reference" / "f_tests.json"
CASES = json.loads(REFERENCE.read_text(encoding="utf-8"))
LOST = [3, 4, 5, 17, 18, 44, 45, 46, 47, 90, 91, 120, 121, 122, 160]  # rows, counted from 1
MODELS = {
    "weeks": ("Reaction ~ C(week) + (1 | Subject)", ["C(week)"]),
    "slopes": ("Reaction ~ Days + I(Days**2) + (Days | Subject)", ["Days", "I(Days ** 2)"]),
    "unbalanced": ("Reaction ~ C(week) * Days + (1 | Subject)", ["C(week):Days"]),
    "casks": ("strength ~ cask + (1 | batch/cask)", ["cask"]),
}


def data_of(case, public_data):
    if case == "casks":
        return public_data("pastes")
    sleep = public_data("sleepstudy")
    sleep["week"] = sleep["Days"] // 4
    return sleep.drop(index=sleep.index[np.array(LOST) - 1]) if case == "unbalanced" else sleep


@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
@pytest.mark.parametrize("case", list(MODELS))
def test_several_coefficients_are_tested_as_by_r(case, method, public_data):
    formula, terms = MODELS[case]
    model = fit(formula, data_of(case, public_data), family="gaussian", reml=True)
    found = model.f_test(terms, method).iloc[0]
    wanted = pd.Series(CASES[case][method])
    # lmerTest differentiates numerically; its estimates stop about 1e-6 of a variance away.
    np.testing.assert_allclose(found[["statistic", "df"]], wanted[["statistic", "df"]], rtol=5e-5)
    assert found["df_residual"] == pytest.approx(wanted["df_residual"], rel=2e-4)
    assert found["p_value"] == pytest.approx(wanted["p_value"], rel=3e-3)


@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
def test_one_coefficient_has_the_square_of_its_t(method, public_data):
    sleep = public_data("sleepstudy")
    model = fit("Reaction ~ Days + (Days | Subject)", sleep, family="gaussian", reml=True)
    t, found = model.small_sample(method).loc["Days"], model.f_test(method=method).loc["Days"]
    assert found["statistic"] == pytest.approx(t["statistic"] ** 2)
    assert found["df_residual"] == pytest.approx(t["df"])
    assert found["p_value"] == pytest.approx(t["p_value"])


@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
def test_a_balanced_design_has_the_exact_f_test(method):
    """Blocks and treatments: the analysis of variance with (a - 1)(b - 1) df."""
    rng = np.random.default_rng(8)
    block, arm = np.repeat(np.arange(8), 4), np.tile(np.arange(4), 8)
    y = 2.0 * rng.normal(size=8)[block] + 0.5 * arm + rng.normal(size=32)
    table = y.reshape(8, 4)
    fitted = table.mean(axis=1)[:, None] + table.mean(axis=0) - table.mean()
    between = 8 * np.square(table.mean(axis=0) - table.mean()).sum() / 3
    within = np.square(table - fitted).sum() / 21
    model = fit("y ~ C(arm) + (1 | block)", {"y": y, "arm": arm, "block": block}, "gaussian",
                reml=True)  # fmt: skip
    found = model.f_test(method=method).loc["C(arm)"]
    assert found["statistic"] == pytest.approx(between / within, rel=1e-6)
    assert found["df_residual"] == pytest.approx(21, rel=1e-6)


def test_terms_are_named_and_other_models_refused(public_data):
    sleep = public_data("sleepstudy")
    model = fit("Reaction ~ Days + (Days | Subject)", sleep, family="gaussian")
    with pytest.raises(UsageError, match=r"no term 'Day'.*Did you mean 'Days'"):
        model.f_test(["Day"])
    with pytest.raises(UsageError, match="needs a term"):
        model.f_test([])
    with pytest.raises(ModelError, match="gaussian models with random effects"):
        fit("Reaction ~ Days", sleep, family="gaussian").f_test()
