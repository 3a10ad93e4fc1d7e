"""Generated sentences say what the numbers say, and why there is none."""

import dataclasses

import pytest

from peerstats.model.families import FAMILIES
from peerstats.report.methods import disclosure_sentences, dropped_sentences, model_paragraph
from peerstats.report.sentences import (
    cautions,
    exposure_sentences,
    flow_sentence,
    unanswered,
    variation_sentences,
)
from peerstats.report.words import REGRESSIONS
from peerstats.results.blocks import Also, Mark
from peerstats.results.text import plain


def said(results, cells):
    return [plain(results, cell).replace("\u00a0", " ") for cell in cells]


def test_flow(study):
    sentence = said(study, [flow_sentence(study, study.blocks["flow"])])
    assert sentence == ["Women approached: 486; women analysed: 435."]


def test_exposure(study):
    assert said(study, exposure_sentences(study, study.blocks["m1"])) == [
        "The adjusted odds ratio of consistent condom use for “Peer support, per standard "
        "deviation” was 1.64 (95% CI 1.31 to 2.05; p <0.001); univariable 1.71 "
        "(95% CI 1.38 to 2.12)."
    ]


def test_a_p_value_that_was_refused_is_left_out(study):
    (sentence,) = said(study, exposure_sentences(study, study.blocks["m2"]))
    assert sentence.endswith("compared with “Mexico” was 0.83 (95% CI 0.11 to 6.40).")


def test_an_estimate_that_was_refused_is_explained(study):
    mark = Mark(where="m1", sort="not_estimable", sentence="Not estimable: a single site")
    block = dataclasses.replace(study.blocks["m1"], marks=(mark,))
    empty = dataclasses.replace(study, numbers={})
    (sentence,) = said(empty, exposure_sentences(empty, block))
    assert sentence.endswith("is not given. Not estimable: a single site.")
    assert said(empty, unanswered(empty, block)) == ["Not estimable: a single site."]


def test_an_estimate_that_was_withheld_is_not_explained_away(fixed):
    results = fixed.results()
    numbers = {
        at: dataclasses.replace(n, withheld="fewer than 6 women") if at.startswith("m1.ps") else n
        for at, n in results.numbers.items()
    }
    results = dataclasses.replace(results, numbers=numbers)
    (sentence,) = said(results, exposure_sentences(results, results.blocks["m1"]))
    assert sentence.endswith("was withheld ([c]).")
    assert "1.71" not in sentence
    assert "withheld" in said(results, unanswered(results, results.blocks["m1"]))[0]


def test_an_estimate_that_cannot_be_tested_has_its_interval(study):
    mark = Mark(where="m1.ps", sort="no_p_value", sentence="Peer support: 1 df")
    block = dataclasses.replace(study.blocks["m1"], marks=(mark,))
    numbers = {at: n for at, n in study.numbers.items() if at not in ("m1.ps.or", "m1.ps.p")}
    (sentence,) = said(
        study, exposure_sentences(dataclasses.replace(study, numbers=numbers), block)
    )
    assert sentence.endswith(" is not given (95% CI 1.31 to 2.05). Peer support: 1 df.")


def test_few_events_are_told_by_the_numbers_that_are_printed(study):
    """Six coefficients need 60 women with and 60 without the outcome."""
    block = study.blocks["m1"]

    def told(events, **changes):
        number = dataclasses.replace(study.number("m1.events"), value=float(events), **changes)
        changed = dataclasses.replace(study, numbers={**study.numbers, "m1.events": number})
        return said(changed, cautions(changed, block))

    assert told(60) == told(341) == []
    (few,) = told(59)
    assert few.startswith("Of 401 women 59 have the outcome: fewer than ten women with the rarer")
    assert len(told(342)) == 1
    assert told(59, withheld="fewer than 6 women") == []


def test_variation(study):
    (sentence,) = said(study, variation_sentences(study, study.blocks["m1"]))
    assert sentence.startswith("The between-venue variance was 0.284 (0.091 to 0.880), intraclass")
    assert sentence.endswith("; without covariates the variance was 0.412 (0.160 to 1.060).")


