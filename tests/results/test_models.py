import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import peerstats
from peerstats.data.codebook import Field, Level
from peerstats.data.sample import Sample
from peerstats.errors import ModelError, UsageError
from peerstats.results.models import ModelRequest, model_results


def field(name, kind, label, sensitive=0, **levels):
    named = tuple(Level(value=v.strip("_"), label=words) for v, words in levels.items())
    return Field(
        name=name,
        table="women",
        label=label,
        type=kind,
        column=name,
        levels=named,
        sensitive=sensitive,
    )


FIELDS = {
    f.name: f
    for f in (
        field("usen", "boolean", "Uses contraception"),
        field("urban", "category", "Residence", N="Rural", Y="Urban"),
        Field(
            name="livch",
            table="women",
            label="Living children",
            type="category",
            column="livch",
            levels=tuple(Level(value=v, label=v) for v in ("0", "1", "2", "3+")),
        ),
        field("age", "number", "Age"),
        field("district", "key", "District"),
        field("y", "boolean", "Tested", sensitive=1),
        field("score", "number", "Cohesion"),
        field("visits", "integer", "Visits"),
        field("x", "boolean", "Peer support", sensitive=2),
        field("country", "category", "Country of work", GTM="Guatemala", MEX="Mexico"),
        field("formality", "category", "Venue", informal="Informal", formal="Formal"),
        field("site_id", "key", "Site"),
    )
}


def sample_of(frame, dropped=()):
    return Sample(frame=frame, fields=FIELDS, n_start=len(frame), dropped=dropped)


@pytest.fixture(scope="module")
def contraception():
    path = Path(peerstats.__file__).parent / "data/embedded/bangladesh/contraception.csv"
    return sample_of(pd.read_csv(path, dtype={"district": str}))


