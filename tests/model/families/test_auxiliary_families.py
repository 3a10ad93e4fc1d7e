"""Families with parameters of their own: derivatives, constants, limits and reference fits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from peerstats.errors import DataError, ModelError
from peerstats.model.families import FAMILIES, Family, find_family

HERE = Path(__file__).parent
REFERENCE = json.loads((HERE / "families.json").read_text(encoding="utf-8"))
NAMES = [name for name in FAMILIES if find_family(name).auxiliary]
INTERVALS = ((0.0, 1.0), (1.0, 6.0), (2.0, 2.001), (5.0, 5.0), (6.0, np.inf), (0.2, 100.0))
N = 40


def family_of(name: str, levels: int = 4) -> Family:
    family = find_family(name)
    if family.for_outcome is None:
        return family
    known = INTERVALS if family.outcome == "interval" else tuple(range(levels))
    return family.for_outcome(known)


def outcome_of(family: Family, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and weights."""
    if family.outcome == "levels":
        return rng.integers(0, len(family.auxiliary) + 1, N).astype(float), rng.uniform(0.5, 3, N)
    if family.outcome == "interval":
        return rng.integers(0, len(INTERVALS), N).astype(float), rng.uniform(0.5, 3, N)
    if family.has_trials:
        trials = rng.integers(1, 15, N).astype(float)
        return rng.integers(0, trials + 1) / trials, trials
    return (rng.integers(0, 12, N) * rng.integers(0, 2, N)).astype(float), rng.uniform(0.5, 3, N)


def close(analytic: np.ndarray, up: np.ndarray, down: np.ndarray, h: float) -> None:
    """Central differences are good to about 1e-7 of the size of what is differenced."""
    size = 1.0 + np.abs(analytic) + 1e-2 * np.abs(up)
    assert np.max(np.abs(analytic - (up - down) / (2 * h)) / size) < 1e-6


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), own=st.floats(-2.5, 8.0), spread=st.floats(0.1, 3.0))
def test_derivatives_are_those_of_the_likelihood(
    name: str, seed: int, own: float, spread: float
) -> None:
    rng = np.random.default_rng(seed)
    family = family_of(name)
    y, m = outcome_of(family, rng)
    eta, k = spread * rng.normal(size=N), len(family.auxiliary)
    if family.outcome != "number":
        own = min(own, 1.5)
    psi = own + 0.3 * rng.normal(size=(N, k))
    if "zero" in family.auxiliary or family.outcome == "levels":
        psi[:, -1] = rng.normal(size=N)
    h = 1e-5
    fixed = family.at(psi)
    _, r, w = fixed.slopes(y, eta, m)
    up, down = fixed.slopes(y, eta + h, m), fixed.slopes(y, eta - h, m)
    for analytic, above, below in zip(
        (r, -w, fixed.third(y, eta, m)), up[:1] + up[1:], down, strict=True
    ):
        close(analytic, above, below, h)
    slopes = family.auxiliary_slopes(y, eta, m, psi)
    for j in range(k):
        step = np.zeros_like(psi)
        step[:, j] = h
        above, below = (
            family.at(psi + step).slopes(y, eta, m),
            family.at(psi - step).slopes(y, eta, m),
        )
        for analytic, one, two in zip(slopes, above, below, strict=True):
            close(analytic[:, j], one, two, h)


def test_second_derivatives_of_nb2() -> None:
    rng = np.random.default_rng(3)
    family, h = find_family("negative_binomial"), 1e-5
    y, m = outcome_of(family, rng)
    eta, psi = rng.normal(size=N), 0.5 * rng.normal(size=(N, 1))
    bend, seconds = family.auxiliary_second(y, eta, m, psi)
    up, down = (family.auxiliary_slopes(y, eta, m, psi + d) for d in (h, -h))
    for analytic, above, below in zip(seconds, up, down, strict=True):
        close(analytic[..., 0], above, below, h)
    up, down = (family.at(psi + d).third(y, eta, m) for d in (h, -h))
    close(bend[:, 0], up, down, h)
    fixed = family.at(psi)
    third, fourth = fixed.higher(y, eta, m, *fixed.slopes(y, eta, m)[1:])
    np.testing.assert_allclose(third, fixed.third(y, eta, m), rtol=1e-9)
    close(fourth, fixed.third(y, eta + h, m), fixed.third(y, eta - h, m), h)


