import numpy as np
import pytest

from peerstats.inference.rule import infer
from peerstats.model.fit import fit

SITES, EACH = 6, 40


@pytest.fixture
def women():
    """Return a function from the values of six sites to a study with that site-level covariate."""
    rng = np.random.default_rng(8)
    site = np.repeat(np.arange(SITES), EACH)

    def made(values):
        y = rng.integers(0, 2, SITES * EACH)
        return {"site": site, "x": rng.normal(size=len(site)), "z": np.take(values, site), "y": y}

    return made


def on_one_site(data, term, formula="y ~ x + z + (1 | site)"):
    found = infer(fit(formula, data, family="binomial")).remarks
    return [r.sentence for r in found if r.about == term and "stands on one site" in r.sentence]


def test_a_country_with_a_single_site_is_told(women):
    (sentence,) = on_one_site(women([1, 1, 1, 1, 1, 0]), "z")
    assert "whatever else is special about that site" in sentence


@pytest.mark.parametrize("values", [[1, 1, 1, 1, 0, 0], [0.1, 0.4, 0.2, 0.9, 0.3, 0.7]])
def test_values_that_several_sites_have_or_order_are_not(women, values):
    assert not on_one_site(women(values), "z")


def test_what_varies_within_sites_is_not(women):
    assert not on_one_site(women([1, 1, 1, 1, 1, 0]), "x")


def test_a_reference_that_one_site_has_touches_every_level(women):
    data = women(["a", "b", "b", "c", "c", "c"])
    assert on_one_site(data, "z[T.b]")
    assert on_one_site(data, "z[T.c]")


def test_venues_compared_by_two_stages_are_those_of_the_same_site():
    rng = np.random.default_rng(5)
    venue = np.repeat(np.arange(20), 12)
    site = venue // 4
    street = (rng.random(20) < 0.2 + 0.15 * (np.arange(20) // 4))[venue].astype(float)
    data = {"site": site, "venue": venue, "street": street, "y": rng.integers(0, 2, len(venue))}
    fitted = fit("y ~ street + (1 | site/venue)", data, family="binomial")
    found = infer(fitted, rule="two_stage")
    assert found.row("street").method.startswith("two stages")
    told = [r.sentence for r in found.remarks if r.about == "street"]
    assert any("the estimate is that within sites" in sentence for sentence in told)
    assert not any("mixes" in sentence for sentence in told)
