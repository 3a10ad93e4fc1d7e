import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

from peerstats.errors import ModelError, UsageError
from peerstats.inference.methods import METHODS
from peerstats.inference.rule import candidates, infer, question_of
from peerstats.model.fit import fit
from peerstats.model.marginal.firth import firth_logit


def about(estimates, term):
    return [r.sentence for r in estimates.remarks if r.about == term]


def test_three_sites_cannot_test_a_site_level_exposure(make_study):
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(3, 40, effect=1.0))
    row = infer(fitted).row("country[T.MEX]")
    assert row.reason == "with 3 sites and 1 df this design cannot test a site-level exposure"
    assert row.df == 1
    assert math.isnan(row.statistic)
    assert math.isnan(row.p_value)
    assert row.method == "none"
    # The interval of two stages stays: its width says why there is no test.
    assert row.conf_low < row.estimate < row.conf_high
    assert row.conf_high - row.conf_low > 5


@pytest.mark.parametrize(("sites", "df"), [(3, 1), (4, 2), (5, 3), (6, 4)])
def test_a_site_level_p_value_needs_three_degrees_of_freedom(make_study, sites, df):
    row = infer(fit("y ~ country + (1 | site_id)", make_study(sites, 40, effect=0.8))).row(
        "country[T.MEX]"
    )
    assert row.df == df
    assert math.isnan(row.p_value) == (df < 3)


def test_no_method_lifts_the_refusal(make_study):
    fitted = fit("y ~ country + (1 | site_id)", make_study(3, 40, effect=1.0))
    for name in METHODS:
        assert infer(fitted, rule=name).row("country[T.MEX]").reason


def test_a_within_site_coefficient_is_compared_within_sites(make_study):
    data = make_study(6, 30, effect=0.8)
    row = infer(fit("y ~ x + country + (1 | site_id)", data)).row("x")
    firth = firth_logit("y ~ x", data, "site_id")
    assert (row.estimate, row.p_value) == (firth.params["x"], pytest.approx(firth.pvalues["x"]))
    assert [row.conf_low, row.conf_high] == pytest.approx(list(firth.conf_int().loc["x"]))
    assert math.isinf(row.df)
    assert math.isinf(infer(fit("y ~ x + (1 | site_id)", data.iloc[::5])).row("x").df)
    assert row.scale == "log_odds"


def test_a_site_level_coefficient_is_compared_between_sites(make_study):
    data = make_study(6, 30, effect=0.8)
    row = infer(fit("y ~ x + country + (1 | site_id)", data)).row("country[T.MEX]")
    alpha = firth_logit("y ~ x", data, "site_id").site_effects["intercept"]
    here = data.groupby("site_id")["country"].first()
    test = stats.ttest_ind(alpha[here == "MEX"], alpha[here == "GTM"])
    assert row.statistic == pytest.approx(test.statistic)
    assert (row.df, row.p_value) == (4, pytest.approx(test.pvalue))
    interval = test.confidence_interval()
    # Sites of 30 women: the penalty took a thousandth of the differences, which is given back.
    ends = np.array([interval.low, interval.high])
    assert [row.conf_low, row.conf_high] == pytest.approx(ends, rel=2e-3)
    assert row.conf_high / interval.high == pytest.approx(row.conf_low / interval.low)


def test_between_within_t(make_study):
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(6, 30, effect=0.8))
    row = infer(fitted, rule="wald_between_within").row("x")
    assert row.df == 180 - 6 - 1
    statistic = fitted.params["x"] / fitted.bse["x"]
    assert row.p_value == pytest.approx(2 * stats.t.sf(abs(statistic), row.df))
    half = stats.t.ppf(0.975, row.df) * fitted.bse["x"]
    assert row.conf_high == pytest.approx(fitted.params["x"] + half)
    assert row.scale == "log_odds"
    assert row.method == "Wald t test and interval with between-within degrees of freedom"


def test_alpha_sets_the_width(make_study):
    fitted = fit("y ~ x + (1 | site_id)", make_study(6, 30, effect=0.8))
    wide, narrow = infer(fitted, alpha=0.01).row("x"), infer(fitted, alpha=0.1).row("x")
    assert wide.conf_low < narrow.conf_low < narrow.conf_high < wide.conf_high


def test_nested_venues_give_the_df_of_their_own_level(make_study):
    data = make_study(6, 40, effect=0.8)
    data["indoor"] = data["venue_id"].str[-1].isin(["0", "1"]).astype(int)
    # x alternates with the woman's number, and so with her venue: both are of venues here.
    estimates = infer(fit("y ~ x + indoor + (1 | site_id/venue_id)", data), sites="site_id")
    assert (estimates.row("indoor").df, estimates.row("x").df) == (24 - 6 - 2,) * 2
    data["x"] = np.tile([0, 1, 1, 0, 1, 0, 0, 1], 30)
    estimates = infer(fit("y ~ x + indoor + (1 | site_id/venue_id)", data), sites="site_id")
    assert estimates.row("indoor").df == 24 - 6 - 1
    within = firth_logit("y ~ x", data, "venue_id")  # an intercept for each venue, not for sites
    assert estimates.row("x").p_value == pytest.approx(within.pvalues["x"])
    assert "comparison within venues" in estimates.row("x").method


