"""The founding study's published Table 1 and flow.

Febres-Cordero et al., PLOS ONE 2018, doi 10.1371/journal.pone.0190787.
"""

import pytest

from peerstats.data.codebook import Condition
from peerstats.data.load import Source, load_study
from peerstats.data.sample import analysis_table
from peerstats.data.study import Study
from peerstats.data.synthetic import generate
from peerstats.results import Number
from peerstats.results.answers import name_levels
from peerstats.results.baseline import baseline
from peerstats.results.flow import flow


@pytest.fixture(scope="module")
def study() -> Study:
    international = Condition(variable="migrant_type", operator="=", values=("international",))
    tables = generate("founding", 1).tables
    return load_study(
        Source(name="founding", tables=tables, population=international, synthetic=True)
    )


@pytest.fixture(scope="module")
def numbers(study: Study) -> dict[str, Number]:
    names = ("age", "country_birth", "years_in_city", "ever_deported", "age_entry")
    fields = [study.codebook.fields[n] for n in (*names, "service_place", "sti_self_12m")]
    site = name_levels(study, study.codebook.keys["sites"][0])
    found = baseline("t1", "Table 1", analysis_table(study), fields, site)[1]
    return {n.address: n for n in found}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("all.n", 31),
        ("tapachula.n", 13),
        ("tecun_uman.n", 11),
        ("quetzaltenango.n", 7),
        ("country_birth.HND.all.n", 11),
        ("country_birth.SLV.all.n", 9),
        ("country_birth.GTM.all.n", 8),
        ("country_birth.NIC.all.n", 3),
        ("ever_deported.1.all.n", 20),
        ("service_place.vehicle_trailer.all.n", 2),
        ("service_place.own_home.all.n", 1),
        ("sti_self_12m.1.all.n", 4),
        ("age.all.minimum", 20),
        ("age.all.maximum", 47),
        ("years_in_city.all.minimum", 0.02),
        ("years_in_city.all.maximum", 30),
        ("age_entry.all.minimum", 13),
        ("age_entry.all.maximum", 42),
    ],
)
def test_counts_and_extremes_are_those_of_the_paper(numbers, at, expected) -> None:
    assert round(numbers[f"t1.{at}"].value, 2) == expected  # one week is 0.019 years


def test_places_the_paper_joins_add_up_to_its_counts(numbers) -> None:
    def women(*places: str) -> float:
        cells = [f"t1.service_place.{place}.all.n" for place in places]
        return sum(numbers[cell].value for cell in cells if cell in numbers)

    assert women("hotel_motel", "rented_room") == 16
    assert women("bar", "cantina") == 12


@pytest.mark.parametrize(
    ("variable", "mean", "digits"),
    [("age", 33, 0), ("years_in_city", 6.8, 1), ("age_entry", 22, 0)],
)
def test_means_are_those_of_the_paper(numbers, variable, mean, digits) -> None:
    assert round(numbers[f"t1.{variable}.all.mean"].value, digits) == mean


def test_two_thirds_had_been_deported(numbers) -> None:
    assert numbers["t1.ever_deported.1.all.percent"].printed == "64.5"


def test_the_flow_goes_from_52_to_31(study: Study) -> None:
    found = flow("flow", "Flow", study)[1]
    assert [n.value for n in found] == [52, 21, 31]
    assert found[0].parts == (found[1].address, found[2].address)
