"""Synthetic tables are a study like any other: they load, pass the checks and derive the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.data.load import Source, load_study
from peerstats.data.sample import analysis_table
from peerstats.data.synthetic import generate
from peerstats.data.synthetic.reading import model_frame
from peerstats.data.synthetic.truth import OUTCOMES


def load(profile: str, *, missing: bool = True):
    tables = generate(profile, 1, missing=missing).tables
    return load_study(Source(name=profile, tables=tables, synthetic=True))


@pytest.fixture(scope="module")
def border():
    return load("border")


@pytest.fixture(scope="module")
def complete():
    return load("border", missing=False)


@pytest.fixture(scope="module")
def founding():
    return load("founding")


def finding(study, rule: str):
    return next(f for f in study.findings if f.rule == rule)


def test_no_study_breaks_a_rule_that_is_an_error(border, complete, founding):
    for study in (border, complete, founding):
        assert {f.severity for f in study.findings} <= {"warn", "note"}
        assert study.notes == ()


def test_the_paper_s_traps_are_remarked_on(founding):
    assert finding(founding, "C04").count == 1  # the woman who came as a small child
    assert finding(founding, "C10").count == 4  # in a bar or cantina, but not formally


def test_three_percent_contradict_themselves(border, complete):
    told = finding(border, "C15")
    assert told.count / told.checked == pytest.approx(0.03, abs=0.015)
    assert len(told.by_site) == 12
    assert finding(complete, "C15").count == 0


def test_the_flow_counts_everybody(border):
    counts = {step.key: step.count for step in border.flow}
    assert counts["approached"] >= counts["eligible"] == counts["interviewed"] + counts["refused"]


@pytest.mark.parametrize("which", ["complete", "border"])
def test_derived_variables_are_the_ones_the_outcomes_were_drawn_from(which, request):
    study = request.getfixturevalue(which)
    frame = model_frame(generate("border", 1, missing=which == "border"))
    values = analysis_table(study).values
    derived = pd.DataFrame({name: values[name].astype(float) for name in (*OUTCOMES, "mobile")})
    for new, old, level in (
        ("recent", "migration_stage", "recent"),
        ("new_sw", "sw_stage", "new"),
        ("formal", "formality", "formal"),
        ("mex", "country_work", "MEX"),
    ):
        given = values[old].notna()
        derived[new] = (values[old].astype(object) == level).astype(float).where(given)
    derived["deported"] = values["ever_deported"].astype(float)
    derived["ps_z"] = values["ps_z"].astype(float)
    # Rows stand in different orders; the two readings are matched by the woman.
    derived.index = pd.Index(values["participant_id"].astype(str))
    frame.index = pd.Index(frame.pop("participant_id").astype(str))
    frame = frame.loc[derived.index]
    for name in derived:
        assert np.allclose(derived[name], frame[name], equal_nan=True), name