def test_a_venue_level_exposure_is_compared_between_the_venues_of_a_site(make_study):
    data = make_study(6, 40, effect=0.8)
    data["indoor"] = data["venue_id"].str[-1].isin(["0", "1"]).astype(int)
    data["x"] = np.tile([0, 1, 1, 0, 1, 0, 0, 1], 30)
    row = infer(fit("y ~ x + indoor + (1 | site_id/venue_id)", data), sites="site_id").row("indoor")
    alpha = firth_logit("y ~ x", data, "venue_id").site_effects["intercept"]
    venues = data.groupby("venue_id").first().assign(alpha=alpha)
    plain = fit("alpha ~ indoor + site_id", venues, family="gaussian")
    # Both are larger by the same factor, which undoes what Firth's penalty takes.
    assert row.statistic == pytest.approx(plain.params["indoor"] / plain.bse["indoor"])
    assert row.df == 24 - 6 - 1
    assert 1.0 < row.estimate / plain.params["indoor"] < 1.5


def test_few_sites_of_a_gaussian_outcome_are_fixed_effects_and_have_an_exact_t(make_study):
    data = make_study(3, 20)
    row = infer(fit("score ~ x + (1 | site_id)", data, family="gaussian")).row("x")
    plain = fit("score ~ x + site_id", data, family="gaussian")
    statistic = plain.params["x"] / plain.bse["x"]
    assert (row.statistic, row.df) == (pytest.approx(statistic), 60 - 3 - 1)
    assert row.p_value == pytest.approx(2 * stats.t.sf(abs(statistic), 56))
    many = infer(fit("score ~ x + (1 | site_id)", make_study(30, 8), family="gaussian"))
    assert "Kenward" in many.row("x").method


def test_a_site_without_events_has_an_effect_for_the_comparison_of_sites():
    site = np.repeat(np.arange(6), 20)
    rng = np.random.default_rng(5)
    data = {"site": site, "s": site % 2, "x": rng.integers(0, 2, 120)}
    data["y"] = np.where(site == 0, 0, rng.poisson(1.0, 120))
    row = infer(fit("y ~ x + s + (1 | site)", data, family="poisson")).row("s")
    assert row.method.startswith("two stages")
    assert 0.0 < row.std_error < 5.0


def test_a_venue_level_exposure_with_too_few_venues_is_refused(make_study):
    data = make_study(3, 40)
    data["venue_id"] = np.where(np.arange(120) % 40 < 20, "a", "b") + data["site_id"]
    data["indoor"] = (np.arange(120) % 40 < 20).astype(int)
    row = infer(fit("y ~ x + indoor + (1 | site_id/venue_id)", data)).row("indoor")
    assert row.reason == (
        "with 6 venues in 3 sites and 2 df this design cannot test a venue-level exposure"
    )


def test_site_fixed_effects_answer_within_site_questions_and_no_others(make_study):
    data = make_study(3, 60, effect=1.0)
    estimates = infer(fit("y ~ x + venue_type + site_id", data), sites=data["site_id"])
    within = infer(fit("y ~ x + venue_type + (1 | site_id)", data))
    for term in ("x", "venue_type[T.street]"):  # the same question, and so the same answer
        assert estimates.row(term).p_value == pytest.approx(within.row(term).p_value)
    # A site's own effect compares these sites, which are known; it is no exposure of sites.
    assert not math.isnan(estimates.row("site_id[T.s1]").p_value)
    assert about(estimates, None) == []
    assert about(estimates, "venue_type[T.street]") == []


def test_a_model_without_any_effect_of_site_says_so_and_tests_no_site_level_exposure(make_study):
    data = make_study(8, 30, effect=0.8)
    estimates = infer(fit("y ~ x + country", data), sites=data["site_id"])
    row = estimates.row("country[T.MEX]")
    assert "the model has no effect of site: add (1 | site_id)" in row.reason
    assert math.isnan(row.p_value)
    assert "intervals ignore that women of one site are alike" in about(estimates, None)[0]


def test_without_sites_a_plain_model_is_tested_as_it_always_was(make_study):
    data = make_study(6, 30)
    plain = infer(fit("y ~ x + country", data))
    assert set(plain.frame["method"]) == {"Wald z test and interval"}
    linear = infer(fit("score ~ x", data, family="gaussian")).row("x")
    assert linear.method == "Wald t test and interval with residual degrees of freedom"
    assert linear.df == 178
    assert linear.scale == "mean_difference"