@pytest.fixture(scope="module")
def women():
    """make(sites, women): a study whose sites do differ, with a country of each site."""

    def make(sites, each, seed=4):
        rng = np.random.default_rng(seed)
        site = np.repeat(np.arange(sites), each)
        x = rng.integers(0, 2, len(site))
        spread = np.linspace(-1, 1, sites)[np.argsort(rng.random(sites))][site]
        y = rng.random(len(site)) < 1 / (1 + np.exp(-(0.5 * x + spread)))
        mexico = site < max(sites // 2, 1)
        formal = ~mexico & (rng.random(len(site)) < 0.5)
        return pd.DataFrame(
            {
                "y": y.astype(float),
                "score": rng.normal(size=len(site)) + spread,
                "visits": rng.poisson(np.exp(0.3 * x + 0.5 * spread)),
                "x": x.astype(float),
                "age": rng.integers(18, 50, len(site)).astype(float),
                "country": np.where(mexico, "MEX", "GTM"),
                "formality": np.where(formal, "formal", "informal"),
                "site_id": [f"s{k}" for k in site],
            }
        )

    return make


def request(**changes):
    given = {
        "key": "m1",
        "title": "Peer support and testing",
        "outcome": FIELDS["y"],
        "exposure": "x",
        "covariates": (("age", "older women test more"),),
        "random": "(1 | site_id)",
    }
    return ModelRequest(**{**given, **changes})


@pytest.fixture(scope="module")
def answer(contraception):
    asked = ModelRequest(
        key="m1",
        title="Contraceptive use",
        outcome=FIELDS["usen"],
        exposure="urban",
        covariates=(("age", "use changes with age"), ("livch", "parity drives demand")),
        random="(1 | district)",
        method="agq",
        inference="wald_between_within",
        inference_reason="It is what lme4's users print.",
    )
    return model_results(asked, contraception, sites="district")


# lme4 1.1-31, glmer(usen ~ age + urban + livch + (1 | district), nAGQ = 25)
LME4 = {
    "m1.urban.Y": (0.732413692832438, 0.119481469689674),
    "m1.age": (-0.0266000139920825, 0.00788700534543091),
    "m1.livch.1": (1.10932945305148, 0.158011312994487),
    "m1.livch.2": (1.37652775405299, 0.174798651144097),
    "m1.livch.3+": (1.34560188612261, 0.17960280255438),
}


@pytest.mark.parametrize("at", LME4)
def test_odds_ratios_are_lme4s(answer, at):
    beta, se = LME4[at]
    at = f"{at}.also"
    ratio = answer.numbers[f"{at}.or"]
    assert math.log(ratio.value) == pytest.approx(beta, abs=1e-3 * se)
    assert ratio.se == pytest.approx(math.exp(beta) * se, rel=5e-3)
    low, high = (math.log(answer.numbers[f"{at}.{end}"].value) for end in ("low", "high"))
    # t with 1934 - 60 - 5 degrees of freedom instead of the normal 1.960.
    assert (high - low) / 2 == pytest.approx(1.9612 * se, rel=5e-3)


def test_the_random_part_is_lme4s(answer):
    variance = 0.464217171593612**2
    numbers = answer.numbers
    assert numbers["m1.loglik"].value == pytest.approx(-1206.6742337139, abs=1e-3)
    assert numbers["m1.district.variance"].value == pytest.approx(variance, rel=1e-3)
    assert numbers["m1.district.icc"].value == pytest.approx(
        variance / (variance + math.pi**2 / 3), rel=1e-3
    )
    assert numbers["m1.district.mor"].value == pytest.approx(
        math.exp(math.sqrt(2 * variance) * 0.6744897501960817), rel=1e-3
    )
    assert numbers["m1.district.groups"].value == 60
    for name in ("variance", "icc", "mor"):
        low, high = (numbers[f"m1.district.{name}.{end}"].value for end in ("low", "high"))
        assert low < numbers[f"m1.district.{name}"].value < high
    assert {"m1.null.district.variance", "m1.null.loglik"} <= set(numbers)
    assert numbers["m1.null.loglik"].value < numbers["m1.loglik"].value


def test_counts_of_levels_are_those_of_the_data(answer, contraception):
    frame, numbers = contraception.frame, answer.numbers
    for level, rows in frame.groupby("livch"):
        assert numbers[f"m1.livch.{level}.n"].value == len(rows)
        assert numbers[f"m1.livch.{level}.events"].value == rows["usen"].sum()
    assert (numbers["m1.n"].value, numbers["m1.events"].value) == (1934, frame["usen"].sum())
    assert numbers["m1.n"].parts == ("m1.urban.N.n", "m1.urban.Y.n")
    assert numbers["m1.events"].parts == ("m1.urban.N.events", "m1.urban.Y.events")


def test_basis_is_the_smallest_level_by_outcome_cell(answer, contraception):
    table = pd.crosstab(contraception.frame["livch"], contraception.frame["usen"])
    assert answer.numbers["m1.livch.3+.or"].basis == int(table.to_numpy().min())
    events = int(contraception.frame["usen"].sum())
    assert answer.numbers["m1.age.or"].basis == min(events, 1934 - events)


def test_reference_rows_have_counts_and_no_estimate(answer):
    term = next(t for t in answer.block.terms if t.variable == "urban")
    assert [(v.key, v.label, v.term) for v in term.levels] == [
        ("N", "Rural", None),
        ("Y", "Urban", "urban[T.Y]"),
    ]
    assert term.exposure
    assert "m1.urban.N.n" in answer.numbers
    assert "m1.urban.N.or" not in answer.numbers


def test_every_covariate_has_a_crude_estimate_on_the_same_women(answer):
    assert answer.block.fits == (
        "m1.null",
        "m1.crude.urban",
        "m1.crude.age",
        "m1.crude.livch",
        "m1",
    )
    assert set(answer.records) == set(answer.block.fits)
    assert {record.nobs for record in answer.records.values()} == {1934}
    crude, adjusted = (answer.numbers[f"{at}.urban.Y.or"] for at in ("m1.crude", "m1"))
    assert (crude.fit, adjusted.fit) == ("m1.crude.urban", "m1")
    assert crude.value != adjusted.value


def test_the_method_of_each_covariate_is_in_words(answer):
    words = dict(answer.block.inference)["urban"]
    assert words.startswith("comparison within ")
    assert words.endswith("ratio, for what varies within districts and clusters in districts")
    assert answer.block.also.reason == "It is what lme4's users print."
    assert dict(answer.block.also.methods)["urban"] == (
        "Wald t test and interval with between-within degrees of freedom (1869 df), "
        "for what varies within districts and clusters in districts"
    )
    assert answer.block.marks == ()


def test_records_say_how_the_fit_went(answer):
    record = answer.records["m1"]
    assert record.formula == "usen ~ urban + age + livch + (1 | district)"
    assert (record.family, record.link, record.method) == ("binomial", "logit", "agq")
    assert record.groups == (("district", 60),)
    assert record.converged
    assert not record.singular


def test_all_fits_use_the_rows_complete_in_the_largest_model(women):
    frame = women(6, 40)
    frame.loc[:9, "age"] = np.nan
    answer = model_results(request(), sample_of(frame, dropped=(("x", ".r", 3),)), sites="site_id")
    assert {record.nobs for record in answer.records.values()} == {230}
    assert answer.records["m1.crude.x"].dropped == (("x .r", 3), ("age", 10))
    assert answer.numbers["m1.n"].value == 230


def test_a_number_is_as_sensitive_as_its_most_sensitive_variable(women):
    answer = model_results(request(), sample_of(women(6, 40)), sites="site_id")
    assert answer.numbers["m1.x.1.or"].sensitive == 2
    assert answer.numbers["m1.age.or"].sensitive == 1


def test_three_sites_print_the_interval_only_of_a_site_level_exposure(women):
    asked = request(exposure="country", if_not_estimable="report")
    answer = model_results(asked, sample_of(women(3, 60)), sites="site_id")
    numbers = answer.numbers
    assert "m1.country.MEX.n" in numbers
    for at in ("m1.country.MEX", "m1.crude.country.MEX"):
        assert not {f"{at}.{name}" for name in ("or", "p")} & set(numbers)
        # 1 df: the width says why there is no test.
        assert numbers[f"{at}.high"].value > 100 * numbers[f"{at}.low"].value
    assert "m1.age.or" in numbers
    (mark,) = [m for m in answer.block.marks if m.where == "m1.country"]
    assert mark.sort == "no_p_value"
    assert mark.sentence == (
        "Country of work: with 3 sites and 1 df this design cannot test a site-level exposure."
    )
    assert any(m.where == "m1.crude.country" for m in answer.block.marks)
    assert dict(answer.block.inference)["country"].startswith("no test: with 3 sites and 1 df")


@pytest.mark.parametrize(("sites", "by_site"), [(4, True), (16, False)])
def test_a_comparison_of_few_sites_stands_on_the_women_of_a_site(women, sites, by_site):
    """The interval of 4 sites gives back how many had the outcome at each."""
    frame = women(sites, 40)
    asked = request(exposure="country", if_not_estimable="report")
    numbers = model_results(asked, sample_of(frame), sites="site_id").numbers
    yes, women_of = frame.groupby("site_id").y.sum(), frame.groupby("site_id").size()
    smallest = min(yes.min(), (women_of - yes).min())
    assert (numbers["m1.country.MEX.low"].basis == smallest) == by_site
    assert numbers["m1.age.low"].basis > smallest


def test_three_sites_print_no_variance(women):
    answer = model_results(request(), sample_of(women(3, 60)), sites="site_id")
    assert "m1.site_id.groups" in answer.numbers
    assert not [at for at in answer.numbers if ".site_id." in at and not at.endswith("groups")]
    assert any("With 3 sites the between-site variance" in m.sentence for m in answer.block.marks)


def test_a_variance_at_zero_is_marked_and_has_an_upper_limit(women):
    frame = women(6, 40)
    frame["y"] = np.tile([0.0, 1.0, 1.0, 0.0], 60)
    answer = model_results(request(), sample_of(frame), sites="site_id")
    assert answer.numbers["m1.site_id.variance"].value == 0
    assert answer.numbers["m1.site_id.variance.high"].value > 0
    (mark,) = [m for m in answer.block.marks if m.where == "m1" and m.sort == "singular"]
    assert "does not show absence of clustering" in mark.sentence
    assert answer.records["m1"].singular


def test_an_empty_cell_of_exposure_and_modifier_is_refused_by_name(women):
    asked = request(
        exposure="country", modifiers=("formality",), if_not_estimable="report", question="Why?"
    )
    answer = model_results(asked, sample_of(women(6, 40)), sites="site_id")
    (mark,) = [m for m in answer.block.marks if m.where == "m1"]
    assert mark.sort == "not_estimable"
    assert "the table Country of work × Venue has no woman in Mexico × Formal" in mark.sentence
    assert answer.fit is None
    assert "m1" not in answer.records
    assert "m1.crude.country.MEX.or" in answer.numbers
    assert "m1.country.MEX.or" not in answer.numbers
    assert "m1.loglik" not in answer.numbers
    assert answer.block.question == "Why?"
    # The table that shows why: everybody by country and venue.
    cells = [
        int(answer.numbers[f"m1.country_formality.{key}.n"].value)
        for key in ("GTM_informal", "GTM_formal", "MEX_informal", "MEX_formal")
    ]
    assert cells[3] == 0
    assert min(cells[:3]) > 0
    assert sum(cells) == 240
    with pytest.raises(ModelError, match="Mexico × Formal"):
        model_results(
            request(exposure="country", modifiers=("formality",)),
            sample_of(women(6, 40)),
            sites="site_id",
        )


def test_marks_of_the_null_model_do_not_tell_whether_the_adjusted_one_could_be_had(women):
    """In a release the adjusted model is withheld, and "could not be had" means an empty cell."""
    frame = women(3, 80)
    whole = frame.assign(formality=np.where(frame.index % 2, "formal", "informal"))
    asked = request(exposure="country", modifiers=("formality",), if_not_estimable="report")
    refused, fitted = (
        model_results(asked, sample_of(data), sites="site_id") for data in (frame, whole)
    )
    assert refused.fit is None
    assert fitted.fit is not None
    found = [
        {mark for mark in one.block.marks if mark.where == "m1.null"} for one in (refused, fitted)
    ]
    assert found[0] == found[1]
    assert found[0]


def test_an_interaction_is_a_term_with_its_combinations(women):
    frame = women(6, 60)
    answer = model_results(
        request(exposure="x", modifiers=("formality",)), sample_of(frame), sites="site_id"
    )
    term = answer.block.terms[-1]
    assert term.variable == "x:formality"
    assert [(v.key, v.label, v.term is None) for v in term.levels] == [
        ("0:informal", "Peer support: No × Informal", True),
        ("0:formal", "Peer support: No × Formal", True),
        ("1:informal", "Peer support: Yes × Informal", True),
        ("1:formal", "Peer support: Yes × Formal", False),
    ]
    both = (frame["x"] == 1) & (frame["formality"] == "formal")
    assert answer.numbers["m1.x_formality.1_formal.n"].value == both.sum()
    assert "m1.x_formality.1_formal.or" in answer.numbers
    assert "m1.crude.x_formality.1_formal.or" not in answer.numbers


def test_a_separated_covariate_stops_or_is_reported(women):
    frame = women(6, 40)
    frame["formality"] = np.where(frame["y"] == 1, "formal", "informal")
    asked = request(covariates=(("formality", "permits"),))
    with pytest.raises(ModelError, match=r"m1\.crude\.formality"):
        model_results(asked, sample_of(frame), sites="site_id")
    reported = request(covariates=(("formality", "permits"),), if_not_estimable="report")
    answer = model_results(reported, sample_of(frame), sites="site_id")
    told = {m.where: m.sentence for m in answer.block.marks if m.sort == "penalised"}
    assert set(told) == {"m1.crude.formality", "m1"}
    assert told["m1"] == (
        "Not estimable without a penalty: the outcome is separated, as Venue “Formal” predicts it "
        "perfectly in some rows. The estimates shown are penalised, which keeps them finite."
    )
    assert dict(answer.block.inference)["formality"].startswith("comparison within sites")
    assert answer.records["m1"].method == "penalised_laplace"
    assert not {"m1.loglik", "m1.site_id.variance"} & set(answer.numbers)
    firth = peerstats.firth_logit("y ~ formality + x", frame, "site_id")
    ratio = np.exp(firth.params["formality[T.informal]"])
    assert answer.numbers["m1.formality.formal.or"].value == pytest.approx(1 / ratio, rel=1e-6)
    assert 1 < answer.numbers["m1.formality.formal.low"].value < np.inf
    assert "m1.crude.x.1.or" in answer.numbers


def test_a_constant_outcome_stops_or_leaves_a_table_of_counts(women):
    frame = women(6, 20).assign(y=1.0)
    with pytest.raises(ModelError):
        model_results(request(), sample_of(frame), sites="site_id")
    answer = model_results(request(if_not_estimable="report"), sample_of(frame), sites="site_id")
    assert answer.block.fits == ()
    assert {m.sort for m in answer.block.marks} == {"not_estimable"}
    assert answer.numbers["m1.events"].value == 120


def test_measurements_have_differences_and_no_events(women):
    asked = request(outcome=FIELDS["score"], family="gaussian")
    answer = model_results(asked, sample_of(women(6, 40)), sites="site_id")
    assert answer.block.measure == "b"
    number = answer.numbers["m1.x.1.b"]
    assert (number.scale, number.format) == ("mean_difference", "decimal2")
    assert "m1.events" not in answer.numbers
    assert "m1.site_id.icc" in answer.numbers
    assert "m1.site_id.mor" not in answer.numbers
    assert answer.records["m1"].method == "reml"  # ML's variances are too small with few sites


def test_a_variance_without_an_interval_is_not_shown_and_the_table_says_why(women):
    frame = women(6, 40)
    frame["score"] = np.tile([0.0, 3.0, 1.0, 2.0], 60)
    asked = request(outcome=FIELDS["score"], family="gaussian")
    answer = model_results(asked, sample_of(frame), sites="site_id")
    assert "m1.site_id.variance" not in answer.numbers
    assert "m1.site_id.icc" not in answer.numbers
    assert [m.sentence for m in answer.block.marks if m.where == "m1" and m.sort == "warning"] == [
        "The between-site variance is not shown: estimated at zero, it has no interval in a "
        "gaussian model."
    ]


@pytest.mark.parametrize(
    ("link", "measure", "scale"), [("log", "pr", "risk_ratio"), ("probit", "coef", "link")]
)
def test_links_have_the_measure_that_their_coefficients_are(women, link, measure, scale):
    request = ModelRequest(key="m", title="M", outcome=FIELDS["y"], exposure="x", link=link)
    answer = model_results(request, sample_of(women(sites=12, each=30)), sites="site_id")
    assert answer.block.measure == measure
    assert answer.numbers[f"m.x.1.{measure}"].scale == scale


def test_counts_have_rate_ratios(women):
    asked = request(outcome=FIELDS["visits"], family="poisson")
    answer = model_results(asked, sample_of(women(6, 40)), sites="site_id")
    assert answer.block.measure == "rr"
    assert answer.numbers["m1.x.1.rr"].scale == "rate_ratio"
    assert "m1.site_id.icc" not in answer.numbers


def test_a_model_without_random_effects_has_no_null_model_and_no_factors(women):
    asked = request(random="", covariates=(("site_id", "sites differ"),))
    answer = model_results(asked, sample_of(women(3, 60)), sites="site_id")
    assert answer.block.factors == ()
    assert answer.block.fits == ("m1.crude.x", "m1.crude.site_id", "m1")
    assert dict(answer.block.inference)["x"].endswith("ratio, for what varies within sites")


def test_one_covariate_alone_has_no_crude_model(women):
    answer = model_results(request(covariates=()), sample_of(women(6, 40)), sites="site_id")
    assert answer.block.fits == ("m1.null", "m1")


def test_a_wrong_variable_is_named_with_the_nearest(women):
    asked = request(covariates=(("agee", "a slip"),))
    with pytest.raises(UsageError, match="Did you mean 'age'"):
        model_results(asked, sample_of(women(6, 40)), sites="site_id")


def test_several_visits_of_a_woman_are_warned_of_unless_the_model_knows_them(women):
    frame = women(sites=12, each=30)
    frame["participant_id"] = [f"P{i // 2}" for i in range(len(frame))]
    request = ModelRequest(
        key="m", title="M", outcome=FIELDS["y"], exposure="x", random="1 | site_id"
    )

    def warned(request, frame):
        marks = model_results(request, sample_of(frame), sites="site_id").block.marks
        return any("visits of the same woman" in mark.sentence for mark in marks)

    assert warned(request, frame)
    assert not warned(replace(request, random="1 | site_id/participant_id"), frame)
    assert not warned(request, frame.drop_duplicates("participant_id"))


def test_a_covariate_of_venues_is_warned_of_where_the_model_has_no_venues(women):
    frame = women(sites=12, each=30)
    frame["venue_id"] = [f"v{i // 6 % 5}" for i in range(len(frame))]  # the same in every site
    frame["formality"] = ["formal" if i // 6 % 2 else "informal" for i in range(len(frame))]
    request = ModelRequest(
        key="m", title="M", outcome=FIELDS["y"], exposure="formality", random="1 | site_id",
        covariates=(("x", "a reason"), ("country", "a reason")),
    )  # fmt: skip

    def warned(request):
        marks = model_results(request, sample_of(frame), sites="site_id").block.marks
        return {mark.where for mark in marks if "inside venues" in mark.sentence}

    assert warned(request) == {"m.formality"}
    assert warned(replace(request, random="1 | site_id/venue_id")) == set()


def test_a_site_level_covariate_is_refused_by_the_design_even_without_a_fit(women):
    frame = women(3, 40)
    frame["y"] = 0.0  # nothing can be fitted
    answer = model_results(
        request(exposure="country", covariates=(("x", "because"),), if_not_estimable="report"),
        sample_of(frame),
        sites="site_id",
    )
    assert answer.fit is None
    told = [
        m.sentence for m in answer.block.marks if m.sort == "no_p_value" and m.where == "m1.country"
    ]
    assert told[0].endswith("with 3 sites and 1 df this design cannot test a site-level exposure.")
