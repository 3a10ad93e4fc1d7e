from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import parse_condition
from peerstats.data.load import Source, load_study
from peerstats.data.study import Study
from peerstats.data.synthetic import generate
from peerstats.errors import DataError, PeerstatsError, UsageError


def women(**columns: list[str]) -> pd.DataFrame:
    given = {"participant_id": ["a", "b", "c"], "site_id": ["s", "s", "t"], **columns}
    return pd.DataFrame(given, dtype=object)


def load(participants: pd.DataFrame, **how: object) -> Study:
    tables = {
        "participants": participants,
        "sites": pd.DataFrame({"site_id": ["s", "t"]}),
        **how.pop("more", {}),  # type: ignore[dict-item]
    }
    return load_study(Source(name="x", tables=tables, **how))  # type: ignore[arg-type]


def test_participants_and_sites_are_enough() -> None:
    study = load(women(age=["30", "40", ".r"]), provenance="made up", synthetic=True)
    assert set(study.tables) == {"participants", "sites"}
    assert [step.count for step in study.flow] == [3, 3]
    assert (study.provenance, study.synthetic) == ("made up", True)
    assert repr(study) == "<Study x (SYNTHETIC): participants 3, sites 2>"


def test_csv_files_and_frames_give_the_same_study(tmp_path: Path) -> None:
    made = generate("founding", 1).tables
    paths = {}
    for name, frame in made.items():
        paths[name] = tmp_path / f"{name}.csv"
        frame.to_csv(paths[name], index=False)
    read = load_study(Source(name="f", tables=paths))
    given = load_study(Source(name="f", tables=made))
    assert set(read.tables) == set(given.tables)
    for name, table in read.tables.items():
        pd.testing.assert_frame_equal(table.values, given.tables[name].values)
        pd.testing.assert_frame_equal(table.codes, given.tables[name].codes)


def test_the_founding_flow_is_52_to_31() -> None:
    tables = generate("founding", 1).tables
    only = parse_condition("migrant_type = international")
    study = load_study(Source(name="founding", tables=tables, population=only))
    steps = {step.key: (step.count, step.label) for step in study.flow}
    assert steps["interviewed"][0] == 52
    assert steps["population"] == (21, "Outside the population (Migration = International)")
    worded = Source(name="f", tables=tables, population=only, population_label="migrants")
    (step,) = (s for s in load_study(worded).flow if s.key == "population")
    assert step.label == "Outside the population (migrants)"
    assert steps["analysed"][0] == 31
    assert {name: len(t.values) for name, t in study.tables.items()} == {
        "sites": 3,
        "participants": 31,
        "visits": 31,
    }
    assert study.tables["participants"].values.index.tolist() == list(range(31))


def test_an_age_of_17_stops_the_study_or_is_excluded() -> None:
    given = women(age=["17", "40", "41"])
    with pytest.raises(DataError) as refusal:
        load(given)
    assert refusal.value.exit_code == 3
    assert refusal.value.problems[0].code == "C01"
    assert "1 of 3 rows" in str(refusal.value)
    assert "17" not in str(refusal.value)
    study = load(given, exclude=("C01",))
    assert study.tables["participants"].values["participant_id"].tolist() == ["b", "c"]
    assert [(s.key, s.count) for s in study.flow] == [
        ("interviewed", 3),
        ("rule_C01", 1),
        ("analysed", 2),
    ]
    assert [f.count for f in study.findings if f.rule == "C01"] == [1]


def test_an_excluded_rule_does_not_excuse_another() -> None:
    given = women(age=["17", "40", "41"], age_entry=["15", "50", "20"])
    with pytest.raises(DataError) as refusal:
        load(given, exclude=("C01",))
    assert [problem.code for problem in refusal.value.problems] == ["C02"]


def test_an_empty_population_and_an_unknown_variable() -> None:
    with pytest.raises(DataError, match="no participant meets 'age > 90'"):
        load(women(age=["30", "40", "41"]), population=parse_condition("age > 90"))
    with pytest.raises(DataError, match="the study has no values of 'age'"):
        load(women(), population=parse_condition("age > 90"))
    with pytest.raises(UsageError, match="Did you mean 'age'"):
        load(women(), population=parse_condition("agee > 90"))


def test_sites_without_analysed_women_leave_with_them() -> None:
    study = load(women(age=["30", "40", "50"]), population=parse_condition("age <= 40"))
    assert study.tables["sites"].values["site_id"].tolist() == ["s"]


def test_tables_and_rules_that_do_not_exist_are_told_at_once() -> None:
    source = Source(
        name="x",
        tables={"participant": pd.DataFrame(), "sites": pd.DataFrame()},
        exclude=("C1",),
        decimal=";",
    )
    with pytest.raises(UsageError) as refusal:
        load_study(source)
    messages = [problem.message for problem in refusal.value.problems]
    assert messages[0] == "Unknown table 'participant'. Did you mean 'participants'?"
    assert messages[1] == "The study needs a table 'participants'."
    assert messages[2].startswith("exclude: unknown rule 'C1'.")
    assert messages[3] == "decimal must be '.' or ','."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (women().iloc[:0], "table 'participants': has no rows."),
        (
            women().rename(columns={"site_id": "participant_id"}),
            "table 'participants': two columns have the same heading.",
        ),
        (women(participant_id=[1.0, 2.0, 3.0]).astype({"participant_id": float}), "floating-point"),
    ],
)
def test_frames_that_no_longer_hold_what_the_file_held(given: pd.DataFrame, message: str) -> None:
    with pytest.raises(PeerstatsError, match=message):
        load(given)


def test_derived_gates_decide_what_was_asked() -> None:
    violence = pd.DataFrame(
        {
            "participant_id": ["a", "b", "c"],
            "perpetrator": ["client"] * 3,
            "type": ["verbal"] * 3,
            "ever": ["1", "0", "1"],
            "w6m": ["1", "0", "1"],
        }
    )
    given = women(help_sought_after_violence=["1", "", ""])
    study = load(given, more={"violence": violence})
    visits = study.tables["visits"]
    assert visits.values["any_violence_6m"].tolist() == [1.0, 0.0, 1.0]
    assert visits.codes["help_sought_after_violence"].tolist() == ["", ".a", ".m"]


def test_all_typing_problems_of_all_tables_are_told_at_once() -> None:
    given = women(age=["x", "30", "31"], phone=["1", "2", "0"], n_children=["1", "1.5", "0"])
    with pytest.raises(DataError) as refusal:
        load(given)
    places = [(p.table, p.column) for p in refusal.value.problems]
    assert places == [("participants", "age"), ("participants", "n_children"), ("visits", "phone")]


def test_the_border_study_loads_with_its_long_tables() -> None:
    study = load_study(Source(name="border", tables=generate("border", 1).tables, synthetic=True))
    assert set(study.tables) >= {"sites", "venues", "visits", "support_acts", "violence"}
    visits = study.tables["visits"]
    assert (visits.values.isna() == (visits.codes != "")).all(axis=None)
    assert {f.severity for f in study.findings} <= {"warn", "note"}
    assert np.isfinite(visits.values["ps_z"].dropna()).all()
