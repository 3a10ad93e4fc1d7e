from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import Codebook
from peerstats.data.codebook_file import read_codebook
from peerstats.data.typed import Typing, as_text, suspicious_values, type_table


@pytest.fixture(scope="module")
def standard() -> Codebook:
    return read_codebook()


def typed(codebook: Codebook, **columns: list[str]) -> Typing:
    fields = [codebook.fields[name] for name in columns]
    return type_table("participants", pd.DataFrame(columns, dtype=object), fields)


def test_each_type_has_its_column_type(standard: Codebook) -> None:
    made = typed(
        standard,
        participant_id=["01", "02"],
        age=["30", "31.5"],
        n_children=["0", "2"],
        ever_deported=["yes", "no"],
        country_birth=["NIC", "Honduras"],
        consent_date=["2013-01-02", ""],
        financial_need=["None", "4"],
        deported_from=["usa mex", ""],
    )
    values = made.table.values
    kinds = {name: str(values[name].dtype) for name in values}
    assert kinds == {
        "participant_id": "object",
        "age": "float64",
        "n_children": "float64",
        "ever_deported": "float64",
        "country_birth": "category",
        "consent_date": "datetime64[ns]",
        "financial_need": "float64",
        "deported_from": "object",
    }
    assert values["country_birth"].tolist() == ["NIC", "HND"]
    assert values["country_birth"].cat.categories[0] == "HND"  # the codebook's reference
    assert not values["country_birth"].cat.ordered
    assert values["financial_need"].tolist() == [1.0, 4.0]
    assert values["deported_from"].tolist()[0] == "MEX;USA"
    assert made.table.codes["consent_date"].tolist() == ["", ".m"]
    assert made.problems == ()


def test_values_and_codes_never_overlap(standard: Codebook) -> None:
    texts = ["30", ".r", ".d", "", ".x", ".a", ".n", ".m"]
    table = typed(standard, age=texts, country_birth=["HND", *texts[1:]]).table
    assert table.codes["age"].tolist() == ["", ".r", ".d", ".m", ".x", ".a", ".n", ".m"]
    assert (table.values.isna() == (table.codes != "")).all(axis=None)


def test_durations_bring_their_interval(standard: Codebook) -> None:
    table = typed(standard, years_in_city=["<1 month", "16 years", ".d"]).table
    assert list(table.values.columns) == [
        "years_in_city",
        "years_in_city_low",
        "years_in_city_high",
    ]
    np.testing.assert_allclose(table.values["years_in_city_low"], [0, 16, np.nan])
    np.testing.assert_allclose(table.values["years_in_city_high"], [1 / 12, 16, np.nan])
    assert table.codes["years_in_city_high"].tolist() == ["", "", ".d"]


def test_problems_are_counted_by_reason_and_hold_no_value(standard: Codebook) -> None:
    made = typed(
        standard, age=["Canaria", "x", "130", "30"], ever_deported=["quizá", "1", "1", "1"]
    )
    assert [str(problem) for problem in made.problems] == [
        "table 'participants', column 'age': not a number: 2 of 4 values. If they are words "
        'for no answer, declare them: missing = { "word" = ".r" }.',
        "table 'participants', column 'age': outside the range 10 to 110 years: 1 of 4 values.",
        "table 'participants', column 'ever_deported': none of the levels 0, 1: 1 of 4 values. "
        'Declare other words in your codebook: aliases = { "word" = "level" }, or missing = '
        '{ "word" = ".r" }.',
    ]


def test_adjusted_spellings_are_noted_once_per_column(standard: Codebook) -> None:
    made = typed(standard, country_birth=["hnd ", "HND", "slv"])
    assert made.notes == (
        "table 'participants', column 'country_birth': 2 values matched after removing blanks and "
        "unseen characters or ignoring case",
    )


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1, 2, 3, 99], 1),
        ([1, 2, 3, -99, -99], 2),
        ([0, 5, -9], 1),
        ([70, 80, 99], 0),  # 99 is near its neighbours
        ([-20, 5, -9], 0),  # negative values are usual here
        ([99, 99], 0),
        ([1, 9], 0),  # a small number is only a number
        ([np.nan], 0),
    ],
)
def test_values_that_look_like_codes(values: list[float], count: int) -> None:
    assert suspicious_values(pd.Series(values, dtype=float)) == count


def test_a_frame_as_the_text_of_its_file() -> None:
    frame = pd.DataFrame(
        {
            "whole": [1.0, np.nan],
            "real": [0.1, 1e22],
            "flag": [True, False],
            "mixed": [1, "01"],
            "day": [pd.Timestamp("2013-01-02"), pd.NaT],
            "date": [dt.date(2013, 1, 2), None],
            "level": pd.Categorical(["a", None]),
        }
    )
    assert as_text(frame).to_dict("list") == {
        "whole": ["1", ""],
        "real": ["0.1", "1e+22"],
        "flag": ["1", "0"],
        "mixed": ["1", "01"],
        "day": ["2013-01-02", ""],
        "date": ["2013-01-02", ""],
        "level": ["a", ""],
    }
