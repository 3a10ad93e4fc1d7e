"""Mundlak's check: the association between sites beside the one within them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.inference.between import checked, with_means
from peerstats.inference.rule import infer
from peerstats.model.fit import fit

FORMULA = "y ~ venue + age + (1 | site_id)"


def study(sites, women, between, seed=3):
    """Sites whose mix of venues goes along with their risk: log odds 0.5 venue + between * mix."""
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(sites), women)
    mix = np.linspace(0.1, 0.9, sites)
    venue = (rng.random(len(site)) < mix[site]).astype(int)
    own = rng.normal(0, 0.3, sites)[site]
    risk = 1 / (1 + np.exp(0.3 - 0.5 * venue - between * (mix[site] - 0.5) - own))
    return pd.DataFrame(
        {
            "y": (rng.random(len(site)) < risk).astype(int),
            "venue": venue,
            "age": rng.normal(30, 5, len(site)),
            "site_id": [f"s{k}" for k in site],
        }
    )


def about(estimates, term):
    return [remark.sentence for remark in estimates.remarks if remark.about == term]


@pytest.fixture(scope="module")
def confounded():
    return study(20, 60, between=3.0)


def test_the_check_is_the_model_with_site_means(confounded, question):
    mean = confounded.groupby("site_id")["venue"].transform("mean")
    asked = question(fit(FORMULA, confounded))
    ours = with_means(asked, [1])
    theirs = fit("y ~ venue + age + mean + (1 | site_id)", confounded.assign(mean=mean))
    np.testing.assert_allclose(
        ours.params.to_numpy(), theirs.params.to_numpy()[[0, 1, 2, 3]], rtol=1e-4
    )
    assert checked(asked) == {1: "different"}  # age does not vary between sites


def test_sites_that_differ_with_the_covariate_are_told(confounded):
    fitted = fit(FORMULA, confounded)
    assert about(infer(fitted), "venue") == [
        "Its association between sites differs from that within sites; the estimate is that "
        "within sites."
    ]
    (mixed,) = about(infer(fitted, rule="wald_between_within"), "venue")
    assert "the estimate mixes both" in mixed


def test_sites_that_differ_by_chance_are_seldom_told(question):
    told = [
        checked(question(fit(FORMULA, study(16, 40, between=0.0, seed=seed)))) for seed in range(20)
    ]
    assert sum(found == {1: "different"} for found in told) <= 4
    assert all(found[1] != "unknown" for found in told)


def test_few_sites_cannot_be_checked_and_it_is_said():
    fitted = fit(FORMULA, study(6, 60, between=3.0))
    assert about(infer(fitted), "venue") == [
        "With 6 sites it cannot be checked whether its association between sites is that within "
        "sites; the estimate is that within sites."
    ]
    assert about(infer(fitted), "age") == []


def test_site_level_covariates_leave_no_sites_for_the_check(confounded, question):
    rng = np.random.default_rng(1)
    names = [f"z{k}" for k in range(17)]
    sites = pd.DataFrame(rng.normal(size=(20, 17)), columns=names)
    sites["site_id"] = [f"s{k}" for k in range(20)]
    data = confounded.merge(sites, on="site_id")
    fitted = fit(f"y ~ venue + {' + '.join(names)} + (1 | site_id)", data)
    assert checked(question(fitted)) == {1: "unknown"}


def test_without_random_sites_there_is_nothing_to_check(confounded, question):
    fitted = fit("y ~ venue + site_id", confounded)
    assert checked(question(fitted, sites=confounded["site_id"])) == {}


def test_few_events_for_each_coefficient_are_told():
    data = study(6, 60, between=0.0)
    data["y"] = ((data["y"] == 1) & (np.arange(len(data)) % 12 == 0)).astype(int)
    (remark,) = [r for r in infer(fit(FORMULA, data)).remarks if r.sort == "sparse"]
    assert remark.sentence.startswith(f"{data['y'].sum()} women have the rarer outcome, fewer than")
    full = infer(fit(FORMULA, study(6, 60, between=0.0)))
    assert not [r for r in full.remarks if r.sort == "sparse"]


@pytest.mark.parametrize(
    ("rule", "formula", "family"),
    [
        ("fe_firth", FORMULA, "binomial"),
        ("site_fixed", FORMULA, "binomial"),
        ("site_fixed_t", "age ~ venue + (1 | site_id)", "gaussian"),
    ],
)
def test_methods_within_sites_are_known_as_such(rule, formula, family):
    data = study(6, 60, between=3.0)
    data["age"] += 3.0 * data["venue"] + np.repeat(np.arange(6), 60)
    found = infer(fit(formula, data, family), rule=rule)
    (sentence,) = about(found, "venue")
    assert sentence.endswith("the estimate is that within sites.")
    (mixed,) = about(infer(fit(formula, data, family), rule="wald_between_within"), "venue")[-1:]
    assert mixed.startswith("The estimate mixes")
