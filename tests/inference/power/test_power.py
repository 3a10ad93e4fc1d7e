"""Planned studies: layouts, truths and power, against what is known in closed form."""

import math

import numpy as np
import pytest
from scipy import stats

from peerstats.inference.power.planned import conditional_effect, deviations, draw, planned
from peerstats.inference.power.scores import analyse
from peerstats.inference.power.simulate import simulate_power
from peerstats.spec.power import PowerPlan, risks


def plan_of(level: str = "within", *, seed: int = 1, **changes: object) -> PowerPlan:
    given = {
        "title": "A plan",
        "seed": seed,
        "replicates": 200,
        "design": {"sites": [4, 10], "venues_per_site": 2, "women_per_venue": [20]},
        "outcome": {"prevalence": 0.4, "icc_site": 0.05, "icc_venue": 0.02},
        "exposure": {"prevalence": 0.5, "level": level},
        "effect": {"values": [1.6]},
    }
    return PowerPlan.model_validate({**given, **changes})


@pytest.mark.parametrize(("level", "df"), [("within", math.inf), ("venue", 3.0), ("site", 2.0)])
def test_exposed_women_venues_or_sites_are_spread_evenly(level: str, df: float):
    study = planned(plan_of(level), 4, 20)
    assert study.n.shape == (4, 2, 2)
    assert study.n.sum(axis=2).tolist() == [[20, 20]] * 4
    assert study.n[..., 1].sum() == 80
    whole = np.isin(study.n[..., 1], (0, 20)).all()
    assert whole == (level != "within")
    assert study.df == df


def test_outcomes_have_the_planned_risks_and_clustering():
    plan = plan_of()
    study = planned(plan, 10, 20)
    yes = draw(study, 1.6, np.random.default_rng(5), 4000)
    risk = yes.sum(axis=(0, 1)).mean(axis=-1) / study.n.sum(axis=(0, 1))
    assert risk == pytest.approx(risks(plan, 1.6), abs=0.01)
    of_site, of_venue = deviations(plan)
    total = of_site**2 + of_venue**2 + math.pi**2 / 3
    assert of_site**2 / total == pytest.approx(0.05)
    assert of_venue**2 / total == pytest.approx(0.02)


def test_power_without_clusters_is_that_of_two_proportions():
    plan = plan_of(outcome={"prevalence": 0.4, "icc_site": 0.0}, design={
        "sites": [5], "women_per_venue": [60]}, replicates=1000)  # fmt: skip
    (row,) = simulate_power(plan, jobs=1, backend="sequential")
    low, high = risks(plan, 1.6)
    error = math.sqrt((low * (1 - low) + high * (1 - high)) / 150)
    expected = stats.norm.cdf((high - low) / error - 1.96)
    assert row.found[0].power == pytest.approx(expected, abs=0.04)
    assert row.type1 == pytest.approx(0.05, abs=0.02)


def test_an_exposure_of_three_sites_cannot_be_tested():
    plan = plan_of("site", design={"sites": [3, 12], "women_per_venue": [40]})
    few, many = simulate_power(plan, jobs=1, backend="sequential")
    assert few.reason == "cannot be tested: 1 df for a site-level exposure"
    assert math.isnan(few.found[0].power)
    assert math.isnan(few.smallest)
    assert few.found[0].fold > many.found[0].fold > 1
    assert not many.reason
    assert many.type1 == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("level", ["within", "venue", "site"])
def test_more_sites_find_smaller_effects(level: str):
    few, many = simulate_power(
        plan_of(level, design={"sites": [6, 20], "venues_per_site": 2, "women_per_venue": [20]}),
        jobs=1,
        backend="sequential",
    )
    assert many.found[0].power > few.found[0].power
    assert 1 < many.smallest < few.smallest


def test_protective_effects_are_searched_below_one():
    plan = plan_of(effect={"values": [0.6]})
    rows = simulate_power(plan, jobs=1, backend="sequential")
    assert 0.5 < rows[1].smallest < 0.9


def test_numbers_depend_on_the_seed_and_not_on_the_jobs():
    one = simulate_power(plan_of(), jobs=1, backend="sequential")
    two = simulate_power(plan_of(), jobs=2, backend="threading")
    other = simulate_power(plan_of(seed=2), jobs=1, backend="sequential")
    assert repr(one) == repr(two) != repr(other)


def test_the_estimate_is_that_of_one_pair_of_sites():
    study = planned(plan_of("site", design={"sites": [4], "women_per_venue": [50]}), 4, 50)
    yes = draw(study, 1.6, np.random.default_rng(1), 3)
    estimate, p, width = analyse(study, yes)
    events, n = yes.sum(axis=(1, 2)), study.n.sum(axis=(1, 2))
    odds = np.log((events + 0.5) / (n[:, None] - events + 0.5))
    exposed = study.n[:, 0, 1] > 0
    for r in range(3):
        known = stats.ttest_ind(odds[exposed, r], odds[~exposed, r])
        assert p[r] == pytest.approx(known.pvalue)
        # What the half counts take from differences between sites (of 200 women, little).
        back = estimate[r] / (odds[exposed, r].mean() - odds[~exposed, r].mean())
        assert back == pytest.approx(1.0, abs=2e-3)
        ends = known.confidence_interval()
        assert width[r] == pytest.approx(back * (ends.high - ends.low))


def test_the_effect_within_sites_is_larger_than_that_of_all_women():
    plan = plan_of(outcome={"prevalence": 0.4, "icc_site": 0.3})
    low, high = risks(plan, 1.6)
    marginal = math.log(high / (1 - high)) - math.log(low / (1 - low))
    assert conditional_effect(planned(plan, 4, 20), 1.6) > marginal
