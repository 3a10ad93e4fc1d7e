import json
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from peerstats.model.families import find_family
from peerstats.model.fit import fit
from peerstats.model.formula import parse_formula
from peerstats.model.marginal.gee import clustered_design, gee, gee_of

REFERENCE = Path(__file__).parents[1] / "reference"
PLAIN = {"correlation": "independence"}
NAMES = {"(Intercept)": "Intercept", "urbanY": "urban[T.Y]", "trtprogabide": "trt[T.progabide]"}


@pytest.fixture(scope="module")
def clubsandwich():
    return json.loads((REFERENCE / "sandwich.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def districts():
    data = pd.read_csv(REFERENCE / "contraception.csv")
    data["yes"] = data["usen"]
    return data[data["district"] < 12]


def check(rows, wanted):
    for name, error in wanted["std_error"].items():
        row = rows[NAMES.get(name, name)]
        assert row.std_error == pytest.approx(error, rel=1e-6)
        assert row.df == pytest.approx(wanted["df"][name], rel=1e-6)


def test_linear_rows_are_those_of_clubsandwich(clubsandwich, ask):
    data = pd.read_csv(REFERENCE / "sleepstudy.csv").astype({"Subject": str})
    fitted = fit("Reaction ~ Days + (1 | Subject)", data, family="gaussian")
    terms = ("Intercept", "Days")
    check({term: ask(fitted, "gee_cr2", term) for term in terms}, clubsandwich["linear"])


def test_prevalence_ratios_are_those_of_clubsandwich(clubsandwich, districts, ask):
    fitted = fit("yes ~ age + urban + (1 | district)", districts)
    rows = {term: ask(fitted, "modified_poisson_cr2", term) for term in fitted.params.index}
    check(rows, clubsandwich["prevalence"])
    assert {row.scale for row in rows.values()} == {"log_risk"}  # the fit's own is log_odds


@pytest.mark.parametrize("model", ["logit", "counts"])
def test_independence_is_that_of_clubsandwich(clubsandwich, districts, model):
    if model == "logit":
        design = clustered_design(parse_formula("yes ~ age + urban"), districts, "district")
        fitted = gee_of(design, find_family("binomial"), "independence")
    else:
        epil = pd.read_csv(REFERENCE / "epil.csv")
        design = clustered_design(parse_formula("y ~ lbase + trt + V4"), epil, "subject")
        fitted = gee_of(design, find_family("poisson"), "independence")
    wanted = clubsandwich[model]
    for name, error in wanted["std_error"].items():
        assert fitted.bse[NAMES.get(name, name)] == pytest.approx(error, rel=1e-6)
        assert fitted.df[NAMES.get(name, name)] == pytest.approx(wanted["df"][name], rel=1e-6)


def test_rows_are_those_of_the_marginal_model(make_study, ask):
    data = make_study(8, 30, effect=0.6)
    row = ask(fit("y ~ x + country + (1 | site_id)", data), "gee_cr2", "country[T.MEX]")
    same = gee("y ~ x + country", data, "site_id")
    assert row.estimate == pytest.approx(same.params["country[T.MEX]"])
    assert row.p_value == pytest.approx(same.pvalues["country[T.MEX]"])
    half = stats.t.ppf(0.975, row.df) * row.std_error
    assert row.conf_high == pytest.approx(row.estimate + half)


@pytest.mark.parametrize("method", ["gee_cr2", "modified_poisson_cr2"])
def test_few_sites_are_refused(make_study, why, method):
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(4, 40, effect=0.6))
    refused = why(fitted, method, "country[T.MEX]")
    assert refused.endswith(" df to the cluster-robust variance")
    assert why(fitted, method, "x") is None
    data = make_study(8, 30, effect=0.6)
    data["country"] = (data["site_id"] == "s1").map({True: "GTM", False: "MEX"})
    fitted = fit("y ~ country + (1 | site_id)", data)
    refused = why(fitted, method, "country[T.MEX]")
    assert refused == "a single site determines an estimate alone, so none varies there"


def test_a_correlation_that_cannot_be_is_left_out_and_told(ask):
    # Every site has the same number of yes: residuals of a site repel each other.
    data = pd.DataFrame({"site": [s for s in range(6) for _ in range(4)], "x": [0, 1, 0, 1] * 6})
    data["y"] = [1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1] * 2
    row = ask(fit("y ~ x + (1 | site)", data), "gee_cr2", "x")
    assert row.method.endswith("(independence, as no such correlation fits)")
    assert row.estimate == pytest.approx(gee("y ~ x", data, "site", **PLAIN).params["x"])


def test_separation_is_refused_by_name(make_study, why):
    data = make_study(6, 20)
    data["y"] = data["y"].where(data["x"] == 0, 1)
    fitted = fit("y ~ x + (1 | site_id)", data, penalty=("log_f", "log_tau"))
    assert "'x' predicts it perfectly" in why(fitted, "gee_cr2", "x")


def test_prevalence_ratios_need_women(make_study, why):
    method, data = "modified_poisson_cr2", make_study(6, 20)
    fitted = fit("score ~ x + (1 | site_id)", data, family="gaussian")
    assert "need a yes/no outcome" in why(fitted, method, "x")
    counted = data.groupby(["site_id", "x"])["y"].agg(yes="sum", all="count").reset_index()
    counted["no"] = counted["all"] - counted["yes"]
    fitted = fit("cbind(yes, no) ~ x + (1 | site_id)", counted)
    assert "one row a woman" in why(fitted, method, "x")
    assert "no sites" in why(fit("y ~ x", data), method, "x")
