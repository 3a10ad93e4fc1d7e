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
    assert released.number("b.x.n7").shown is (kind not in ("sd", "quartile"))


@pytest.mark.parametrize(
    ("kind", "n", "shown"),
    [("quartile", 12, False), ("quartile", 13, True), ("sd", 24, False), ("sd", 25, True)],
)
def test_quartiles_and_sd_need_more_women(of_numbers, mean, kind, n, shown):
    released = release(of_numbers(mean("b.x.s", 1.25, n, kind)), STANDARD)
    assert released.number("b.x.s").shown is shown


def test_what_is_shown_does_not_tell_numbers_apart_that_print_alike(of_numbers, mean):
    """An SD shown at 26 and withheld at 24 would tell 26 from 24, which strict prints alike."""
    for kind in ("sd", "quartile", "mean"):
        shown = {}
        for n in range(1, 60):
            released = release(of_numbers(mean("b.x.s", 1.25, n, kind)), policy("strict"))
            shown.setdefault(policy("strict").rounded(n), set()).add(released.number("b.x.s").shown)
        assert all(len(seen) == 1 for seen in shown.values())


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
