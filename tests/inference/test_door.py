"""Inference from a formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import peerstats as ps
from peerstats.errors import ModelError, UsageError


def test_a_formula_gives_what_its_fit_gives(make_study):
    data = make_study(6, 30, effect=0.8)
    formula = "y ~ x + country + (1 | site_id)"
    ours = ps.infer(formula, data).frame
    pd.testing.assert_frame_equal(ours, ps.infer(ps.fit(formula, data)).frame)
    wald = ps.infer(formula, data, rule="wald_z", alpha=0.1)
    assert set(wald.frame["method"]) == {"Wald z test and interval"}
    assert wald.alpha == 0.1


def test_a_separated_outcome_is_answered_and_told(make_study):
    data = make_study(5, 24, effect=0.3)
    data["rare"] = ((data["y"] == 1) & (np.arange(len(data)) % 7 == 0)).astype(int)
    with pytest.raises(ModelError, match="separated"):
        ps.fit("y ~ rare + (1 | site_id)", data)
    found = ps.infer("y ~ rare + (1 | site_id)", data)
    row = found.row("rare")
    assert np.isfinite([row.estimate, row.conf_low, row.p_value]).all()
    assert row.estimate > 1
    assert "separated" in found.remarks[0].sentence
    assert "penalised" in found.remarks[0].sentence


def test_what_no_method_answers_is_refused_by_name(make_study):
    data = make_study(4, 20)
    with pytest.raises(ModelError, match="Outcome 'never' is the same in all 80 rows"):
        ps.infer("never ~ x + (1 | site_id)", data.assign(never=0))
    with pytest.raises(UsageError, match="Did you mean 'fe_firth'"):
        ps.infer("y ~ x + (1 | site_id)", data, rule="fe_frith")
    with pytest.raises(UsageError, match="has its data and options already"):
        ps.infer(ps.fit("y ~ x + (1 | site_id)", make_study(6, 30, effect=0.8)), data)
