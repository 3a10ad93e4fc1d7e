"""Likelihood-ratio tests against lme4's anova and known mixtures."""

from __future__ import annotations

import pytest
from scipy.stats import chi2

import peerstats as ps
from peerstats.errors import ModelError
from peerstats.model.fit import fit

RANDOM = "cbind(incidence, noninc) ~ {} + (1 | herd)"


def test_fixed_effects_are_tested_as_in_lme4(herds, inference, public_data):
    smaller = fit(RANDOM.format(1), public_data("cbpp"))
    found, wanted = ps.anova(smaller, herds), inference["tests"]["cbpp"]
    assert found.df == wanted["df"]
    assert found.statistic == pytest.approx(wanted["chisq"], abs=1e-3)
    assert found.p_value == pytest.approx(wanted["p"], rel=1e-3)
    assert found.remarks == ()
    assert ps.anova(herds, smaller).statistic == found.statistic
    assert "chi2 = 25.61, df = 3, p < 0.001" in str(found)
    assert "<table" in found._repr_html_()


def test_a_slope_s_variance_is_at_the_edge(inference, public_data):
    data, wanted = public_data("sleepstudy"), inference["tests"]["sleepstudy"]
    small = fit("Reaction ~ Days + (1 | Subject)", data, family="gaussian")
    large = fit("Reaction ~ Days + (Days | Subject)", data, family="gaussian")
    found = ps.anova(small, large)
    assert found.df == wanted["df"] == 2
    assert found.statistic == pytest.approx(wanted["chisq"], abs=1e-4)
    assert found.p_chi2 == pytest.approx(wanted["p"], rel=1e-4)
    half = 0.5 * (chi2.sf(found.statistic, 1) + chi2.sf(found.statistic, 2))
    assert found.p_value == pytest.approx(half)
    assert "equal mixture of chi2(1) and chi2(2)" in found.remarks[0]


def test_one_variance_halves_the_p_value(herds, public_data):
    plain = fit("cbind(incidence, noninc) ~ period", public_data("cbpp"))
    found = ps.anova(plain, herds)
    assert found.df == 1
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1) / 2)


@pytest.mark.parametrize(
    ("formula", "options", "reason"),
    [
        ("cbind(incidence, size) ~ period + (1 | herd)", {}, "different outcomes"),
        ("cbind(incidence, noninc) ~ size + (1 | herd)", {}, "Neither model contains"),
        (RANDOM.format("period"), {}, "same parameters"),
        (RANDOM.format("1"), {"link": "probit"}, "families differ"),
        (RANDOM.format("1"), {"method": "agq"}, "approximate the likelihood differently"),
    ],
)
def test_models_that_do_not_compare_are_refused(formula, options, reason, herds, public_data):
    with pytest.raises(ModelError, match=reason):
        ps.anova(fit(formula, public_data("cbpp"), **options), herds)


def test_other_rows_are_refused(herds, public_data):
    with pytest.raises(ModelError, match=r"different rows \(50 and 56\)"):
        ps.anova(fit(RANDOM.format(1), public_data("cbpp").iloc[:50]), herds)


def test_reml_does_not_compare_fixed_parts(sleep, public_data):
    data = public_data("sleepstudy")
    less = fit("Reaction ~ 1 + (Days | Subject)", data, family="gaussian", reml=True)
    with pytest.raises(ModelError, match="REML likelihoods of different fixed parts"):
        ps.anova(less, sleep)
    ml = fit("Reaction ~ 1 + (Days | Subject)", data, family="gaussian")
    with pytest.raises(ModelError, match="use reml=False for both"):
        ps.anova(ml, sleep)
    narrow = fit("Reaction ~ Days + (1 | Subject)", data, family="gaussian", reml=True)
    assert ps.anova(narrow, sleep).df == 2
