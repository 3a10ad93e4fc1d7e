"""Every family and link: derivatives against differences, constants against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from peerstats.errors import UsageError
from peerstats.model.families import FAMILIES, Family, find_family

# Families with parameters of their own are in test_auxiliary_families.py.
CASES = [
    (name, link)
    for name, (_, links) in FAMILIES.items()
    for link in links
    if not find_family(name, link).auxiliary
]


def rows(family: Family) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    top = -0.05 if (family.name, family.link) == ("binomial", "log") else 4.0
    eta = np.linspace(-4.0, top, 40)
    y = {"binomial": rng.integers(0, 4, 40) / 3, "poisson": rng.integers(0, 9, 40)}
    return y.get(family.name, rng.normal(size=40)).astype(float), eta, rng.uniform(0.5, 3, 40)


@pytest.mark.parametrize(("name", "link"), CASES)
def test_derivatives_are_those_of_the_likelihood(name: str, link: str) -> None:
    family = find_family(name, link)
    y, eta, m = rows(family)
    h = 1e-5
    _, r, w = family.slopes(y, eta, m)
    up, down = family.slopes(y, eta + h, m), family.slopes(y, eta - h, m)
    np.testing.assert_allclose(r, (up[0] - down[0]) / (2 * h), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(w, -(up[1] - down[1]) / (2 * h), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        family.third(y, eta, m), (up[2] - down[2]) / (2 * h), rtol=1e-6, atol=1e-6
    )
    if family.higher is not None:
        third, fourth = family.higher(y, eta, m, r, w)
        np.testing.assert_allclose(third, family.third(y, eta, m), rtol=1e-9, atol=1e-14)
        above, below = family.third(y, eta + h, m), family.third(y, eta - h, m)
        np.testing.assert_allclose(fourth, (above - below) / (2 * h), rtol=1e-6, atol=1e-6)
    assert np.all(w >= 0)  # concave, so Newton ends


@pytest.mark.parametrize(("name", "link"), CASES)
def test_tails_stay_finite(name: str, link: str) -> None:
    family = find_family(name, link)
    top = -1e-9 if (name, link) == ("binomial", "log") else 800.0
    eta = np.array([-800.0, -40.0, top])
    for y in (0.0, 1.0):
        outcome, m = np.full(3, y), np.ones(3)
        for part in (*family.slopes(outcome, eta, m)[1:], family.third(outcome, eta, m)):
            assert np.isfinite(part).all()


def test_a_complementary_log_log_goes_on_falling_where_a_no_is_next_to_impossible() -> None:
    eta = np.array([6.0, 7.0, 9.0, 20.0])
    kernel, r, w = find_family("binomial", "cloglog").slopes(np.zeros(4), eta, np.ones(4))
    for part, sign in ((kernel, -1.0), (r, -1.0), (w, 1.0)):
        np.testing.assert_allclose(part, sign * np.exp(eta), rtol=1e-12)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "log"])
def test_binomial_likelihood_has_its_constants(link: str) -> None:
    family = find_family("binomial", link)
    eta, trials = np.array([-2.0, -1.0, -0.3]), np.array([4.0, 9.0, 1.0])
    successes = np.array([1, 4, 1])
    truth = stats.binom.logpmf(successes, trials, family.inverse(eta)).sum()
    assert family.loglik(successes / trials, eta, trials=trials) == pytest.approx(truth, rel=1e-12)


def test_poisson_and_gaussian_likelihoods_have_their_constants() -> None:
    eta, y = np.array([-0.2, 0.5, 1.7]), np.array([0.0, 3.0, 4.0])
    weights = np.array([1.0, 2.0, 1.0])
    truth = (weights * stats.poisson.logpmf(y, np.exp(eta))).sum()
    assert find_family("poisson").loglik(y, eta, weights) == pytest.approx(truth, rel=1e-12)
    truth = stats.norm.logpdf(y, eta).sum()
    assert find_family("gaussian").loglik(y, eta) == pytest.approx(truth, rel=1e-12)


def test_latent_variances() -> None:
    wanted = {"logit": np.pi**2 / 3, "probit": 1.0, "cloglog": np.pi**2 / 6, "log": None}
    assert {k: find_family("binomial", k).latent_variance for k in wanted} == wanted


@pytest.mark.parametrize(("name", "link"), CASES)
def test_start_lies_inside_the_range_of_the_link(name: str, link: str) -> None:
    family = find_family(name, link)
    y, _, m = rows(family)
    assert np.isfinite(family.slopes(y, family.start(y, m), m)[0]).all()


def test_outcome_checks_name_the_codes_without_values() -> None:
    assert find_family("binomial").check(np.array([0.0, 1.0])) is None
    assert "coded 0 and 1" in str(find_family("binomial").check(np.array([1.0, 2.0])))
    assert "counts" in str(find_family("poisson").check(np.array([0.5])))
    assert "counts" in str(find_family("poisson").check(np.array([-9.0])))


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'binomial'"):
        find_family("binomal")
    with pytest.raises(UsageError, match="Did you mean 'probit'"):
        find_family("binomial", "probt")
    with pytest.raises(UsageError, match="already has the link"):
        find_family(find_family("poisson"), "sqrt")
