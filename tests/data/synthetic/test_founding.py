"""The founding profile has the published margins, whatever the seed, and the paper's traps."""

from __future__ import annotations

import re

import pytest

from peerstats.data.synthetic import generate
from peerstats.errors import UsageError

PER_YEAR = {"week": 365.25 / 7, "month": 12, "year": 1}


def years(text: str) -> float:
    below, amount, unit = re.fullmatch(r"(<?)(\d+) (week|month|year)s?", text).groups()
    return float(amount) * (0.5 if below else 1) / PER_YEAR[unit]


@pytest.fixture(scope="module", params=[1, 7, 12345])
def tables(request):
    return generate("founding", request.param).tables


@pytest.fixture(scope="module")
def analysed(tables):
    rows = tables["participants"].merge(tables["visits"], on="participant_id", validate="1:1")
    return rows[rows["migrant_type"] == "international"]


def test_52_recruited_31_international(tables, analysed):
    assert len(tables["participants"]) == 52
    assert len(analysed) == 31


# Table 1 of doi 10.1371/journal.pone.0190787.
@pytest.mark.parametrize(
    ("column", "counts"),
    [
        ("site_id", {"tapachula": 13, "tecun_uman": 11, "quetzaltenango": 7}),
        ("country_birth", {"HND": 11, "SLV": 9, "GTM": 8, "NIC": 3}),
        ("ever_deported", {"1": 20, "0": 11}),
        ("service_place", {"hotel_motel": 16, "bar": 12, "vehicle_trailer": 2, "own_home": 1}),
        ("formality_now", {"informal": 21, "formal": 10}),
        ("sti_self_12m", {"0": 27, "1": 4}),
    ],
)
def test_counts_of_table_1(analysed, column, counts):
    assert analysed[column].value_counts().to_dict() == counts


def test_means_and_ranges_of_table_1(analysed):
    age, entry = analysed["age"].astype(int), analysed["age_entry"].astype(int)
    stay = analysed["years_in_city"].map(years)
    assert (age.mean(), age.min(), age.max()) == (33, 20, 47)
    assert (entry.mean(), entry.min(), entry.max()) == (22, 13, 42)
    assert (round(stay.mean(), 1), round(stay.min(), 2), stay.max()) == (6.8, 0.02, 30)
    assert (entry <= age).all()


def test_who_works_formally(analysed):
    formal = analysed[analysed["formality_now"] == "formal"]
    assert "tapachula" not in set(formal["site_id"])
    assert (analysed["site_id"] != "tapachula").sum() == 18
    assert set(analysed["formality_now"][analysed["sti_self_12m"] == "1"]) == {"informal"}


def test_place_of_service_is_not_formality(analysed):
    bar = analysed["service_place"] == "bar"
    formal = analysed["formality_now"] == "formal"
    assert (bar & ~formal).any()
    assert (~bar & formal).any()


def test_origin_differs_from_the_country_of_work_only_for_international(tables):
    rows = tables["participants"].merge(tables["sites"], on="site_id")
    abroad = rows["country_birth"] != rows["country_work"]
    assert (abroad == (rows["migrant_type"] == "international")).all()


def test_one_woman_came_as_a_small_child(analysed):
    young = analysed[analysed["age"] == "20"]
    assert "19 years" in set(young["years_in_city"])


def test_durations_come_in_mixed_units(analysed):
    units = analysed["years_in_city"].str.split().str[1].str.rstrip("s")
    assert set(units) == {"week", "month", "year"}
    assert "<1 month" in set(analysed["years_in_city"])


def test_nothing_is_known_that_the_paper_does_not_tell(tables):
    internal = tables["participants"]["migrant_type"] == "internal"
    for column in ("years_in_city", "age_entry", "ever_deported"):
        assert set(tables["participants"][column][internal]) == {".x"}
    assert set(tables["sites"]["approached"]) == {".x"}


def test_dates_lie_in_the_field_period(tables):
    dates = tables["visits"]["date"]
    assert dates.min() >= "2012-11-01"
    assert dates.max() <= "2014-01-31"
    rows = tables["visits"].merge(tables["participants"], on="participant_id")
    assert (rows["consent_date"] <= rows["date"]).all()


def test_the_founding_study_has_one_size():
    with pytest.raises(UsageError, match="leave the scale at 1"):
        generate("founding", 1, scale=2)