def test_few_sites_are_told_beside_clustered_and_site_level_covariates(make_study):
    fitted = fit("y ~ x + venue_type + (1 | site_id)", make_study(6, 30, effect=0.8))
    estimates = infer(fitted, rule="wald_between_within")
    sentence, _ = about(estimates, "venue_type[T.street]")
    assert sentence == (
        "Its values cluster in sites, and with 6 sites its interval may be too narrow."
    )
    assert about(estimates, "x") == []
    (sentence,) = about(infer(fitted), "venue_type[T.street]")
    assert "too narrow" not in sentence  # compared within sites
    fitted = fit("y ~ x + venue_type + (1 | site_id)", make_study(12, 30, effect=0.8))
    many = infer(fitted, rule="wald_between_within")
    assert about(many, "venue_type[T.street]") == []
    fitted = fit("y ~ x + country + (1 | site_id)", make_study(12, 30, effect=0.8))
    assert about(infer(fitted), "country[T.MEX]") == []
    country = infer(fitted, rule="wald_between_within")
    (sentence,) = about(country, "country[T.MEX]")
    assert sentence == (
        "It is constant within every site, and with 12 sites its interval may be too narrow."
    )


def test_a_variance_of_fewer_than_five_sites_is_no_finding(make_study):
    three = infer(fit("y ~ x + (1 | site_id)", make_study(3, 60, effect=1.5)))
    five = infer(fit("y ~ x + (1 | site_id)", make_study(5, 60, effect=1.5)))
    assert any("With 3 sites the between-site variance" in s for s in about(three, "site_id"))
    assert about(five, "site_id") == []


def test_a_variance_at_zero_is_never_read_as_no_clustering(make_study):
    fitted = fit("y ~ x + (1 | site_id)", make_study(6, 30))
    assert fitted.varcorr["sd"].iloc[0] == 0
    (sentence,) = about(infer(fitted), "site_id")
    assert "estimated at zero" in sentence
    assert "does not show absence of clustering" in sentence


def test_the_frame_has_the_agreed_columns(make_study):
    frame = infer(fit("y ~ x + (1 | site_id)", make_study(6, 30, effect=1.0))).frame
    assert list(frame.columns) == [
        "term", "estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high",
        "method", "scale", "reason",
    ]  # fmt: skip
    assert list(frame["term"]) == ["Intercept", "x"]


def test_it_prints_the_reasons_below_the_numbers(make_study):
    text = repr(infer(fit("y ~ country + (1 | site_id)", make_study(3, 40, effect=1.0))))
    assert "country[T.MEX]: with 3 sites and 1 df this design cannot test" in text


def test_wrong_questions_are_refused(make_study):
    data = make_study(3, 20, effect=1.0)
    fitted = fit("y ~ x + (1 | site_id)", data)
    with pytest.raises(UsageError, match="Did you mean 'wald_z'"):
        infer(fitted, rule="wald_zz")
    with pytest.raises(UsageError, match="alpha"):
        infer(fitted, alpha=5)
    with pytest.raises(ModelError, match="'venue_id' is no grouping factor"):
        infer(fitted, sites="venue_id")
    with pytest.raises(ModelError, match="59 values for 60 rows"):
        infer(fitted, sites=data["site_id"].iloc[:59])
    with pytest.raises(ModelError, match="have no site"):
        infer(fitted, sites=data["site_id"].where(data.index != 3))


def test_counts_that_vary_more_than_poisson_counts_are_told():
    rng = np.random.default_rng(3)
    site = np.repeat(np.arange(12), 50)
    mean = np.exp(1.0 + rng.normal(0.0, 0.3, 12)[site])
    data = {"site": site, "row": np.arange(600), "x": rng.integers(0, 2, 600)}
    data["even"] = rng.poisson(mean)
    data["uneven"] = rng.poisson(mean * rng.gamma(1.0, 1.0, 600))

    def told(formula):
        remarks = infer(fit(formula, data, family="poisson"), sites="site").remarks
        return any("more than a Poisson model allows" in remark.sentence for remark in remarks)

    assert told("uneven ~ x + (1 | site)")
    assert not told("even ~ x + (1 | site)")
    assert not told("uneven ~ x + (1 | site) + (1 | row)")


