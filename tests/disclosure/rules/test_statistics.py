from dataclasses import replace
from typing import get_args

import pytest

from peerstats.disclosure import policy, release
from peerstats.disclosure.rules.statistics import TREATMENTS
from peerstats.results import Kind

STANDARD = policy("standard")


def test_every_kind_of_number_has_a_treatment():
    assert set(TREATMENTS) == set(get_args(Kind))


@pytest.mark.parametrize("kind", [k for k, t in TREATMENTS.items() if t == "described"])
def test_what_describes_few_women_is_withheld(of_numbers, mean, kind):
    numbers = [mean(f"b.x.n{n}", 3.25, n, kind) for n in (0, 5, 6, 7, 40)]
    released = release(of_numbers(*numbers), STANDARD)
    for n in (0, 5, 6):
        assert released.number(f"b.x.n{n}").printed == "[c]"
    assert released.number("b.x.n40").printed == "3.3"
    assert released.number("b.x.n7").shown is (kind != "sd")


@pytest.mark.parametrize(("n", "shown"), [(13, False), (14, False), (18, False), (19, True)])
def test_an_sd_needs_certainly_more_than_thirteen_women(of_numbers, mean, n, shown):
    """13 to 18 print alike, so an SD shown at 14 would tell 14 from 13."""
    released = release(of_numbers(mean("b.x.sd", 1.25, n, "sd")), STANDARD)
    assert released.number("b.x.sd").shown is shown


def test_strict_withholds_up_to_ten(of_numbers, mean):
    numbers = [mean("b.x.mean", 2.0, 10), mean("b.y.mean", 2.0, 11)]
    released = release(of_numbers(*numbers), policy("strict"))
    assert not released.number("b.x.mean").shown
    assert released.number("b.y.mean").shown


def test_a_statistic_that_does_not_say_whom_it_describes_is_withheld(of_numbers, mean):
    released = release(of_numbers(replace(mean("b.x.mean", 2.0, 50), basis=None)), STANDARD)
    assert released.number("b.x.mean").printed == "[c]"


@pytest.mark.parametrize("kind", ["minimum", "maximum", "se", "df", "loglik"])
def test_extremes_and_fingerprints_are_not_there(of_numbers, mean, kind):
    assert not release(of_numbers(mean("b.x.v", 2.0, 500, kind)), STANDARD).numbers


def test_constants_stay(of_numbers, mean):
    released = release(
        of_numbers(replace(mean("b.items", 4.0, 1, "constant"), basis=None)), STANDARD
    )
    assert released.number("b.items").printed == "4.0"
