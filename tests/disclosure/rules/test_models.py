from dataclasses import replace

import pytest

from peerstats.disclosure import policy, release
from peerstats.results.blocks import Mark

STANDARD = policy("standard")
LARGE = ((60, 20), (50, 30))  # n and events of No and Yes


def shown(results, prefix):
    return {at: n.shown for at, n in results.numbers.items() if at.startswith(prefix)}


def test_a_model_of_large_cells_is_shown_rounded(model):
    released = release(model(LARGE), STANDARD)
    assert all(shown(released, "m1.").values())
    assert released.number("m1.x.1.or").value == 1.23
    assert released.number("m1.x.1.or").se is None
    assert released.number("m1.n").printed == "108"  # 57 + 51
    assert released.number("m1.x.1.events").printed == "27"
    assert released.number("m1.site.groups").printed == "7"
    assert not released.has("m1.loglik")


@pytest.mark.parametrize("cells", [((60, 20), (50, 5)), ((60, 20), (50, 46)), ((60, 20), (50, 0))])
def test_a_term_with_a_small_cell_is_withheld_whole_crude_and_adjusted(model, cells):
    released = release(model(cells), STANDARD)
    assert not any(shown(released, "m1.x.").values())
    assert not any(shown(released, "m1.crude.x.").values())
    assert not released.number("m1.age.or").shown  # or a refused model would be known as such
    assert "Peer support withheld" in " ".join(released.clearance.actions)


def test_cells_just_above_the_threshold_are_shown(model):
    assert release(model(((60, 20), (50, 7))), STANDARD).number("m1.x.1.or").shown
    assert not release(model(((60, 20), (50, 7))), policy("strict")).number("m1.x.1.or").shown


def test_a_rare_outcome_withholds_the_whole_model(model):
    released = release(model(((60, 3), (50, 2))), STANDARD)
    assert not any(shown(released, "m1.").values())
    assert not released.has("m1.site.groups")  # it would say that the fit could be had
    assert released.blocks["m1"].marks[-1].sentence.startswith("The estimates are withheld")


def test_a_model_of_too_few_women_is_withheld_with_its_reason(model):
    """16 women print as 13 to 18; 13 less 4 parameters leaves 9 degrees of freedom."""
    released = release(model(((8, 4), (8, 4))), policy("standard"))
    assert not released.number("m1.age.or").shown
    rich = release(model(((15, 7), (15, 8))), STANDARD)
    assert rich.number("m1.age.or").shown


def test_parameters_per_woman_are_limited(model):
    tight = replace(STANDARD, parameter_share=0.03)
    released = release(model(LARGE), tight)
    assert not released.number("m1.age.or").shown
    assert "more parameters" in released.blocks["m1"].marks[-1].sentence
    assert released.number("m1.n").shown


def test_why_a_model_could_not_be_estimated_is_not_said(model):
    sentence = "Not estimable: the table A × B has no woman in Mexico × Formal."
    marks = [Mark(where="m1", sort="not_estimable", sentence=sentence)]
    released = release(model(LARGE, marks), STANDARD)
    assert released.blocks["m1"].marks[0].sentence == "Not estimable from these data."


def test_methods_lose_their_degrees_of_freedom(model):
    assert release(model(LARGE), STANDARD).blocks["m1"].inference == (("x", "Wald t test"),)


def test_groups_that_are_women_are_counted_as_women(model):
    """A random intercept for each woman with several visits has as many groups as women."""
    exact = model(LARGE)
    block = exact.blocks["m1"]
    factor = replace(block.factors[0], key="participant_id")
    groups = replace(
        exact.numbers["m1.site.groups"], address="m1.participant_id.groups", value=58.0
    )
    fit = replace(exact.fits["m1"], groups=(("site_id", 7), ("site_id:participant_id", 58)))
    results = replace(
        exact,
        numbers={**exact.numbers, groups.address: groups},
        blocks={"m1": replace(block, factors=(factor,))},
        fits={"m1": fit},
    )
    released = release(results, STANDARD)
    assert released.number("m1.participant_id.groups").printed == "57"
    assert released.fits["m1"].groups == (("site_id", 7), ("site_id:participant_id", 57))
