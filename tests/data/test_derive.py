"""Every derived variable on rows whose answer is worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.derive import derive, recomputed
from peerstats.data.study import Table

NAN = np.nan
BOOK = read_codebook()


def table(name, codes=None, **columns):
    """A table from lists; a cell that is a missing code is absent with that code."""
    known = (".a", ".n", ".r", ".d", ".x", ".m")
    values = {c: [NAN if v in known else v for v in cells] for c, cells in columns.items()}
    why = {c: [v if v in known else "" for v in cells] for c, cells in columns.items()}
    return Table(name=name, values=pd.DataFrame(values), codes=pd.DataFrame(why, dtype=object))


def women(**columns):
    n = len(next(iter(columns.values())))
    ids = [f"p{i}" for i in range(n)]
    return table("participants", participant_id=ids, **columns)


def made(name, *, where="participants", **tables):
    out = derive(tables, BOOK)[where]
    values = out.values[name].astype(object).where(out.values[name].notna(), None).tolist()
    return values, out.codes[name].tolist()


def acts(rows):
    """Rows of (visit, act, received)."""
    visit, act, received = zip(*rows, strict=True)
    return table("support_acts", visit_id=list(visit), act=list(act), received=list(received))


def violence(rows, key="visit_id"):
    """Rows of (visit, perpetrator, type, w6m)."""
    visit, who, kind, w6m = zip(*rows, strict=True)
    columns = {key: list(visit), "perpetrator": list(who), "type": list(kind), "w6m": list(w6m)}
    return table("violence", **columns)


def test_years_in_sex_work_and_age_at_arrival():
    p = women(
        age=[30, 20, 25, 20, ".r", 40],
        age_entry=[22, ".d", 26, 19.5, ".a", 20],
        years_in_city=[6.8, 19, 25.5, 22, 1, ".m"],
    )
    assert made("years_sw", participants=p) == (
        [8.0, None, None, 0.5, None, 20.0],
        ["", ".d", ".m", "", ".a", ""],
    )
    values, codes = made("age_at_arrival", participants=p)
    assert values == pytest.approx([23.2, 1.0, 0.0, None, None, None])
    assert codes == ["", "", "", ".m", ".r", ".m"]


def test_migration_stage_and_its_reference():
    p = women(years_in_city=[0.02, 0.999, 1.0, 4.99, 5.0, 30, ".r"])
    out = derive({"participants": p}, BOOK)["participants"]
    stage = out.values["migration_stage"]
    assert stage.cat.categories.tolist() == ["long", "settling", "recent"]
    assert stage.tolist()[:6] == ["recent"] * 2 + ["settling"] * 2 + ["long"] * 2
    assert out.codes["migration_stage"].tolist() == [""] * 6 + [".r"]


def test_an_interval_has_a_stage_only_inside_one():
    p = women(
        years_in_city=[1 / 24, 0.5, 1.5, NAN],
        years_in_city_low=[0, 0, 0.5, 6],
        years_in_city_high=[1 / 12, 1, 2.5, NAN],
    )
    values, codes = made("migration_stage", participants=p)
    assert values == ["recent", "recent", None, "long"]
    assert codes == ["", "", ".m", ""]


def test_stages_in_the_work_and_newcomers_to_both():
    p = women(
        age=[30, 30, 30, 30, 30],
        age_entry=[29.5, 28, 27, ".r", ".r"],
        years_in_city=[0.5, 0.5, 8, 8, 0.5],
    )
    assert made("sw_stage", participants=p)[0] == ["new", "early", "experienced", None, None]
    assert made("double_newcomer", participants=p) == (
        [1.0, 0.0, 0.0, 0.0, None],
        ["", "", "", "", ".r"],
    )


def test_stage_order_is_the_sign_of_the_difference():
    p = women(age=[30, 30, 30], age_entry=[20, 28, 25], years_in_city=[5, 5, 5])
    assert made("stage_order", participants=p)[0] == [
        *("before_arrival", "after_arrival", "same_time")
    ]


def test_irregular_uses_the_ninety_days():
    p = women(
        migration_doc=["none", "ca4_entry", "ca4_entry", "citizen", "ca4_entry", ".r"],
        years_in_city=[1, 0.2, 0.3, ".d", ".d", 3],
    )
    assert made("irregular", participants=p) == (
        [1.0, 0.0, 1.0, 0.0, None, None],
        ["", "", "", "", ".d", ".r"],
    )


def visits(n=3, **columns):
    return table(
        "visits",
        visit_id=[f"v{i}" for i in range(n)],
        participant_id=[f"p{i}" for i in range(n)],
        **columns,
    )


def test_support_totals_domains_and_the_half_rule():
    rows = [("v0", "E1", 1), ("v0", "E2", 0), ("v0", "T1", 1), ("v0", "M1", ".r")]
    rows += [("v1", "E1", ".d"), ("v1", "E2", ".r"), ("v1", "T1", 1)]  # M1 has no row
    p, v, a = women(age=[30, 30, 30]), visits(), acts(rows)
    tables = {"participants": p, "visits": v, "support_acts": a}
    values, codes = made("ps_total", where="visits", **tables)
    assert values == [pytest.approx(2 / 3 * 4), None, None]
    assert codes == ["", ".r", ".x"]
    assert made("ps_domain_e", where="visits", **tables)[0] == [1.0, None, None]
    assert made("ps_domain_t", where="visits", **tables)[0] == [1.0, 1.0, None]
    assert "ps_domain_a" not in derive(tables, BOOK)["visits"].values


def test_support_is_standardised_over_first_visits():
    v = table(
        "visits",
        visit_id=["v0", "v1", "v2", "v3"],
        participant_id=["p0", "p1", "p2", "p0"],
        visit_no=[1, 1, 1, 2],
        ps_total=[2, 4, 9, 23],
    )
    tables = {"participants": women(age=[30, 30, 30]), "visits": v}
    sd = np.std([2, 4, 9], ddof=1)
    assert made("ps_z", where="visits", **tables)[0] == pytest.approx(
        [(x - 5) / sd for x in (2, 4, 9, 23)]
    )
    assert made("ps_high", where="visits", **tables)[0] == [0.0, 1.0, 1.0, 1.0]


def test_within_and_between_add_up_and_the_climate_leaves_her_out():
    p = women(venue_id=["a", "a", "a", "b", ".m"], ps_z=[1.0, 2.0, 6.0, 4.0, 1.0])
    out = derive({"participants": p}, BOOK)["participants"]
    assert out.values["venue_ps_mean"].fillna(-9).tolist() == [3.0, 3.0, 3.0, 4.0, -9]
    assert out.values["ps_within"].fillna(-9).tolist() == [-2.0, -1.0, 3.0, 0.0, -9]
    assert out.values["venue_support_climate"].fillna(-9).tolist() == [4.0, 3.5, 1.5, -9, -9]
    assert out.codes["venue_support_climate"].tolist() == ["", "", "", ".m", ".m"]


CELLS = (("client", "physical"), ("client", "sexual"), ("client", "verbal"), ("police", "economic"))


def answers(*women_answers):
    return [
        (f"v{i}", who, kind, w6m)
        for i, row in enumerate(women_answers)
        for (who, kind), w6m in zip(CELLS, row, strict=True)
        if w6m is not None
    ]


@pytest.mark.parametrize(
    ("name", "expected", "codes"),
    [
        ("client_phys_sex_6m", [1.0, None, 0.0], ["", ".r", ""]),
        ("client_verbal_6m", [0.0, 0.0, None], ["", "", ".m"]),
        ("client_any_6m", [1.0, None, None], ["", ".r", ".m"]),
        ("authority_any_6m", [0.0, 1.0, 0.0], ["", "", ""]),
        ("any_workplace_6m", [1.0, 1.0, None], ["", "", ".m"]),
        ("any_violence_6m", [1.0, 1.0, None], ["", "", ".m"]),
        ("n_perpetrators", [1.0, None, None], ["", ".r", ".m"]),
        ("n_types", [None, None, None], [".r", ".r", ".m"]),
    ],
)
def test_any_is_zero_only_when_all_is_known(name, expected, codes):
    v = violence(answers((1, ".r", 0, 0), (0, ".r", 0, 1), (0, 0, None, 0)))
    tables = {"participants": women(age=[1, 1, 1]), "visits": visits(), "violence": v}
    assert made(name, where="visits", **tables) == (expected, codes)


def test_what_never_happened_did_not_happen_lately():
    v = table(
        "violence",
        participant_id=["p0", "p1"],
        perpetrator=["peer", "peer"],
        type=["verbal", "verbal"],
        ever=[0, 1],
        w6m=[".a", ".r"],
    )
    found = made("peer_any_6m", participants=women(age=[30, 30]), violence=v)
    assert found == ([0.0, None], ["", ".r"])


def test_partner_violence_has_the_partnered_as_denominator():
    rows = [("p0", "partner", "verbal", 1), ("p1", "client", "verbal", 0)]
    rows += [
        ("p0", "client", "verbal", 0),
        ("p2", "client", "verbal", 0),
        ("p3", "client", "verbal", 0),
    ]
    tables = {
        "participants": women(steady_partner=[1, 0, 1, ".r"]),
        "violence": violence(rows, key="participant_id"),
    }
    assert made("partner_any_6m", **tables) == ([1.0, None, None, None], ["", ".n", ".m", ".r"])
    assert made("any_violence_6m", **tables)[0] == [1.0, 0.0, None, None]


def test_sexual_violence_that_was_never_asked_makes_no_combined_variable():
    v = violence([("p0", "client", "physical", 0)], key="participant_id")
    out = derive({"participants": women(age=[30]), "violence": v}, BOOK)["participants"]
    assert "client_phys_sex_6m" not in out.values
    assert "client_any_6m" in out.values


def test_tests_from_months_and_never_tested():
    p = women(
        hiv_test_ever=[1, 1, 1, 0, 1, ".r", 1],
        months_since_test=[3, 12, 13, ".a", ".d", ".a", 6],
        months_since_test_low=[3, 12, 13, NAN, NAN, NAN, 0],
        months_since_test_high=[3, 12, 13, NAN, NAN, NAN, 12],
    )
    assert made("hiv_test_12m", participants=p) == (
        [1.0, 1.0, 0.0, 0.0, None, None, 1.0],
        ["", "", "", "", ".d", ".r", ""],
    )
    assert made("hiv_test_6m", participants=p) == (
        [1.0, 0.0, 0.0, 0.0, None, None, None],
        ["", "", "", "", ".d", ".r", ".m"],
    )


def test_tests_from_dates():
    p = women(
        date=pd.to_datetime(["2013-06-01"] * 3).tolist(),
        last_test_date=pd.to_datetime(["2013-05-01", "2012-07-01", "2011-01-01"]).tolist(),
    )
    assert made("hiv_test_12m", participants=p)[0] == [1.0, 1.0, 0.0]
    assert made("hiv_test_6m", participants=p)[0] == [1.0, 0.0, 0.0]


def test_consistent_condom_use_is_always():
    p = women(condom_freq_clients=[5, 4, ".a", ".r"])
    assert made("ccu_clients", participants=p) == ([1.0, 0.0, None, None], ["", "", ".a", ".r"])


def test_mobile_follows_the_any_rule():
    p = women(
        crossed_border_6m=[1, 0, 0, 0],
        moved_work_police_6m=[".r", 0, 0, ".r"],
        n_venues_6m=[1, 3, 2, 1],
    )
    assert made("mobile", participants=p) == ([1.0, 1.0, 0.0, None], ["", "", "", ".r"])


def test_scales_reverse_their_items_and_have_thresholds():
    p = women(
        **{f"coh_{i}": [4, 4] for i in range(1, 8)},
        coh_8=[0, 4],
        coh_9=[0, 4],
        **{f"lon_{i}": [2, 1] for i in range(1, 4)},
        **{f"net_{i}": [2, 1] for i in range(1, 7)},
        **{f"mgr_support_{i}": [1, ".r"] for i in range(1, 5)},
    )
    assert made("cohesion_score", participants=p)[0] == [36.0, 28.0]
    assert made("isolation_score", participants=p)[0] == [6.0, 3.0]
    assert made("lonely", participants=p)[0] == [1.0, 0.0]
    assert made("network_score", participants=p)[0] == [12.0, 6.0]
    assert made("network_at_risk", participants=p)[0] == [0.0, 1.0]
    assert made("mgr_support_score", participants=p) == ([4.0, None], ["", ".r"])


def test_practices_of_the_management_are_none_without_a_manager():
    practices = ("condoms", "training", "clinic_days", "security", "rules_client", "violence")
    v = table(
        "venues",
        venue_id=["a", "b"],
        mgr_present=[1, 0],
        **{f"mgr_{name}": [1, ".a"] for name in practices},
    )
    found = made("mgr_index", where="venues", participants=women(age=[30]), venues=v)
    assert found == ([6.0, 0.0], ["", ""])


def test_a_supplied_column_is_kept_and_can_be_compared():
    p = women(age=[30, 30], age_entry=[20, 20], years_sw=[10.0, 3.0])
    assert made("years_sw", participants=p)[0] == [10.0, 3.0]
    again = {name: values.tolist() for _, name, values in recomputed({"participants": p}, BOOK)}
    assert again == {"years_sw": [10.0, 10.0]}


def test_what_compares_with_others_is_not_recomputed_in_a_part_of_them():
    tables = derive({"participants": women(ps_total=[1, 2, 3])}, BOOK)
    assert {name for _, name, _ in recomputed(tables, BOOK)} == set()


def test_nothing_is_derived_from_nothing_and_the_input_stays():
    p = women(age=[30.0])
    out = derive({"participants": p}, BOOK)
    assert list(out["participants"].values.columns) == ["participant_id", "age"]
    derive({"participants": women(age=[30], age_entry=[20])}, BOOK)
    assert list(p.values.columns) == ["participant_id", "age"]


def test_every_name_a_rule_makes_is_in_the_codebook():
    from peerstats.data.derive import derivations

    for rule in derivations(BOOK):
        for name in rule.names:
            assert BOOK.fields[name].derived, name
    derived = {n for n, f in BOOK.fields.items() if f.derived}
    assert derived == {name for rule in derivations(BOOK) for name in rule.names}
