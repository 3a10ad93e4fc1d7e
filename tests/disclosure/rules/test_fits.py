import math
from dataclasses import replace

import pytest

from peerstats.disclosure import policy, release


def test_a_record_of_a_fit_holds_no_fingerprint(model):
    fit = release(model(((60, 20), (50, 30))), policy("standard")).fits["m1"]
    assert fit.nobs == 108  # 112 women print as 111, less the 3 left out
    assert fit.dropped == (("other", 3),)
    assert math.isnan(fit.loglik)
    assert (fit.gradient, fit.min_eigenvalue) == (0.0001, 3.0)
    assert fit.messages == ("A second start was used.",)
    assert fit.groups == (("site", 7),)
    assert fit.formula == "y ~ x + age + (1 | site)"


def seen(model, nobs, dropped):
    """The printed sizes of a model of one measurement, of `nobs` women."""
    exact = model(((60, 20), (50, 30)))
    block = exact.blocks["m1"]
    numbers = dict(exact.numbers)
    numbers["m1.n"] = replace(numbers["m1.n"], value=float(nobs), basis=nobs, parts=())
    fit = replace(exact.fits["m1"], nobs=nobs, dropped=dropped)
    results = replace(
        exact,
        numbers=numbers,
        blocks={"m1": replace(block, terms=block.terms[1:])},
        fits={"m1": fit},
    )
    released = release(results, policy("standard"))
    return released.number("m1.n").printed, released.fits["m1"].nobs, released.fits["m1"].dropped


@pytest.mark.parametrize("women", [127, 128, 132])
def test_one_refusal_does_not_follow_from_the_number_of_women(model, women):
    """Of 128 women 127 print as 129 on their own, and no other number of refusals does."""
    alike = {}
    for refused in range(1, 7):
        alike.setdefault(seen(model, women - refused, (("age .r", refused),)), []).append(refused)
    assert list(alike.values()) == [[1, 2, 3, 4, 5, 6]]


def test_reasons_of_few_women_are_one_reason(model):
    dropped = (("age .r", 2), ("x .d", 3), ("y .r", 20))
    printed, nobs, left_out = seen(model, 100, dropped)
    assert left_out == (("y .r", 21), ("other", 3))
    assert nobs == 123 - 24
    assert printed == "99"
