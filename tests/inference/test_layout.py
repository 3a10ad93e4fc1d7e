import numpy as np
import pandas as pd
import pytest

from peerstats.inference.layout import factor_noun, layout, random_intercepts
from peerstats.model.fit import fit


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    site = np.repeat(np.arange(6), 60)
    venue = np.repeat(np.arange(36), 10)
    interviewer = rng.integers(0, 8, 360)
    eta = np.linspace(-1, 1, 6)[site] + 0.8 * rng.normal(size=36)[venue]
    eta = eta + 0.8 * rng.normal(size=8)[interviewer]
    return pd.DataFrame(
        {
            "y": (rng.random(360) < 1 / (1 + np.exp(-eta))).astype(int),
            "x": rng.integers(0, 2, 360),
            "site_id": [f"s{k}" for k in site],
            "venue_id": [f"v{k}" for k in venue],
            "interviewer": [f"i{k}" for k in interviewer],
        }
    )


def levels(fitted, sites=None):
    return [(v.name, v.count, v.random) for v in layout(fitted, sites).levels]


def test_nested_factors_run_from_the_outside_in(data):
    fitted = fit("y ~ x + (1 | venue_id) + (1 | site_id)", data)
    assert levels(fitted) == [("site_id", 6, True), ("venue_id", 36, True)]


def test_a_factor_that_crosses_the_sites_is_no_level(data):
    fitted = fit("y ~ x + (1 | site_id) + (1 | interviewer)", data)
    assert levels(fitted, "site_id") == [("site_id", 6, True)]


def test_sites_that_the_model_leaves_out_are_a_level_without_an_effect(data):
    fitted = fit("y ~ x + (1 | venue_id)", data)
    assert levels(fitted, data["site_id"]) == [("site_id", 6, False), ("venue_id", 36, True)]
    assert levels(fitted) == [("venue_id", 36, True)]


def test_the_sites_may_come_under_another_name_than_the_factor(data):
    fitted = fit("y ~ x + (1 | site_id)", data)
    assert levels(fitted, data["site_id"].rename("town")) == [("town", 6, True)]


def test_sites_follow_the_rows_that_were_used(data):
    holes = data.assign(x=data["x"].where(data.index >= 60))  # the first site has no x
    fitted = fit("y ~ x + (1 | site_id)", holes)
    assert levels(fitted, holes["site_id"]) == [("site_id", 5, True)]


def test_no_clusters_no_levels(data):
    fitted = fit("y ~ x", data)
    assert levels(fitted) == []
    assert random_intercepts(fitted) == ()


@pytest.mark.parametrize(
    ("factor", "noun"),
    [("site_id", "site"), ("site_id:venue_id", "venue"), ("health_post", "health post")],
)
def test_a_factor_is_spoken_of_by_its_group(factor, noun):
    assert factor_noun(factor) == noun
