import json
import math
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from peerstats.inference.lrt import maximum_likelihood
from peerstats.inference.methods import METHODS
from peerstats.inference.ratio import Ratio
from peerstats.model.fit import fit

REFERENCE = Path(__file__).parents[1] / "reference"
WIDTH = 2e-3  # of an interval: lme4 interpolates its profile
FACTORS = ("herd", "period", "Subject")


def test_the_statistic_is_the_gain_of_the_larger_model(make_study, ask):
    data = make_study(6, 30, effect=0.8)
    large = fit("y ~ x + venue_type + (1 | site_id)", data)
    small = fit("y ~ venue_type + (1 | site_id)", data)
    row = ask(large, "lrt", "x")
    gain = 2 * (large.llf - small.llf)
    assert row.statistic**2 == pytest.approx(gain, rel=1e-5)
    assert row.p_value == pytest.approx(stats.chi2.sf(gain, 1), rel=1e-5)
    assert math.copysign(1, row.statistic) == math.copysign(1, row.estimate)
    careful = ask(large, "lrt_between_within", "x")
    assert careful.df == 180 - 6 - 2
    assert careful.p_value == pytest.approx(stats.f.sf(gain, 1, careful.df), rel=1e-5)


def test_an_end_of_the_interval_is_just_not_rejected(make_study, ask):
    data = make_study(8, 25, effect=0.8)
    fitted = fit("y ~ x + country + (1 | site_id)", data)
    for method, critical in (("lrt", stats.norm.ppf(0.975)), ("lrt_between_within", None)):
        row = ask(fitted, method, "country[T.MEX]")
        wanted = critical or stats.t.ppf(0.975, row.df)
        for end in (row.conf_low, row.conf_high):
            shifted = data.assign(shift=end * (data["country"] == "MEX"))
            held = fit("y ~ x + offset(shift) + (1 | site_id)", shifted)
            assert 2 * (fitted.llf - held.llf) == pytest.approx(wanted**2, rel=1e-4)


def test_intervals_are_the_profiles_of_lme4(ask):
    reference = json.loads((REFERENCE / "inference.json").read_text(encoding="utf-8"))["profiles"]
    names = {"(Intercept)": "Intercept"}
    names |= {f"period{k}": f"period[T.{k}]" for k in (2, 3, 4)}
    compared = 0
    for model in reference:
        if model["data"] not in ("cbpp", "sleepstudy") or "(Days" in model["formula"]:
            continue
        data = pd.read_csv(REFERENCE / f"{model['data']}.csv")
        data = data.astype({column: str for column in FACTORS if column in data})
        formula = model["formula"].replace("size - incidence", "noninc")
        fitted = fit(formula, data, family=model["family"])
        for name, low in model["low"].items():
            if (term := names.get(name, name)) not in fitted.params:
                continue
            row, high = ask(fitted, "lrt", term), model["high"][name]
            assert row.conf_low == pytest.approx(low, abs=WIDTH * (high - low))
            assert row.conf_high == pytest.approx(high, abs=WIDTH * (high - low))
            compared += 1
    assert compared == 6


def test_reml_is_left_for_the_comparison(make_study, question):
    fitted = fit("score ~ x + (1 | site_id)", make_study(6, 20), family="gaussian", reml=True)
    again = fit("score ~ x + (1 | site_id)", make_study(6, 20), family="gaussian")
    asked = question(fitted)
    assert maximum_likelihood(asked).loglik == pytest.approx(again.llf)
    assert METHODS["lrt"].estimate(asked, 1).p_value == pytest.approx(
        METHODS["lrt"].estimate(question(again), 1).p_value, rel=1e-6
    )


def test_a_penalised_fit_is_sent_to_its_own_test(make_study, why):
    fitted = fit("y ~ x + (1 | site_id)", make_study(6, 20), penalty=("log_f", "log_tau"))
    assert "use penalised_lrt" in why(fitted, "lrt", "x")


def test_a_ratio_that_jumps_has_no_end():
    ratio = Ratio(zeta=lambda b: b if abs(b) < 3.0 else 50.0 * b, estimate=0.0, std_error=1.0)
    assert ratio.end(1.96) == pytest.approx(1.96)
    assert ratio.end(12.7) == math.inf
    assert ratio.end(-12.7) == -math.inf
