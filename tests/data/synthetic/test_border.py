"""The border profile meets the recipe's figures and contradicts itself nowhere."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from peerstats.data.synthetic import generate
from peerstats.data.synthetic.reading import model_frame
from peerstats.data.synthetic.support import ACTS
from peerstats.data.synthetic.truth import OUTCOMES
from peerstats.errors import UsageError

BOTH = pytest.mark.parametrize("missing", [False, True], ids=["complete", "with losses"])


@pytest.fixture(scope="module")
def studies():
    return {missing: generate("border", 1, missing=missing) for missing in (False, True)}


@pytest.fixture(scope="module")
def large():
    return generate("border", 2, scale=10, missing=False)


@pytest.fixture(scope="module")
def frame(large):
    return model_frame(large)


def digest(study) -> str:
    text = "".join(table.to_csv(index=False) for table in study.tables.values())
    return hashlib.sha256((text + json.dumps(study.truth)).encode()).hexdigest()


def number(texts: pd.Series) -> pd.Series:
    return texts.where(~texts.str.fullmatch(r"\.[a-z]")).astype(float)


def linked(study) -> pd.DataFrame:
    tables = study.tables
    return (
        tables["visits"]
        .merge(tables["participants"], on="participant_id", validate="m:1")
        .merge(tables["sites"], on="site_id", validate="m:1")
    )


# ------------------------------------------------------------------------------- reproducible


def test_same_seed_gives_the_same_study_in_another_process(studies):
    code = (
        "import hashlib, json\nfrom peerstats.data.synthetic import generate\n"
        "s = generate('border', 1)\n"
        "t = ''.join(f.to_csv(index=False) for f in s.tables.values())\n"
        "print(hashlib.sha256((t + json.dumps(s.truth)).encode()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(studies[True])


def test_another_seed_gives_another_study(studies):
    assert digest(generate("border", 3)) != digest(studies[True])


def test_losses_change_nothing_that_is_not_lost(studies):
    before, after = (model_frame(studies[missing]) for missing in (False, True))
    assert (before["participant_id"] == after["participant_id"]).all()
    for name in (*OUTCOMES, "recent", "new_sw", "mobile", "deported", "formal", "mex"):
        told = after[name].notna()
        assert (after[name][told] == before[name][told]).all(), name


def test_truth_is_json_and_has_every_parameter(studies):
    truth = json.loads(json.dumps(studies[True].truth))
    for name, outcome in OUTCOMES.items():
        told = truth["outcomes"][name]
        assert told["coefficients"] == dict(outcome.coefficients)
        assert told["intercept"] == outcome.intercept
        assert {"site_variance", "venue_variance", "target", "family"} <= set(told)
    assert truth["injected"]["inconsistent_self_report"] == 0.03
    assert studies[False].truth["injected"] == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"profile": "boarder", "seed": 1}, "Unknown profile 'boarder'. Did you mean 'border'?"),
        ({"profile": "zzz", "seed": 1}, "There are: border, founding."),
        ({"profile": "border", "seed": -1}, "seed must be 0 or more"),
        ({"profile": "border", "seed": 1, "scale": 0}, "scale must be 1 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, says):
    with pytest.raises(UsageError, match=says.replace("?", r"\?")):
        generate(**arguments)


# ------------------------------------------------------------------------- the recipe's figures


@pytest.mark.parametrize("name", OUTCOMES)
def test_prevalence_is_the_one_aimed_at(frame, name):
    # 120 sites with a variance up to .35 on the log-odds scale: SE of a prevalence about .012.
    assert frame[name].mean() == pytest.approx(OUTCOMES[name].target, abs=0.03)


# Formal and informal prevalence as the recipe states them.
BY_FORMALITY = {
    "ccu_clients": (0.79, 0.63),
    "condom_last_client": (0.92, 0.85),
    "client_refusal_6m": (0.16, 0.27),
    "hiv_test_12m": (0.75, 0.45),
    "client_phys_sex_6m": (0.11, 0.23),
    "client_verbal_6m": (0.22, 0.33),
    "authority_any_6m": (0.15, 0.32),
    "peer_any_6m": (0.06, 0.10),
    "sti_self_12m": (0.06, 0.16),
}


@pytest.mark.parametrize("name", BY_FORMALITY)
def test_prevalence_by_formality(frame, name):
    formal, informal = BY_FORMALITY[name]
    assert frame[name][frame["formal"] == 1].mean() == pytest.approx(formal, abs=0.035)
    assert frame[name][frame["formal"] == 0].mean() == pytest.approx(informal, abs=0.035)


def test_support_is_higher_in_formal_venues(frame):
    assert frame["ps_z"][frame["formal"] == 1].mean() == pytest.approx(0.28, abs=0.05)
    assert frame["ps_z"][frame["formal"] == 0].mean() == pytest.approx(-0.20, abs=0.05)


def test_covariates_have_the_recipe_s_figures(large, frame):
    women = large.tables["participants"]
    assert len(women) == pytest.approx(14_400, rel=0.03)
    assert number(women["age"]).mean() == pytest.approx(33, abs=0.3)
    entry = number(women["age_entry"])
    assert entry.mean() == pytest.approx(22.0, abs=0.3)
    assert (entry < 18).mean() == pytest.approx(0.24, abs=0.03)
    assert frame["recent"].mean() == pytest.approx(0.14, abs=0.015)
    assert frame["deported"].mean() == pytest.approx(0.64, abs=0.02)
    assert frame["mobile"].mean() == pytest.approx(0.41, abs=0.02)
    second = (large.tables["visits"]["visit_no"] == "2").sum()
    assert second / len(women) == pytest.approx(0.30, abs=0.02)
    formal = large.tables["venues"].merge(large.tables["sites"], on="site_id")
    share = (formal["formality"] == "formal").groupby(formal["country_work"]).mean()
    assert share["GTM"] == pytest.approx(0.62, abs=0.06)
    assert share["MEX"] == pytest.approx(0.22, abs=0.06)


def test_acts_of_support_form_a_reliable_scale(large):
    acts = large.tables["support_acts"].pivot(index="visit_id", columns="act", values="received")
    items = acts.astype(float)
    assert items.shape[1] == len(ACTS) == 23
    total = items.sum(axis=1)
    alpha = 23 / 22 * (1 - items.var().sum() / total.var())
    assert 0.7 < alpha < 0.9


def test_isolation_is_commoner_among_recent_arrivals(large):
    rows = linked(large)
    score = rows[[f"net_{i}" for i in range(1, 7)]].astype(int).sum(axis=1)
    recent = rows["years_in_city"].str.fullmatch(r".*week.*|<?(1 month|([2-9]|1[01]) months)")
    at_risk = score < 12
    assert at_risk.mean() == pytest.approx(0.35, abs=0.04)
    assert at_risk[recent].mean() == pytest.approx(0.60, abs=0.06)


# ------------------------------------------------------------------------------------ consistent


@BOTH
def test_every_row_has_its_parents_and_codes_are_unlike(studies, missing):
    tables = studies[missing].tables
    assert set(tables["participants"]["venue_id"]) <= set(tables["venues"]["venue_id"])
    for name in ("visits", "work_history"):
        known = set(tables["participants"]["participant_id"])
        assert set(tables[name]["participant_id"]) == known
    for name in ("support_acts", "violence"):
        assert set(tables[name]["visit_id"]) == set(tables["visits"]["visit_id"])
    venue = tables["participants"]["venue_id"].map(
        tables["venues"].set_index("venue_id")["site_id"]
    )
    assert (venue == tables["participants"]["site_id"]).all()
    keys = {"sites": ["site_id"], "venues": ["venue_id"], "participants": ["participant_id"]}
    keys |= {"visits": ["visit_id"], "support_acts": ["visit_id", "act"]}
    keys |= {"violence": ["visit_id", "perpetrator", "type"]}
    keys |= {"work_history": ["participant_id", "venue_id", "period_start"]}
    for name, key in keys.items():
        assert not tables[name].duplicated(key).any(), name


def test_codes_of_women_say_nothing_of_date_or_site(studies):
    women = studies[False].tables["participants"]
    order = women["participant_id"].rank()
    for column in ("consent_date", "site_id"):
        assert abs(order.corr(women[column].rank())) < 0.1


@BOTH
def test_ages_and_durations_are_in_order(studies, missing):
    women = studies[missing].tables["participants"]
    age, entry = number(women["age"]), number(women["age_entry"])
    assert age.between(18, 55.05).all()
    assert (entry.isna() | (entry <= age)).all()
    years = women["years_in_city"].str.extract(r"^([\d.]+) years?$")[0].astype(float)
    assert (years.isna() | (years <= age + 0.05)).all()


@BOTH
def test_deportation_and_documents_obey_their_rules(studies, missing):
    rows = linked(studies[missing])
    deported = rows["ever_deported"] == "1"
    assert (rows["deported_from"][rows["ever_deported"] == "0"] == ".a").all()
    assert (number(rows["n_deport"][deported]) >= 1).all()
    countries = zip(rows["deported_from"][deported], rows["country_birth"][deported], strict=True)
    assert not any(born in places.split(";") for places, born in countries)
    ca4 = rows[rows["migration_doc"] == "ca4_entry"]
    assert set(ca4["country_work"]) == {"GTM"}
    assert set(ca4["country_birth"]) <= {"HND", "SLV", "NIC"}
    card = rows[rows["migration_doc"] == "regional_visitor_card"]
    assert set(card["country_work"]) == {"MEX"}
    assert set(card["country_birth"]) == {"GTM"}
    assert (rows["country_birth"] != rows["country_work"]).all()


@BOTH
def test_condom_answers_agree(studies, missing):
    visits = studies[missing].tables["visits"]
    acts, unprotected = number(visits["acts_7d"]), number(visits["unprotected_7d"])
    assert (visits["unprotected_7d"][acts == 0] == ".a").all()
    assert (unprotected.isna() | (unprotected <= acts)).all()
    always = visits["condom_freq_clients"] == "5"
    assert not (visits["condom_last_client"][always] == "0").any()
    contradicts = (unprotected[always & unprotected.notna()] > 0).mean()
    assert contradicts == pytest.approx(0.03, abs=0.015) if missing else contradicts == 0


@BOTH
@pytest.mark.parametrize(
    ("item", "gate", "asked"),
    [
        ("condom_freq_clients", "weekly_clients", lambda g: g != "0"),
        ("more_money_accepted_6m", "more_money_offered_6m", lambda g: g == "1"),
        ("months_since_test", "hiv_test_ever", lambda g: g == "1"),
        ("sti_type", "sti_self_12m", lambda g: g == "1"),
        ("phone_credit", "phone", lambda g: g == "1"),
        ("condom_partner_freq", "steady_partner", lambda g: g == "1"),
        ("child_separated", "n_children", lambda g: g != "0"),
        ("n_deport", "ever_deported", lambda g: g == "1"),
    ],
)
def test_skip_rules_hold(studies, missing, item, gate, asked):
    rows = linked(studies[missing])
    told = ~rows[gate].str.startswith(".")
    skipped = rows[item] == ".a"
    assert (skipped[told] == ~asked(rows[gate][told])).all()


@BOTH
def test_violence_windows_and_follow_up_agree(studies, missing):
    cells, visits = (studies[missing].tables[name] for name in ("violence", "visits"))
    recent, ever = number(cells["w6m"]), number(cells["ever"])
    assert (recent.isna() | (recent <= ever)).all()
    times = number(cells["n_6m"])
    assert ((times > 0) == (recent == 1))[recent.notna()].all()
    partner = visits.merge(studies[missing].tables["participants"], on="participant_id")
    with_partner = set(partner["visit_id"][partner["steady_partner"] == "1"])
    assert set(cells["visit_id"][cells["perpetrator"] == "partner"]) == with_partner
    any_told = visits["visit_id"].map((recent == 1).groupby(cells["visit_id"]).any())
    asked = ~visits["help_sought_after_violence"].isin([".a", ".m"])
    assert (asked == any_told).all()


@BOTH
def test_testing_windows_are_nested(studies, missing):
    visits = studies[missing].tables["visits"]
    valid = visits[visits["health_permit"] == "valid"]
    months = valid["months_since_test"].str.extract(r"^<?(\d+) month")[0].astype(float)
    assert (months.isna() | (months <= 5)).all()


@BOTH
def test_support_acts_have_peers(studies, missing):
    acts = studies[missing].tables["support_acts"]
    some = (acts["received"] == "1") | (acts["provided"] == "1")
    assert (acts["n_peers"][some] != "0").all()


@BOTH
def test_work_history_fills_the_time_of_each_woman(studies, missing):
    work = studies[missing].tables["work_history"]
    share = work["work_share"].astype(float).groupby(work["participant_id"]).sum()
    assert np.allclose(share, 1)
    assert (work["period_start"] < work["period_end"]).all()
    first = studies[missing].tables["visits"].query("visit_no == '1'")
    several = work.groupby("participant_id").size().loc[first["participant_id"]].to_numpy()
    assert (several == number(first["n_venues_6m"]).clip(upper=5)).all()
