from typing import get_args

import numpy as np
import pandas as pd
import pytest

from peerstats.effects import EFFECTS, headline
from peerstats.inference.rule import infer
from peerstats.inference.scale import EstimateScale
from peerstats.model.families import FAMILIES, find_family
from peerstats.model.fit import fit
from peerstats.results.number import Scale

ALL_LINKS = [(family, link) for family, (_, links) in FAMILIES.items() for link in links]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(2)
    site = np.repeat(np.arange(8), 40)
    x = rng.integers(0, 2, 320)
    lift = np.linspace(-0.7, 0.7, 8)[site]
    waited = np.digitize(np.exp(rng.normal(size=320) + 2 * lift), [1, 3, 6])
    return pd.DataFrame(
        {
            "binomial": (rng.random(320) < 0.3 + 0.1 * x + 0.15 * lift).astype(int),
            "gaussian": rng.normal(size=320) + lift + 0.5 * x,
            "poisson": rng.poisson(np.exp(0.3 + 0.3 * x + lift)),
            "negative_binomial": rng.poisson(np.exp(0.5 + 0.3 * x + lift) * rng.gamma(2, 0.5, 320)),
            "level": np.digitize(rng.logistic(size=320) + lift + 0.5 * x, [-1, 1]),
            "low": np.array([0, 1, 3, 6])[waited],
            "high": np.array([1, 3, 6, np.inf])[waited],
            "none": 6 - rng.binomial(5, 0.4, 320),
            "x": x,
            "site_id": [f"s{k}" for k in site],
        }
    )


OUTCOMES = {
    "binomial": "binomial",
    "gaussian": "gaussian",
    "poisson": "poisson",
    "beta_binomial": "cbind(poisson, none)",
    "cumulative_logit": "level",
    "cumulative_probit": "level",
    "interval_censored": "cbind(low, high)",
}


def test_every_scale_can_be_printed():
    assert set(get_args(EstimateScale)) <= set(get_args(Scale))
    assert {effect.scale for effect in EFFECTS.values()} <= set(get_args(EstimateScale))


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=lambda e: e.name)
@pytest.mark.parametrize(("family", "link"), ALL_LINKS)
def test_an_effect_measures_or_says_why_not(effect, family, link, data):
    reason = effect.why_not(find_family(family, link))
    if reason is not None:
        assert len(reason) > 20
        return
    outcome = OUTCOMES.get(family, "negative_binomial")
    fitted = fit(f"{outcome} ~ x + (1 | site_id)", data, family=family, link=link)
    estimates = infer(fitted, rule="wald_between_within")  # which answers for every family
    rows = effect.measure(fitted, estimates).rows()
    coefficients = ["x"] if family.startswith("cumulative") else ["Intercept", "x"]
    expected = coefficients if effect.of == "coefficient" else ["site_id"]
    assert [row.term for row in rows] == expected
    for row in rows:
        assert row.scale == effect.scale
        assert row.conf_low <= row.estimate <= row.conf_high


@pytest.mark.parametrize(
    ("family", "link", "name"),
    [
        ("binomial", "logit", "odds_ratio"),
        ("binomial", "log", "prevalence_ratio"),
        ("poisson", "log", "rate_ratio"),
        ("gaussian", "identity", "mean_difference"),
        ("binomial", "probit", None),
    ],
)
def test_the_headline_measure_follows_from_the_family(family, link, name):
    effect = headline(find_family(family, link))
    assert (effect.name if effect else None) == name


def test_a_ratio_keeps_its_test_and_moves_its_interval(contraception):
    _, estimates = contraception
    before, after = estimates.row("urban[T.Y]"), EFFECTS["odds_ratio"].measure(*contraception)
    ratio = after.row("urban[T.Y]")
    assert ratio.estimate == pytest.approx(np.exp(before.estimate))
    assert ratio.std_error == pytest.approx(np.exp(before.estimate) * before.std_error)
    assert ratio.conf_low == pytest.approx(np.exp(before.conf_low))
    assert (ratio.p_value, ratio.statistic, ratio.df) == (
        before.p_value,
        before.statistic,
        before.df,
    )