@pytest.mark.parametrize(
    ("outcome", "family"), [("y", "binomial"), ("score", "gaussian"), ("count", "poisson")]
)
def test_what_only_sites_can_tell_apart_is_not_tested_by_women(make_study, outcome, family):
    # x and x + country differ alike inside sites: the second one's coefficient is the country's.
    data = make_study(3, 40, effect=0.8)
    data["both"] = data["x"] + (data["country"] == "GTM")
    data["count"] = data["y"] * (1 + np.arange(len(data)) % 3)
    fitted = fit(f"{outcome} ~ x + both + venue_type + (1 | site_id)", data, family)
    for rule in ("default", "wald_z", "lrt", "gee_cr2"):
        found = infer(fitted, rule=rule)
        for term in ("x", "both"):
            row = found.row(term)
            assert np.isnan([row.p_value, row.conf_low, row.statistic]).all()
            assert row.reason.startswith("inside every site it is a combination of other")
        row = found.row("venue_type[T.street]")
        if (family, rule) == ("gaussian", "default"):  # 3 sites: nothing else keeps its level
            assert "'both' cannot be told apart from 'x'" in row.reason
        else:
            assert 0 <= row.p_value <= 1


def test_a_category_that_one_silent_site_alone_has_leaves_with_it(make_study):
    data = make_study(5, 60)
    rng = np.random.default_rng(5)
    data["answer"] = np.clip(np.round(1.6 + 0.4 * data["x"] + rng.normal(size=len(data))), 1, 3)
    data.loc[data["site_id"] == "s0", "answer"] = 0  # nobody else says 0
    others = data[data["site_id"] != "s0"]
    formula = "answer ~ x + (1 | site_id)"
    ours = infer(fit(formula, data, "cumulative_logit"), rule="site_fixed").row("x")
    theirs = infer(fit(formula, others, "cumulative_logit"), rule="site_fixed").row("x")
    assert ours.estimate == pytest.approx(theirs.estimate, abs=1e-6)
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-5)


def test_small_sites_with_a_rare_outcome_are_not_compared_with_large_ones_in_two_stages():
    # No site differs: Firth's intercepts of 5 women say log odds of -2, those of 60 say -3.
    rng = np.random.default_rng(7)
    site = np.repeat(np.arange(12), np.where(np.arange(12) % 2, 5, 60))
    y = rng.binomial(1, 0.05, len(site))
    data = pd.DataFrame({"y": y, "small": site % 2, "site": site})
    found = infer(fit("y ~ small + (1 | site)", data)).row("small")
    assert found.method.startswith("Wald t test of the penalised mixed model")
    assert found.p_value > 0.05
    asked = infer(fit("y ~ small + (1 | site)", data), rule="two_stage").row("small")
    assert asked.reason.startswith("the sites it compares differ in size")
    assert np.isnan(asked.p_value)


def test_women_of_a_single_site_are_said_to_be_compared_only_where_they_are(make_study):
    data = make_study(4, 30)
    data["one"] = data["x"] * (data["site_id"] == "s1")
    fitted = fit("y ~ one + (1 | site_id)", data)
    told = {r: str(infer(fitted, rule=r).remarks) for r in ("fe_firth", "wald_z")}
    assert "whose women alone are compared" in told["fe_firth"]
    assert "whose women alone are compared" not in told["wald_z"]


def test_wald_is_no_way_out_with_few_sites(make_study):
    few = question_of(fit("y ~ x + country + (1 | site_id)", make_study(8, 30, effect=0.5)))
    many = question_of(fit("y ~ x + country + (1 | site_id)", make_study(30, 30, effect=0.5)))
    for position in range(3):
        assert not any(name.startswith("wald") for name in candidates(few, position))
        assert "wald_between_within" in candidates(many, position)
    # What no other method answers is refused, with the reason that speaks of these data.
    data = make_study(4, 12, effect=0.5)
    data["level"] = pd.Categorical(np.where(data["x"] == 1, 2, data["y"]), ordered=True)
    with pytest.raises(ModelError, match="separated"):
        fit("level ~ x + (1 | site_id)", data, family="cumulative_logit")


def test_ordered_outcomes_are_tested_by_the_ratio_less_its_parameters_share(make_study):
    data = make_study(5, 20)
    rng = np.random.default_rng(6)
    data["answer"] = np.clip(np.round(1.6 + 0.4 * data["x"] + rng.normal(size=100)), 1, 3)
    row = infer(fit("answer ~ x + (1 | site_id)", data, "cumulative_logit")).row("x")
    sites = pd.get_dummies(data["site_id"], drop_first=True).astype(float)
    full, none = (
        OrderedModel(data["answer"], X, distr="logit").fit(method="bfgs", disp=False, gtol=1e-9)
        for X in (sites.assign(x=data["x"]), sites)
    )
    share = (100 - (1 + 4 + 2)) / 100  # x, four sites, two thresholds
    assert row.statistic**2 == pytest.approx(share * 2 * (full.llf - none.llf), rel=1e-4)
    assert row.df == 100 - 5 - 1
    assert row.p_value == pytest.approx(stats.f.sf(row.statistic**2, 1, 94), rel=1e-6)
