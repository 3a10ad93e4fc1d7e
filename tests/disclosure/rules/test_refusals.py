"""An attacker compares "not estimable" with "withheld": a release must not tell them apart."""

from dataclasses import replace

import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.rules.models import TOO_SMALL
from peerstats.results.blocks import GroupBlock, Mark

STANDARD = policy("standard")
SMALL, EMPTY = ((60, 20), (50, 5)), ((60, 20), (50, 0))
RARE, NONE = ((60, 3), (50, 2)), ((60, 4), (50, 0))


def refused(results, key, place):
    """Results of the same model whose fit `key` could not be had: its numbers are not there."""
    gone = [
        at
        for at, n in results.numbers.items()
        if at.startswith(place) and n.kind not in ("count", "constant")
    ]
    numbers = {at: n for at, n in results.numbers.items() if at not in gone}
    block = results.blocks["m1"]
    mark = Mark(where=key, sort="not_estimable", sentence="Not estimable: it is separated.")
    fits = tuple(fit for fit in block.fits if fit != key)
    block = replace(block, fits=fits, marks=(*block.marks, mark))
    records = {k: r for k, r in results.fits.items() if k != key}
    return replace(results, numbers=numbers, blocks={**results.blocks, "m1": block}, fits=records)


def with_crude_fits(results):
    block = results.blocks["m1"]
    keys = ("m1.crude.x", "m1.crude.age", "m1")
    records = {k: replace(results.fits["m1"], key=k) for k in keys}
    block = replace(block, fits=keys)
    return replace(results, blocks={**results.blocks, "m1": block}, fits=records)


def seen(released):
    """All that a reader of the release can see, but for the values of shown counts."""
    numbers = {
        at: (n.kind, n.scale, n.format, n.fit, n.withheld, n.shown)
        for at, n in released.numbers.items()
    }
    return numbers, released.blocks, released.fits, released.clearance


def test_a_separated_covariate_alone_looks_like_one_with_small_cells(model):
    small = with_crude_fits(model(SMALL))
    empty = refused(with_crude_fits(model(EMPTY)), "m1.crude.x", "m1.crude.x.")
    assert seen(release(small, STANDARD)) == seen(release(empty, STANDARD))


def test_a_refused_model_of_a_rare_outcome_looks_like_a_fitted_one(model):
    fitted = with_crude_fits(model(RARE))
    none = refused(with_crude_fits(model(NONE)), "m1.crude.x", "m1.crude.x.")
    for place in ("m1.x.", "m1.age.", "m1.site."):
        none = refused(none, "m1", place)
    plot = GroupBlock(
        key="g", title="Sites", model="m1", factor="site", factor_label="Site", groups=()
    )
    fitted = replace(fitted, blocks={**fitted.blocks, "g": plot})
    assert seen(release(fitted, STANDARD)) == seen(release(none, STANDARD))


def sentences(released):
    return [mark.sentence for mark in released.blocks["m1"].marks]


def test_an_adjusted_model_with_a_small_cell_looks_the_same_refused_and_withheld(model):
    fitted = with_crude_fits(model(SMALL))
    none = with_crude_fits(model(EMPTY))
    for place in ("m1.x.", "m1.age.", "m1.site."):
        none = refused(none, "m1", place)
    assert seen(release(fitted, STANDARD)) == seen(release(none, STANDARD))


@pytest.mark.parametrize("sort", ["singular", "warning", "no_p_value"])
def test_no_mark_of_a_withheld_fit_says_that_it_could_be_had(model, sort):
    mark = Mark(where="m1.crude.x", sort=sort, sentence="The variance is estimated at zero.")
    results = with_crude_fits(model(SMALL, [mark]))
    assert sentences(release(results, STANDARD)) == [TOO_SMALL]


def test_a_refusal_of_a_measurement_is_withheld_as_well(model):
    """One woman with an arrest: the coefficient of arrests has no estimate when she is a case."""
    results = refused(with_crude_fits(model(((60, 20), (50, 30)))), "m1.crude.age", "m1.crude.age.")
    released = release(results, STANDARD)
    assert released.number("m1.crude.age.or").printed == "[c]"
    assert sentences(released) == [TOO_SMALL]


def test_what_the_number_of_sites_refuses_is_said_of_a_withheld_model_too(model):
    sentence = "Country: with 3 sites and 1 df this design cannot test a site-level exposure."
    mark = Mark(where="m1.age", sort="no_p_value", sentence=sentence)
    released = release(with_crude_fits(model(SMALL, [mark])), STANDARD)
    assert set(sentences(released)) == {sentence, TOO_SMALL}


def penalised(results, *keys):
    """Results whose fits were separated, as the report names it."""
    sentence = "The outcome is separated: Peer support “Yes” predicts it perfectly in some rows."
    marks = tuple(Mark(where=key, sort="penalised", sentence=sentence) for key in keys)
    block = results.blocks["m1"]
    return replace(
        results, blocks={**results.blocks, "m1": replace(block, marks=(*block.marks, *marks))}
    )


def test_a_penalised_estimate_looks_like_one_with_small_cells(model):
    small = with_crude_fits(model(SMALL))
    empty = penalised(with_crude_fits(model(EMPTY)), "m1.crude.x", "m1")
    assert seen(release(small, STANDARD)) == seen(release(empty, STANDARD))


@pytest.mark.parametrize("key", ["m1", "m1.crude.age"])
def test_separation_without_a_small_cell_is_withheld_and_not_told(model, key):
    """Covariates together, or a measurement, can tell the outcome; x has large cells here."""
    released = release(penalised(with_crude_fits(model(((60, 20), (50, 30)))), key), STANDARD)
    assert sentences(released) == [TOO_SMALL]
    assert released.number("m1.x.1.or").printed == "[c]"
    assert key not in released.fits