@pytest.mark.parametrize("name", NAMES)
def test_one_row_of_parameters_serves_all_rows_and_nodes(name: str) -> None:
    rng = np.random.default_rng(1)
    family = family_of(name)
    y, m = outcome_of(family, rng)
    eta, psi = rng.normal(size=(5, N)), 0.3 * rng.normal(size=(1, len(family.auxiliary)))
    wide = family.at(psi).slopes(y, eta, m)
    more = family.auxiliary_slopes(y, eta, m, psi)
    for q in range(5):
        rows = np.repeat(psi, N, axis=0)
        for one, two in zip(family.at(rows).slopes(y, eta[q], m), wide, strict=True):
            np.testing.assert_allclose(one, two[q], rtol=1e-12)
        for one, two in zip(family.auxiliary_slopes(y, eta[q], m, rows), more, strict=True):
            np.testing.assert_allclose(one, np.broadcast_to(two, (5, N, psi.shape[1]))[q])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("own", [-30.0, 0.0, 30.0])
def test_tails_stay_finite(name: str, own: float) -> None:
    family = family_of(name)
    eta = np.array([-800.0, -40.0, 0.0, 40.0, 800.0])
    psi = np.full((1, len(family.auxiliary)), own)
    for code in (0.0, 1.0, 3.0):
        m = np.ones(5)
        y = np.full(5, min(code, 1.0) if family.has_trials else code)
        fixed = family.at(psi)
        parts = [*fixed.slopes(y, eta, m)[1:], fixed.third(y, eta, m)]
        parts += family.auxiliary_slopes(y, eta, m, psi)
        assert all(np.isfinite(part).all() for part in parts)


@pytest.mark.parametrize("name", [n for n in NAMES if find_family(n).outcome == "number"])
def test_probabilities_sum_to_one_and_have_the_mean(name: str) -> None:
    family = find_family(name)
    k = len(family.auxiliary)
    fixed = family.at(np.full((1, k), 0.4))
    top = 12 if family.has_trials else 900
    eta, counts = np.full(top + 1, 0.7), np.arange(top + 1.0)
    trials = np.full(top + 1, float(top)) if family.has_trials else np.ones(top + 1)
    y = counts / trials
    m = trials
    p = np.exp(fixed.slopes(y, eta, m)[0] + fixed.constant(y, np.ones(top + 1), trials))
    assert p.sum() == pytest.approx(1.0, abs=1e-10)
    mean = float(p @ y)
    assert mean == pytest.approx(np.ravel(fixed.inverse(eta[:1]))[0], rel=1e-10)
    below, upto = fixed.bounds(y[:10], eta[:10], trials[:10], 1.0)
    np.testing.assert_allclose(upto, np.cumsum(p)[:10], rtol=1e-9)
    np.testing.assert_allclose(upto - below, p[:10], rtol=1e-9)
    variance = float(p @ (y - mean) ** 2)
    wanted = np.ravel(fixed.variance(np.array([mean])))[0]
    if fixed.inflation is not None:
        wanted = np.ravel(wanted * fixed.inflation(trials[:1]) / trials[:1])[0]
    assert variance == pytest.approx(wanted, rel=1e-8)
    size = 4_000
    rows = np.full(size, 0.7)
    drawn = fixed.draw(np.random.default_rng(3), rows, np.full(size, trials[0]), 1.0)
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / size))


def test_negative_binomials_are_those_of_scipy() -> None:
    y, eta = np.array([0.0, 1.0, 4.0, 30.0]), np.array([-1.0, 0.3, 2.0, 1.0])
    mu, theta, alpha = np.exp(eta), 1.7, 0.6
    nb2 = find_family("negative_binomial").at(np.log([[theta]]))
    truth = stats.nbinom.logpmf(y, theta, theta / (theta + mu)).sum()
    assert nb2.loglik(y, eta) == pytest.approx(truth, rel=1e-12)
    nb1 = find_family("negative_binomial1").at(np.log([[alpha]]))
    truth = stats.nbinom.logpmf(y, mu / alpha, 1 / (1 + alpha)).sum()
    assert nb1.loglik(y, eta) == pytest.approx(truth, rel=1e-12)


