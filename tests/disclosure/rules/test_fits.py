import math

from peerstats.disclosure import policy, release


def test_a_record_of_a_fit_holds_no_fingerprint(model):
    fit = release(model(((60, 20), (50, 30))), policy("standard")).fits["m1"]
    assert fit.nobs == 111
    assert fit.dropped == (("age .r", 3),)
    assert math.isnan(fit.loglik)
    assert (fit.gradient, fit.min_eigenvalue) == (0.0001, 3.0)
    assert "one row" not in " ".join(fit.messages)
    assert fit.messages[1] == "A second start was used."
    assert fit.groups == (("site", 7),)
    assert fit.formula == "y ~ x + age + (1 | site)"
