"""The founding study: exact for the team, safe for the world, and silent where three sites are."""

from __future__ import annotations

import pytest

# Febres-Cordero et al. 2018, Table 1 and "Participant characteristics".
PAPER = {
    "flow.interviewed.n": "52",
    "flow.population.n": "21",
    "flow.analysed.n": "31",
    "table1.tapachula.n": "13",
    "table1.tecun_uman.n": "11",
    "table1.quetzaltenango.n": "7",
    "table1.age.all.mean": "33.0",
    "table1.age.all.minimum": "20",
    "table1.age.all.maximum": "47",
    "table1.country_birth.HND.all.n": "11",
    "table1.country_birth.SLV.all.n": "9",
    "table1.country_birth.GTM.all.n": "8",
    "table1.country_birth.NIC.all.n": "3",
    "table1.years_in_city.all.mean": "6.8",
    "table1.years_in_city.all.minimum": "0.02",
    "table1.years_in_city.all.maximum": "30",
    "table1.ever_deported.1.all.n": "20",
    "table1.ever_deported.1.all.percent": "64.5",
    "table1.age_entry.all.mean": "22.0",
    "table1.age_entry.all.minimum": "13",
    "table1.age_entry.all.maximum": "42",
    "table1.service_place.hotel_motel.all.n": "16",
    "table1.service_place.bar.all.n": "12",
    "table1.service_place.vehicle_trailer.all.n": "2",
    "table1.service_place.own_home.all.n": "1",
    "table1.formality_now.informal.tapachula.n": "13",
    "table1.formality_now.formal.all.n": "10",
    "table1.sti_self_12m.1.all.n": "4",
}


@pytest.mark.parametrize("address", PAPER)
def test_the_private_report_prints_what_the_paper_printed(founding, address):
    assert founding.printed("private", address) == PAPER[address]


def test_all_women_with_an_sti_worked_in_informal_settings(founding):
    assert founding.printed("private", "m1.formality_now.informal.events") == "4"
    assert founding.printed("private", "m1.formality_now.formal.events") == "0"


def test_every_released_count_is_the_middle_of_a_six_or_a_sum_of_such(founding):
    for address, number in founding.numbers("release").items():
        if number["kind"] == "count" and number["value"] is not None:
            assert float(number["value"]) % 3 == 0, address


@pytest.mark.parametrize(
    "address", ["table1.sti_self_12m.1.all.n", "m1.formality_now.formal.events"]
)
def test_the_four_infections_are_not_in_the_release(founding, address):
    number = founding.numbers("release").get(address)
    assert number is None or number["value"] is None


def test_the_release_does_not_say_that_no_woman_in_a_formal_venue_had_an_infection(founding):
    """A single covariate is refused when separated, so "not estimable" would say it."""
    assert founding.printed("release", "m1.formality_now.formal.or") == "[c]"
    page = founding.text("release/report.md")
    start = page.index("### Work environment and self-reported STI")
    assert "estimable" not in page[start : page.index("### Country of work")]
    assert not any(fit.startswith("m1") for fit in founding.record("release")["fits"])


def test_no_site_of_the_release_has_all_its_women_in_one_level(founding):
    for address, number in founding.numbers("release").items():
        by_site = address.startswith("table1.") and ".all." not in address
        if by_site and number["kind"] == "percent" and number["value"] is not None:
            assert 0 < float(number["value"]) < 100, address


@pytest.mark.parametrize("tree", ["private", "release"])
@pytest.mark.parametrize("model", ["m2", "m3"])
def test_three_sites_get_a_reason_in_place_of_an_odds_ratio(founding, tree, model):
    """Country has its interval, which says how little is known, and neither estimate nor p."""
    exposures = ("formality_now", "country_work")
    for address, number in founding.numbers(tree).items():
        if number["withheld"] or not address.startswith(f"{model}."):
            continue
        if "country_work" in address:
            assert number["kind"] in ("count", "percent", "ci")
            assert number["kind"] != "ci" or "formality_now" not in address
        elif any(e in address for e in exposures):
            assert number["kind"] in ("count", "percent") or ".crude." in address


def test_an_empty_cell_is_shown_by_the_table_of_its_product(founding):
    product = "m3.formality_now_country_work"
    cells = {"informal_GTM": "8", "informal_MEX": "13", "formal_GTM": "10", "formal_MEX": "0"}
    for cell, women in cells.items():
        assert founding.printed("private", f"{product}.{cell}.n") == women
        assert founding.printed("release", f"{product}.{cell}.n") == "[c]"


def test_a_separated_outcome_is_compared_within_sites_and_says_so(founding):
    """No woman in a formal venue had an infection: the odds ratio is finite by its penalty only."""
    low, high = (
        founding.numbers("private")[f"m1.formality_now.formal.{e}"] for e in ("low", "high")
    )
    assert 0 < float(low["value"]) < 1 < float(high["value"])
    page = founding.text("private/report.md")
    assert "the outcome is separated, as Work environment “Formal” predicts it perfectly" in page
    assert "Firth's profile penalised likelihood ratio" in page
    assert "separated" not in founding.text("release/report.md")


def test_the_report_says_what_three_sites_cannot_answer(founding):
    page = founding.text("private/report.html")
    assert "What these data cannot answer" in page
    assert "with 3 sites and 1 df this design cannot test a site-level exposure" in page
    assert "no woman in Formal × Mexico" in page
    release = founding.text("release/report.html")
    assert "with 3 sites and 1 df this design cannot test a site-level exposure" in release
    assert "separated" in page
    assert "variance" not in {n["kind"] for n in founding.numbers("private").values()}