def test_beta_binomial_is_that_of_scipy() -> None:
    successes, trials = np.array([0.0, 3.0, 9.0]), np.array([4.0, 9.0, 9.0])
    eta, phi = np.array([-1.0, 0.2, 1.5]), 2.5
    family = find_family("beta_binomial").at(np.log([[phi]]))
    mu = family.inverse(eta)
    truth = stats.betabinom.logpmf(successes, trials, phi * mu, phi * (1 - mu)).sum()
    assert family.loglik(successes / trials, eta, trials=trials) == pytest.approx(truth, rel=1e-12)


def test_beta_binomial_takes_no_weights() -> None:
    family, one = find_family("beta_binomial"), np.ones(2)
    with pytest.raises(DataError, match="Repeat the rows"):
        family.constant(one, 2 * one, one)


@pytest.mark.parametrize(
    ("name", "limit", "sign"),
    [
        ("negative_binomial", "poisson", 1.0),
        ("negative_binomial1", "poisson", -1.0),
        ("beta_binomial", "binomial", 1.0),
    ],
)
@pytest.mark.parametrize("size", [12.0, 20.0, 28.0])
def test_without_overdispersion_the_simple_family_is_left(
    name: str, limit: str, sign: float, size: float
) -> None:
    rng = np.random.default_rng(8)
    family, plain = find_family(name), find_family(limit)
    y, m = outcome_of(family, rng)
    eta, psi = rng.normal(size=N), np.array([[sign * size]])
    allowed = 2e3 * np.exp(-size) + 1e-11
    pairs = zip(family.at(psi).slopes(y, eta, m), plain.slopes(y, eta, m), strict=True)
    for one, two in pairs:
        np.testing.assert_allclose(one, two, atol=allowed)
    np.testing.assert_allclose(
        family.at(psi).third(y, eta, m), plain.third(y, eta, m), atol=allowed
    )
    assert np.abs(family.auxiliary_slopes(y, eta, m, psi)[0]).max() < allowed


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_cumulative_probabilities_are_differences_of_the_distribution(link: str) -> None:
    family = find_family(f"cumulative_{link}").for_outcome(("a", "b", "c", "d"))
    assert family.auxiliary == ("a|b", "b|c", "c|d")
    psi = np.array([[-1.0, 0.1, -0.5]])
    theta, slopes = family.thresholds(psi[0])
    np.testing.assert_allclose(theta, [-1.0, -1.0 + np.exp(0.1), -1.0 + np.exp(0.1) + np.exp(-0.5)])
    for j in range(3):
        step = 1e-6 * np.eye(3)[j]
        change = family.thresholds(psi[0] + step)[0] - family.thresholds(psi[0] - step)[0]
        np.testing.assert_allclose(slopes[:, j], change / 2e-6, atol=1e-8)
    cdf = {"logit": stats.logistic.cdf, "probit": stats.norm.cdf}[link]
    eta = np.array([-3.0, 0.0, 0.4, 7.0])
    wanted = np.diff(cdf(theta - eta[:, None]), axis=1, prepend=0, append=1)
    fixed = family.at(psi)
    np.testing.assert_allclose(fixed.probabilities(eta), wanted, atol=1e-15)
    for level in range(4):
        log_p = fixed.slopes(np.full(4, float(level)), eta, np.ones(4))[0]
        np.testing.assert_allclose(np.exp(log_p), wanted[:, level], rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(fixed.inverse(eta), wanted @ [1, 2, 3, 4])
    drawn = fixed.draw(np.random.default_rng(2), np.zeros(8_000), np.ones(8_000), 1.0)
    np.testing.assert_allclose(np.bincount(drawn.astype(int)) / 8_000, wanted[1], atol=0.02)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_two_levels_are_a_binomial_outcome(link: str) -> None:
    rng = np.random.default_rng(4)
    family, plain = find_family(f"cumulative_{link}"), find_family("binomial", link)
    y, eta, m = rng.integers(0, 2, N).astype(float), rng.normal(size=N), rng.uniform(1, 2, N)
    fixed = family.for_outcome((0, 1)).at(np.array([[0.7]]))
    for one, two in zip(fixed.slopes(y, eta, m), plain.slopes(y, eta - 0.7, m), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-12)


def test_far_levels_of_a_probit_keep_their_digits() -> None:
    fixed = find_family("cumulative_probit").for_outcome((1, 2, 3)).at(np.array([[0.0, 0.0]]))
    for eta in (-30.0, 30.0):
        kernel, r, w = fixed.slopes(np.ones(1), np.array([eta]), np.ones(1))
        lowest = 0.0 if eta < 0 else 1.0
        assert kernel[0] == pytest.approx(stats.norm.logsf(abs(eta) - lowest), abs=1e-3)
        assert abs(r[0]) == pytest.approx(abs(eta) - lowest, rel=5e-3)
        assert w[0] == pytest.approx(1.0, abs=0.01)


def test_intervals_have_the_weibull_probability() -> None:
    family = family_of("interval_censored")
    eta, sigma = 0.5, 1.3
    fixed = family.at(np.log([[sigma]]))
    truth = stats.weibull_min(1 / sigma, scale=np.exp(eta))
    for code, (low, high) in enumerate(INTERVALS):
        wanted = truth.logpdf(low) if low == high else np.log(truth.cdf(high) - truth.cdf(low))
        one = np.array([float(code)])
        found = fixed.slopes(one, np.array([eta]), np.ones(1))[0]
        assert found[0] == pytest.approx(wanted, rel=1e-10)
        below, upto = fixed.bounds(one, np.array([eta]), np.ones(1), 1.0)
        assert (below[0], upto[0]) == pytest.approx((truth.cdf(low), truth.cdf(high)))
    assert fixed.inverse(np.array([eta]))[0] == pytest.approx(truth.mean())


@pytest.mark.parametrize("ends", [((2.0, 1.0),), ((0.0, 0.0),), ((-1.0, 2.0),)])
def test_impossible_intervals_are_refused(ends: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(DataError, match="0 <= low <= high"):
        find_family("interval_censored").for_outcome(ends)


def test_intervals_without_information_are_refused() -> None:
    with pytest.raises(DataError, match="No interval says anything"):
        find_family("interval_censored").for_outcome(((0.0, np.inf),))


def test_one_level_is_refused() -> None:
    with pytest.raises(ModelError, match="one level"):
        find_family("cumulative_logit").for_outcome(("a",))


def maximum(
    family: Family, y: np.ndarray, X: np.ndarray, G: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """β, ψ's coefficients and the log-likelihood; `G` belongs to the last auxiliary predictor."""
    m, p, k = np.ones(len(y)), X.shape[1], len(family.auxiliary)

    def minus(gamma: np.ndarray) -> tuple[float, np.ndarray]:
        own = np.repeat(gamma[None, p : p + k - 1], len(y), axis=0)
        psi = np.column_stack([own, G @ gamma[p + k - 1 :]])
        kernel, r, _ = family.at(psi).slopes(y, X @ gamma[:p], m)
        slopes = family.auxiliary_slopes(y, X @ gamma[:p], m, psi)[0]
        gradient = np.concatenate([X.T @ r, slopes[:, :-1].sum(axis=0), G.T @ slopes[:, -1]])
        return -kernel.sum(), -gradient

    first = family.auxiliary_start(y, m)
    start = np.concatenate([np.zeros(p), first, np.zeros(G.shape[1] - 1)])
    found = optimize.minimize(minus, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    total = float(family.constant(y, m, m).sum()) - found.fun
    return found.x[:p], found.x[p:], total


def salamanders() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = pd.read_csv(HERE.parents[1] / "reference" / "salamanders.csv")
    mined = (data["mined"] == "no").to_numpy(float)
    ones = np.ones(len(data))
    X = np.column_stack([ones, mined, data["cover"]])
    return data["count"].to_numpy(float), X, np.column_stack([ones, mined])


@pytest.mark.parametrize(
    "name",
    [
        "negative_binomial",
        "negative_binomial1",
        "zero_inflated_poisson",
        "zero_inflated_negative_binomial",
        "hurdle_poisson",
        "hurdle_negative_binomial",
    ],
)
def test_maxima_are_those_of_glmmtmb(name: str) -> None:
    y, X, zero = salamanders()
    family, wanted = find_family(name), REFERENCE[name]
    G = zero if "zero" in family.auxiliary else np.ones((len(y), 1))
    beta, gamma, loglik = maximum(family, y, X, G)
    # glmmTMB stops by a relative change of the likelihood; ours may only be higher.
    assert wanted["loglik"] - 1e-7 < loglik < wanted["loglik"] + 1e-5
    np.testing.assert_allclose((beta - wanted["beta"]) / np.array(wanted["se"]), 0, atol=1e-3)
    if family.reported is not None:
        assert family.reported(gamma) == pytest.approx(wanted["sigma"], rel=1e-3)
    if "zero" in family.auxiliary:
        np.testing.assert_allclose(gamma[-2:], wanted["zero"], rtol=1e-3)


@pytest.mark.parametrize("name", ["cumulative_logit", "cumulative_probit"])
def test_maxima_are_those_of_ordinal(name: str) -> None:
    data = pd.read_csv(HERE.parents[1] / "reference" / "wine.csv")
    X = np.column_stack([data["temp"] == "warm", data["contact"] == "yes"]).astype(float)
    y = data["rating"].to_numpy(float) - 1
    family = find_family(name).for_outcome((1, 2, 3, 4, 5))
    beta, gamma, loglik = maximum(family, y, X, np.ones((len(y), 1)))
    found = [*family.thresholds(gamma)[0], *beta]
    assert loglik == pytest.approx(REFERENCE[name]["loglik"], abs=1e-8)
    np.testing.assert_allclose(found, REFERENCE[name]["beta"], atol=1e-5)


def test_the_maximum_is_that_of_survreg() -> None:
    data = pd.read_csv(HERE / "intervals.csv")
    ends, code = np.unique(data[["low", "high"]].to_numpy(), axis=0, return_inverse=True)
    family = find_family("interval_censored").for_outcome(tuple(map(tuple, ends)))
    X = np.column_stack([np.ones(len(data)), data["x"]])
    y = code.reshape(-1).astype(float)
    beta, gamma, loglik = maximum(family, y, X, np.ones((len(y), 1)))
    wanted = REFERENCE["interval_censored"]
    assert loglik == pytest.approx(wanted["loglik"], abs=1e-7)
    np.testing.assert_allclose(beta, wanted["beta"], atol=1e-5)
    assert family.reported(gamma) == pytest.approx(wanted["sigma"], rel=1e-5)


def test_maxima_are_those_of_statsmodels() -> None:
    from statsmodels.discrete.discrete_model import NegativeBinomial
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    y, X, _ = salamanders()
    theirs = NegativeBinomial(y, X).fit(disp=0, method="bfgs", maxiter=500, gtol=1e-8)
    beta, gamma, loglik = maximum(find_family("negative_binomial"), y, X, np.ones((len(y), 1)))
    assert loglik == pytest.approx(theirs.llf, abs=1e-6)
    np.testing.assert_allclose([*beta, np.exp(-gamma[0])], theirs.params, atol=1e-4)
    levels = np.minimum(y, 3.0)
    family = find_family("cumulative_logit").for_outcome((0, 1, 2, 3))
    beta, _, loglik = maximum(family, levels, X[:, 1:], np.ones((len(y), 1)))
    ordered = OrderedModel(levels, X[:, 1:], distr="logit").fit(disp=0, method="bfgs", gtol=1e-8)
    assert loglik == pytest.approx(ordered.llf, abs=1e-6)
    np.testing.assert_allclose(beta, ordered.params[:2], atol=1e-4)
