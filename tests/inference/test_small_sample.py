import json
from pathlib import Path

import pandas as pd
import pytest

from peerstats.model.fit import fit

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
def test_rows_are_those_of_lmertest(ask, method):
    models = json.loads((REFERENCE / "inference.json").read_text(encoding="utf-8"))["small_sample"]
    (wanted,) = [m for m in models if m["formula"] == "Reaction ~ Days + (Days | Subject)"]
    data = pd.read_csv(REFERENCE / "sleepstudy.csv").astype({"Subject": str})
    row = ask(fit(wanted["formula"], data, family="gaussian", reml=True), method, "Days")
    for name in ("estimate", "std_error", "df"):
        assert getattr(row, name) == pytest.approx(wanted[method][name]["Days"], rel=1e-4)
    assert row.conf_low < row.estimate < row.conf_high


@pytest.mark.parametrize("method", ["satterthwaite", "kenward_roger"])
def test_other_models_are_refused(make_study, why, method):
    data = make_study(6, 20)
    refused = why(fit("y ~ x + (1 | site_id)", data), method, "x")
    assert "not for a binomial (logit) model" in refused
    assert "no random effects" in why(fit("score ~ x", data, family="gaussian"), method, "x")
