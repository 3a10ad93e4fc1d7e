from __future__ import annotations

import pandas as pd
import pytest

from peerstats.data.load import Source, load_study
from peerstats.data.sample import analysis_table, take_sample
from peerstats.data.study import Study
from peerstats.errors import DataError, UsageError


@pytest.fixture(scope="module")
def study() -> Study:
    tables = {
        "sites": pd.DataFrame({"site_id": ["s", "t"], "country_work": ["GTM", "MEX"]}),
        "venues": pd.DataFrame(
            {"venue_id": ["v", "w"], "site_id": ["s", "t"], "formality": ["formal", "informal"]}
        ),
        "participants": pd.DataFrame(
            {
                "participant_id": ["a", "b", "c", "d"],
                "site_id": ["s", "t", "t", "s"],
                "venue_id": ["v", "w", "w", "v"],
                "age": ["30", ".r", ".d", "33"],
                "years_in_city": ["<1 month", "2 years", "3", "4"],
            }
        ),
        "visits": pd.DataFrame(
            {
                "visit_id": ["1", "2", "3", "4"],
                "participant_id": ["a", "a", "b", "c"],
                "visit_no": ["2", "1", "1", "1"],
                "phone": ["1", "0", ".r", "1"],
            }
        ),
    }
    return load_study(Source(name="x", tables=tables))


def test_one_row_per_participant_with_her_first_visit(study: Study) -> None:
    rows = analysis_table(study)
    assert rows.values["participant_id"].tolist() == ["a", "b", "c", "d"]
    assert rows.values["visit_id"].tolist()[:3] == ["2", "3", "4"]
    assert rows.values["country_work"].tolist() == ["GTM", "MEX", "MEX", "GTM"]
    assert rows.values["formality"].tolist() == ["formal", "informal", "informal", "formal"]
    assert rows.codes["phone"].tolist() == ["", ".r", "", ".m"]  # d has no visit
    assert (rows.values.isna() == (rows.codes != "")).all(axis=None)


def test_one_row_per_visit(study: Study) -> None:
    rows = analysis_table(study, "visits")
    assert rows.values["visit_id"].tolist() == ["1", "2", "3", "4"]
    assert rows.values["site_id"].tolist() == ["s", "s", "t", "t"]
    assert rows.values["age"].isna().tolist() == [False, False, True, True]


def test_rows_are_dropped_for_their_first_reason(study: Study) -> None:
    sample = take_sample(study, ["phone", "age", "formality"])
    assert sample.n_start == 4
    assert sample.dropped == (("phone", ".r", 1), ("phone", ".m", 1), ("age", ".d", 1))
    assert sample.frame["participant_id"].tolist() == ["a"]
    assert list(sample.fields) == ["phone", "age", "formality"]
    assert repr(sample) == "<Sample: 1 of 4 rows, 3 variables>"


def test_the_order_of_the_variables_decides_the_reason(study: Study) -> None:
    sample = take_sample(study, ["age", "phone"])
    assert sample.dropped == (("age", ".r", 1), ("age", ".d", 1), ("phone", ".m", 1))


def test_categories_keep_the_codebooks_reference_first(study: Study) -> None:
    frame = take_sample(study, ["formality", "site_id"], "visits").frame
    assert frame["formality"].cat.categories.tolist() == ["informal", "formal"]
    assert frame.columns.tolist().count("site_id") == 1


def test_the_ends_of_an_interval_can_be_used(study: Study) -> None:
    sample = take_sample(study, ["years_in_city_low", "years_in_city_high"])
    assert sample.frame["years_in_city_low"].tolist() == [0, 2, 3, 4]
    assert sample.fields["years_in_city_low"].label == "Years in this city"


def test_names_that_are_unknown_and_names_without_data(study: Study) -> None:
    with pytest.raises(UsageError, match=r"Unknown variable 'agee'\. Did you mean 'age'\?"):
        take_sample(study, ["agee"])
    with pytest.raises(DataError, match=r"no values of 'n_children' \(Children\)"):
        take_sample(study, ["n_children"])
    with pytest.raises(UsageError, match=r"Unknown unit 'visit'\. Did you mean 'visits'"):
        analysis_table(study, "visit")
