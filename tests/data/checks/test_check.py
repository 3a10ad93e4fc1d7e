"""Every rule fails rows that break it and passes rows that keep it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from peerstats.data.checks import RULES, check, check_all, empty_cells, offenders
from peerstats.data.codebook_file import read_codebook
from peerstats.data.derive import derive
from peerstats.data.study import Table
from peerstats.errors import UsageError

BOOK = read_codebook()
NAN = np.nan
CODES = (".a", ".n", ".r", ".d", ".x", ".m")


def table(name, **columns):
    """A table from lists; a cell that is a missing code is absent with that code."""
    values = {c: [NAN if v in CODES else v for v in cells] for c, cells in columns.items()}
    why = {c: [v if v in CODES else "" for v in cells] for c, cells in columns.items()}
    return Table(name=name, values=pd.DataFrame(values), codes=pd.DataFrame(why, dtype=object))


def study(sites=None, venues=None, visits=None, acts=None, violence=None, **women):
    n = len(next(iter(women.values()))) if women else 2
    women = {"participant_id": [f"p{i}" for i in range(n)], **women}
    given = {
        "participants": women,
        "sites": sites,
        "venues": venues,
        "visits": visits,
        "support_acts": acts,
        "violence": violence,
    }
    return {name: table(name, **columns) for name, columns in given.items() if columns}


def book(**rules):
    return dataclasses.replace(BOOK, rules=rules)


def days(*texts):
    return pd.to_datetime(list(texts), format="ISO8601").tolist()


SITES = {"site_id": ["t", "q"], "country_work": ["MEX", "GTM"], "site_name": ["Tapachula", "Xela"]}
VENUES = {"venue_id": ["a", "b"], "site_id": ["t", "q"], "formality": ["informal", "formal"]}
COH = {f"coh_{i}": [3, 3] for i in range(1, 8)}
TWENTY = 20


def many(cells, n=TWENTY):
    return [cells] * n


# rule -> (tables, ids of the women who must be found); all other women are the negative cases
CASES = {
    "C01": (study(age=[17, 18, ".r"]), {"p0"}),
    "C02": (study(age=[20, 20, 20], age_entry=[21, 20, ".r"]), {"p0"}),
    "C03": (study(age=[20, 20, 20], years_in_city=[21.5, 21, 19]), {"p0"}),
    "C04": (study(age=[20, 20, 20], years_in_city=[19, 8, 7.9]), {"p0"}),
    "C05": (
        study(
            visits={
                "visit_id": ["1", "2", "3"],
                "participant_id": ["p0", "p1", "p1"],
                "visit_no": [1, 1, 2],
                "exchanged_sex_1m": [0, 1, 0],
            }
        ),
        {"p0"},
    ),
    "C06": (
        study(
            consent=[0, 1, 1, 1],
            consent_date=days("2013-01-01", "2013-01-03", "2013-01-02", "2013-01-01"),
            date=days("2013-01-02", "2013-01-02", "2013-01-02 09:00", "2013-01-02"),
        ),
        {"p0", "p1"},
    ),
    "C07": (
        study(
            sites=SITES,
            site_id=["t", "q", "t", "q"],
            migrant_type=["international", "international", "international", "internal"],
            country_birth=["MEX", "GTM", "GTM", "GTM"],
        ),
        {"p0", "p1"},
    ),
    "C08": (
        study(
            sites=SITES,
            site_id=["t", "t", "t", "t"],
            migrant_type=["internal", "internal", "internal", "international"],
            country_birth=["GTM", "MEX", "MEX", "HND"],
            municipality_birth=["x", "tapachula", "Huixtla", "y"],
        ),
        {"p0", "p1"},
    ),
    "C09": (
        study(sites=SITES, venues=VENUES, site_id=["t", "t", "q"], venue_id=["b", "a", "b"]),
        {"p0"},
    ),
    "C10": (
        study(
            service_place=["bar", "bar", "street"], formality_now=["informal", "formal", "informal"]
        ),
        {"p0"},
    ),
    "C11": (study(venues=VENUES, site_id=["q", "t", "t"], venue_id=["a", "a", ".m"]), {"p0"}),
    "C12": (
        study(
            ever_deported=[1, 0, 1, 1, 0, 0, 1],
            deported_from=["", "USA", "USA", "MEX;USA", ".a", ".a", ".r"],
            n_deport=[1, ".a", 0, 2, ".a", 1, ".r"],
        ),
        {"p0", "p1", "p2", "p5"},
    ),
    "C13": (
        study(
            deported_from=["USA;MEX", "MEX", "", ".a"], country_birth=["MEX", "HND", "MEX", "MEX"]
        ),
        {"p0"},
    ),
    "C14": (
        study(acts_7d=[3, 0, 3, 0, 3], unprotected_7d=[4, 0, 3, ".a", ".r"]),
        {"p0", "p1"},
    ),
    "C15": (study(ccu_clients=[1, 1, 0, 1], unprotected_7d=[2, 0, 2, ".a"]), {"p0"}),
    "C16": (study(ccu_clients=[1, 1, 0, 1], condom_last_client=[0, 1, 0, ".r"]), {"p0"}),
    "C17": (
        study(
            hiv_test_12m=[1, 1, 0, 1],
            hiv_test_6m=[0, 0, 1, 1],
            hiv_test_ever=[0, 1, 0, 1],
            last_test_date=days("2012-01-01", "2014-01-01", "2012-01-01", "2013-01-01"),
            date=days("2013-01-01", "2013-01-01", "2013-01-01", "2013-01-01"),
        ),
        {"p0", "p1", "p2"},
    ),
    "C18": (
        study(
            health_permit=["valid", "valid", "valid", "none"],
            months_since_test=[9, 6, 9, 9],
            sti_screen_6m=[0, 0, 1, 0],
        ),
        {"p0"},
    ),
    "C19": (
        study(hiv_test_6m=[1, 0, 1, 0], hiv_test_12m=[0, 1, 1, 0], hiv_test_ever=[1, 0, 1, 0]),
        {"p0", "p1"},
    ),
    "C20": (study(steady_partner=[0, 1, 0], condom_partner_freq=[3, 3, ".a"]), {"p0"}),
    "C21": (study(n_children=[0, 1, 0], child_separated=[1, 1, ".a"]), {"p0"}),
    "C22": (
        study(more_money_offered_6m=[0, 1, 0], more_money_accepted_6m=[1, 1, 0]),
        {"p0"},
    ),
    "C23": (
        study(
            violence={
                "participant_id": ["p0", "p1", "p2"],
                "ever": [0, 1, 1],
                "w6m": [1, 0, 1],
                "n_6m": [1, 2, 3],
            },
            age=[30, 30, 30],
        ),
        {"p0", "p1"},
    ),
    "C24": (
        study(
            years_sw=[0.05, 0.05, 5, 5, 5],
            weekly_clients=[60, 10, 60, 10, 100],
            hours_week=[40, 40, 40, 120, 20],
        ),
        {"p0", "p3", "p4"},
    ),
    "C25": (
        study(
            sites=SITES,
            site_id=["t", "q", "q", "t", "t"],
            migration_doc=[
                "ca4_entry",
                "ca4_entry",
                "regional_visitor_card",
                *many("regional_visitor_card", 2),
            ],
            country_birth=["HND", "HND", "GTM", "GTM", "HND"],
        ),
        {"p0", "p2", "p4"},
    ),
    "C26": (study(**COH, coh_8=[3, 1], coh_9=[3, 3]), {"p0"}),
    "C27": (
        study(
            interviewer_id=[*many("i", 5), *many("j", 5), *many("k", 4)],
            migration_doc=[*many(".r", 3), "none", "none", ".r", *many("none", 4), *many(".r", 4)],
        ),
        {f"p{i}" for i in range(5)},
    ),
    "C28": (
        study(age=[*many(30, 60), *range(23, 63)]),
        {f"p{i}" for i in range(60)} | {f"p{60 + i}" for i in range(40) if (23 + i) % 5 == 0},
    ),
    "C29": (
        study(
            pseudonym_code=["AB1", "ab1 ", "AB1", "AB1"],
            country_birth=["HND", "HND", "HND", "SLV"],
            birth_year=[1980, 1980, 1981, 1980],
        ),
        {"p0", "p1"},
    ),
    "C30": (study(cohesion_score=[37, 36, -1, ".r"], ps_total=[5, 24, 5, 5]), {"p0", "p1", "p2"}),
    "C31": (study(venues=VENUES, venue_id=["a", "b", "b"], site_id=["t", "q", "q"]), {"p0"}),
    "C33": (
        study(
            acts={
                "participant_id": ["p0", "p1", "p2", "p3"],
                "received": [1, 0, 1, 0],
                "provided": [0, 1, 1, 0],
                "n_peers": [0, 0, 2, 0],
            },
            age=[30, 30, 30, 30],
        ),
        {"p0", "p1"},
    ),
    "C34": (
        study(
            migration_stage=["recent", "recent", "long", "recent"],
            network_score=[28, 26, 30, 5],
            n_peers_trust=[1, 2, 40, 31],
        ),
        {"p0", "p3"},
    ),
    "D01": (
        study(age=[30, 30, 30], age_entry=[20, 20, 20], years_sw=[12, 10, ".r"]),
        {"p0"},
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_exactly_the_rows_that_break_it(rule):
    tables, expected = CASES[rule]
    on = book(**{rule: "warn"})
    assert offenders(tables, on, rule) == expected
    (finding,) = [f for f in check(tables, on) if f.rule == rule]
    assert finding.count >= 1
    assert finding.checked >= finding.count
    assert finding.severity == "warn"


@pytest.mark.parametrize("rule", [r for r in CASES if r not in ("C27", "C28", "C29", "C31")])
def test_without_the_offenders_a_rule_is_silent(rule):
    tables, expected = CASES[rule]
    kept = {}
    for name, t in tables.items():
        if "participant_id" in t.values.columns:
            keep = ~t.values["participant_id"].isin(expected)
            t = Table(name=name, values=t.values[keep], codes=t.codes[keep])
        kept[name] = t
    on = book(**{rule: "error"})
    assert offenders(kept, on, rule) == frozenset()
    assert [f for f in check(kept, on) if f.rule == rule and f.count] == []


def test_every_rule_of_the_dictionary_is_registered_and_tested():
    dictionary = {f"C{i:02d}" for i in range(1, 35)}
    assert dictionary | {"D01"} == set(RULES)
    assert set(RULES) - set(CASES) == {"C32"}
    assert {r.id: r.severity for r in RULES.values()} == {
        **dict.fromkeys(RULES, "error"),
        **dict.fromkeys(("C04", "C10", "C13", "C15", "C16", "C18", "C24"), "warn"),
        **dict.fromkeys(("C26", "C27", "C28", "C31", "C34", "D01"), "warn"),
        "C09": "off",
    }


@pytest.mark.parametrize("rule", CASES)
def test_a_message_names_rule_table_columns_and_count_but_no_value(rule):
    tables, expected = CASES[rule]
    (finding,) = [f for f in check(tables, book(**{rule: "error"})) if f.rule == rule]
    assert finding.message.startswith(f"{rule}: {RULES[rule].title}; {finding.count} of ")
    assert f"table '{finding.table}'" in finding.message
    assert all(f"'{c}'" in finding.message for c in finding.columns)
    assert not any(who in finding.message for who in expected)


def test_clean_rows_of_c27_to_c31_are_passed():
    few = study(interviewer_id=many("i", 6), migration_doc=[".r", *many("none", 5)])
    assert offenders(few, BOOK, "C27") == frozenset()
    assert offenders(study(age=list(range(23, 63)) * 3), BOOK, "C28") == frozenset()
    one = study(pseudonym_code=["A", "B"], country_birth=["HND"] * 2, birth_year=[1980] * 2)
    assert offenders(one, BOOK, "C29") == frozenset()
    two = study(venues=VENUES, venue_id=["a", "a", "b", "b"], site_id=["t", "t", "q", "q"])
    assert offenders(two, BOOK, "C31") == frozenset()


def test_an_interviewer_without_any_violence_in_twenty_interviews():
    who = [*many("i"), *many("j")]
    silent = study(interviewer_id=who, any_violence_6m=[*many(0), 1, *many(0, 19)])
    assert offenders(silent, BOOK, "C27") == {f"p{i}" for i in range(TWENTY)}


def test_years_in_city_heap_on_fives():
    years = [*many(5, 40), *many(10, 30), *range(3, 33)]
    assert len(offenders(study(years_in_city=years), BOOK, "C28")) == 76
    declining = [y for y in range(3, 33) for _ in range(40 - y)]
    assert offenders(study(years_in_city=declining), BOOK, "C28") == frozenset()


def test_duplicates_are_found_without_a_birth_year():
    tables = study(
        pseudonym_code=["A", "A", "A"],
        country_birth=["HND"] * 3,
        age=[30.2, 31, 25],
        consent_date=days("2013-02-01", "2014-02-01", "2013-02-01"),
    )
    assert offenders(tables, BOOK, "C29") == {"p0", "p1"}


def test_the_rate_of_c15_is_published_by_site_even_when_it_is_zero():
    tables = study(
        sites=SITES, site_id=["t", "t", "q"], ccu_clients=[1, 1, 1], unprotected_7d=[3, 0, 0]
    )
    (finding,) = [f for f in check(tables, BOOK) if f.rule == "C15"]
    assert finding.by_site == (("q", 0, 1), ("t", 1, 2))
    clean = study(sites=SITES, site_id=["t"], ccu_clients=[1], unprotected_7d=[0])
    (finding,) = [f for f in check(clean, BOOK) if f.rule == "C15"]
    assert (finding.count, finding.checked) == (0, 1)


def test_a_supplied_scale_score_needs_all_its_items():
    tables = study(cohesion_score=[20, 21], coh_1=[1, 2])
    assert offenders(tables, BOOK, "C30") == {"p0", "p1"}


def test_a_study_can_change_or_switch_off_a_rule():
    tables = CASES["C01"][0]
    (finding,) = check(tables, book(C01="note"))
    assert finding.severity == "note"
    assert check(tables, book(C01="off")) == ()
    assert offenders(tables, book(C01="off"), "C01") == frozenset()


def test_c09_is_off_until_the_study_turns_it_on():
    tables = CASES["C09"][0]
    assert "C09" not in check_all(tables, BOOK)[0]
    assert "C09" in check_all(tables, book(C09="error"))[0]


def test_rules_without_their_columns_are_not_run():
    assert check_all(study(age=[30, 30]), BOOK)[0] == ("C01", "C24", "C28")
    assert check(study(age=[30, 30]), BOOK) == ()


def test_an_unknown_rule_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="Unknown rule 'C1'"):
        offenders(study(age=[30]), BOOK, "C1")
    with pytest.raises(UsageError, match=r"Unknown rule 'C011'\. Did you mean 'C11'\?"):
        check(study(age=[30]), book(C011="off"))


def test_mexico_and_formal_have_no_cell_in_the_founding_design():
    # I4: 13 women in Mexico, all informal; 10 of 18 formal in Guatemala
    frame = pd.DataFrame(
        {
            "country_work": pd.Categorical(["MEX"] * 13 + ["GTM"] * 18, categories=["GTM", "MEX"]),
            "formality": pd.Categorical(
                ["informal"] * 13 + ["formal"] * 10 + ["informal"] * 8,
                categories=["informal", "formal"],
            ),
        }
    )
    assert empty_cells(frame, "country_work", "formality") == (("MEX", "formal"),)
    full = frame.assign(formality=["formal", "informal"] * 15 + ["formal"])
    assert empty_cells(full, "country_work", "formality") == ()
    assert RULES["C32"].find(None) == []


def test_the_founding_traps():
    # I6: age 20 with 19 years in the city is legal and warned of; I3: a Guatemalan woman who is an
    # international migrant cannot have been interviewed in Guatemala
    tables = derive(
        study(
            sites=SITES,
            site_id=["t", "q"],
            age=[20, 30],
            years_in_city=[19, 3],
            migrant_type=["international", "international"],
            country_birth=["GTM", "GTM"],
        ),
        BOOK,
    )
    assert [(f.rule, f.severity, f.count) for f in check(tables, BOOK)] == [
        *(("C04", "warn", 1), ("C07", "error", 1))
    ]
    assert tables["participants"].values["age_at_arrival"].tolist() == [1.0, 27.0]