def test_no_variation_is_told_of_an_adjusted_model_without_numbers(study):
    gone = "m1.venue.variance"
    assert study.has(gone)
    numbers = {at: one for at, one in study.numbers.items() if at != gone}
    block = study.blocks["m1"]
    (sentence,) = said(
        study, variation_sentences(dataclasses.replace(study, numbers=numbers), block)
    )
    expected = "The between-venue variance in the model without covariates was 0.412 (0.160 to "
    assert sentence.startswith(expected)
    assert "–" not in sentence


def test_a_variance_at_zero_of_a_univariable_model_is_told_of_it(study):
    zero = "The between-venue variance is estimated at zero."
    crude = Mark(where="m1.crude.age", sort="singular", sentence=zero)
    alone = dataclasses.replace(study.blocks["m1"], marks=(crude,))
    words = "In univariable models: the between-venue variance is estimated at zero."
    assert said(study, cautions(study, alone))[0] == words
    both = dataclasses.replace(alone, marks=(crude, dataclasses.replace(crude, where="m1")))
    assert said(study, cautions(study, both))[0] == zero


def test_a_method_asked_for_without_an_answer_is_not_said_to_be_shown(study):
    block = dataclasses.replace(
        study.blocks["m1"], also=Also(name="t test", reason="the protocol names it", methods=())
    )
    (text,) = said(study, [model_paragraph(study, block)])
    assert "Asked for, but without an answer in this model: t test, because the protocol" in text


def test_questions_without_an_answer_and_cautions(study):
    block = study.blocks["m2"]
    assert said(study, unanswered(study, block)) == [
        "Country of work varies only between sites; with three sites no p-value can be below any "
        "usual level, so none is given.",
        "Extortion by police: all women extorted by police reported violence (separation).",
    ]
    assert said(study, cautions(study, block)) == [
        "The between-site variance is estimated as zero (singular fit).",
        "The univariable fit did not converge.",
    ]


def test_methods_come_from_the_fit(study):
    (text,) = said(study, [model_paragraph(study, study.blocks["m1"])])
    for words in (
        "mixed-effects logistic regression with a random intercept for each venue",
        "(401 women, 205 with the outcome, 60 groups by venue)",
        "adaptive Gauss–Hermite quadrature (15 nodes)",
        "adjusts for “Age, per year”, place of service and country of origin, each for",
        "profile likelihood, with a likelihood-ratio test.",
    ):
        assert words in text


def test_rows_left_out_are_counted_by_variable_and_reason(study):
    (text,) = said(study, dropped_sentences(study, (study.blocks["m1"], study.blocks["m2"])))
    assert text.endswith(
        "“Peer support, per standard deviation”, refused: 9; "
        "“Peer support, per standard deviation”, missing, reason unknown: 5; “Age, per year”: 2."
    )


def test_methods_of_a_model_that_was_never_fitted(study):
    results = dataclasses.replace(study, fits={})
    (text,) = said(results, [model_paragraph(results, study.blocks["m1"])])
    assert text.endswith("no model of consistent condom use could be fitted to these data.")


def test_disclosure_rules_are_named(fixed):
    released = fixed.results(released=True)
    text = " ".join(said(released, disclosure_sentences(released.clearance)))
    assert "profile “standard”" in text
    assert "numbers withheld: 3" in text
    assert "Nothing in them was rounded" in " ".join(said(released, disclosure_sentences(None)))


def with_product(study):
    """The first model with a product of the exposure and a covariate that has levels."""
    block = study.blocks["m1"]
    exposure = next(t for t in block.terms if t.exposure)
    other = next(t for t in block.terms if not t.exposure and len(t.levels) > 1)
    product = dataclasses.replace(
        exposure, variable=f"{exposure.variable}:{other.variable}", exposure=False
    )
    return dataclasses.replace(block, terms=(*block.terms, product)), other


def test_an_estimate_beside_its_product_says_for_whom_it_holds(study):
    block, other = with_product(study)
    reference = next(level.label for level in other.levels if level.term is None)
    (sentence,) = said(study, exposure_sentences(study, block))
    assert f"is “{reference}”, was 1.64" in sentence
    assert "; univariable, for all women, 1.71" in sentence


@pytest.mark.parametrize(
    ("family", "link"), [(name, link) for name, (_, links) in FAMILIES.items() for link in links]
)
def test_every_family_has_words(family, link):
    assert (family, link) in REGRESSIONS
