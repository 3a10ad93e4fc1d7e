"""Linear models with one grouping factor: against the general search, differences and balance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerstats.model.design import build_design
from peerstats.model.engines import lmm
from peerstats.model.engines.fixed import prepare
from peerstats.model.engines.grouped import Grouped, Sums
from peerstats.model.engines.grouped_fit import fit_grouped
from peerstats.model.engines.lmm import fit_lmm
from peerstats.model.engines.problem import Problem, make_problem
from peerstats.model.engines.profiled import Linear
from peerstats.model.engines.scoring import entries, inside, inverses, scored
from peerstats.model.families import find_family

RANDOM = ["(1 | g)", "(x | g)", "(x || g)", "(x + z | g)", "(0 + z | g)"]
GAUSSIAN = find_family("gaussian")


def sample(seed: int, size: float = 1.0, groups: int = 15) -> pd.DataFrame:
    """Groups of different sizes whose effects are correlated, for a covariate far from zero."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), rng.integers(4, 12, groups))
    x, z = 3.0 + rng.normal(size=len(g)), rng.normal(size=len(g))
    effects = (
        size * rng.normal(size=(groups, 3)) @ np.array([[1, 0.4, 0], [0, 0.5, 0], [0, 0, 0.6]])
    )
    y = 2.0 + x + (effects[g] * np.column_stack([np.ones(len(g)), x, z])).sum(axis=1)
    weight = rng.integers(1, 4, len(g)).astype(float)
    return pd.DataFrame({"y": y + rng.normal(size=len(g)), "x": x, "z": z, "g": g, "w": weight})


def model(seed: int, random: str, reml: bool, fixed: str = "x + z") -> tuple[Grouped, Problem]:
    data = sample(seed)
    design = build_design(f"y ~ {fixed} + {random}", data, data["w"].to_numpy())
    problem = make_problem(design, GAUSSIAN)
    sums = Sums.of(problem)
    assert sums is not None
    return Grouped.of(problem, sums, reml), problem


def somewhere(grouped: Grouped, seed: int) -> np.ndarray:
    """A γ of a positive definite Γ."""
    rng = np.random.default_rng(seed)
    K = grouped.entries.shape[1]
    root = np.tril(rng.normal(size=(K, K))) + 2.0 * np.eye(K)
    kept = (grouped.entries.sum(axis=0) > 0) * len(grouped.sums.N) * (root @ root.T + np.eye(K))
    places = grouped.flat / grouped.flat.sum(axis=1)[:, None]
    found: np.ndarray = places @ kept.ravel()
    return found


CASES = {
    "seed": st.integers(0, 10_000),
    "random": st.sampled_from(RANDOM),
    "reml": st.booleans(),
    "fixed": st.sampled_from(["x + z", "1", "0"]),
}


@settings(max_examples=12, deadline=None)
@given(**CASES)
def test_values_are_those_of_the_profiled_likelihood(
    seed: int, random: str, reml: bool, fixed: str
) -> None:
    grouped, problem = model(seed, random, reml, fixed)
    at = grouped.at(somewhere(grouped, seed))
    assert at is not None
    back = np.linalg.inv(grouped.sums.turn)
    gamma, theta, start = back @ at.gamma @ back.T, [], 0
    for block in problem.blocks:
        span = slice(start, start + block.size)
        theta.append(np.linalg.cholesky(gamma[span, span])[np.tril_indices(block.size)])
        start += block.size
    known = Linear(problem=problem, reml=reml).at(np.concatenate(theta))
    assert at.value == pytest.approx(known.value, rel=1e-10)
    assert at.r2 == pytest.approx(known.r2, rel=1e-9)


@settings(max_examples=12, deadline=None)
@given(**CASES)
def test_derivatives_are_differences(seed: int, random: str, reml: bool, fixed: str) -> None:
    grouped, _ = model(seed, random, reml, fixed)
    gamma = somewhere(grouped, seed)

    def everything(at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        place = grouped.at(at)
        assert place is not None
        return place.value, *grouped.derivatives(place, grouped.moments(place))

    _, gradient, hessian = everything(gamma)
    h = 1e-3 * len(grouped.sums.N)
    for k, step in enumerate(h * np.eye(len(gamma))):
        up, down = everything(gamma + step), everything(gamma - step)
        far, farther = everything(gamma + 2 * step), everything(gamma - 2 * step)
        slope = (8 * (up[0] - down[0]) - (far[0] - farther[0])) / (12 * h)
        bend = (8 * (up[1] - down[1]) - (far[1] - farther[1])) / (12 * h)
        assert gradient[k] == pytest.approx(slope, abs=1e-7 * np.abs(gradient).max() + 1e-9)
        assert hessian[k] == pytest.approx(bend, abs=1e-6 * np.abs(hessian).max())


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_one_step_of_scoring_solves_balanced_data(seed: int, reml: bool) -> None:
    rng = np.random.default_rng(seed)
    day, g = np.tile(np.arange(8.0), 12), np.repeat(np.arange(12), 8)
    effects = rng.normal(size=(12, 2))
    y = effects[g, 0] + (1 + effects[g, 1]) * day + rng.normal(size=96)
    design = build_design("y ~ day + (day | g)", pd.DataFrame({"y": y, "day": day, "g": g}))
    problem = make_problem(design, GAUSSIAN)
    sums = Sums.of(problem)
    assert sums is not None
    grouped = Grouped.of(problem, sums, reml)
    gamma = np.array([30.0, 5.0, 12.0])
    at = grouped.at(gamma)
    assert at is not None
    best = grouped.scored(at, grouped.moments(at), gamma)
    assert best is not None
    there = grouped.at(best)
    assert there is not None
    gradient, hessian = grouped.derivatives(there, grouped.moments(there))
    assert float(gradient @ np.linalg.solve(-hessian, gradient)) < 1e-16


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("random", RANDOM)
def test_the_fit_is_that_of_the_search_in_factors(
    random: str, reml: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sample(3)
    data["shift"] = 0.5 * data["z"] + 1000.0
    formula = f"y ~ x + z + offset(shift) + {random}"
    ready = prepare(build_design(formula, data, data["w"].to_numpy()), GAUSSIAN)
    one = fit_grouped(ready, reml)
    assert one is not None
    monkeypatch.setattr(lmm, "fit_grouped", lambda *_: None)
    other = fit_lmm(ready, reml)
    assert one.loglik == pytest.approx(other.loglik, abs=1e-8)
    ses = np.sqrt(np.diag(other.covariance))
    assert (one.beta - other.beta) / ses[: len(one.beta)] == pytest.approx(0.0, abs=1e-6)
    for name in ("sds", "dispersion", "covariance"):
        found, known = getattr(one, name), getattr(other, name)
        np.testing.assert_allclose(found, known, rtol=1e-5, atol=1e-5 * np.abs(known).max())
    for found, known in zip(one.correlations, other.correlations, strict=True):
        np.testing.assert_allclose(found, known, atol=1e-6)
    for found, known in zip(one.modes["g"], other.modes["g"], strict=True):
        np.testing.assert_allclose(found, known, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("random", ["(1 | g)", "(x | g)"])
def test_a_variance_of_zero_is_left_to_the_search_in_factors(random: str) -> None:
    data = sample(5, size=0.0)
    data["y"] -= data.groupby("g")["y"].transform("mean") - data["y"].mean()
    ready = prepare(build_design(f"y ~ x + {random}", data), GAUSSIAN)
    assert fit_grouped(ready, False) is None
    assert fit_lmm(ready, False).convergence.singular


def test_columns_of_z_that_are_one_another_are_left_too() -> None:
    data = sample(6).assign(twice=lambda d: 2.0 * d["x"])
    ready = prepare(build_design("y ~ x + (x + twice | g)", data), GAUSSIAN)
    assert Sums.of(ready.problem) is None


@pytest.mark.parametrize("size", [1, 2, 3])
def test_small_matrices_are_inverted(size: int) -> None:
    D: Any = np.random.default_rng(size).normal(size=(5, size, size))
    found, determinants = inverses(D)
    np.testing.assert_allclose(
        found @ (np.eye(size) + D), np.tile(np.eye(size), (5, 1, 1)), atol=1e-9
    )
    np.testing.assert_allclose(determinants, np.linalg.det(np.eye(size) + D))


def test_scoring_with_known_residual_variance_finds_the_moments_of_equal_groups() -> None:
    rng = np.random.default_rng(4)
    N, s = (
        np.tile(4.0 * np.eye(2), (400, 1, 1)),
        rng.normal(size=(400, 2)) @ [[6.0, 2.0], [0.0, 3.0]],
    )
    found = scored(N, s, np.eye(2), entries((2,)))
    np.testing.assert_allclose(found, s.T @ s / 400 / 16 - np.eye(2) / 4, rtol=1e-9)


def test_a_target_that_is_no_covariance_is_held_inside() -> None:
    old, share = np.array([[2.0, 0.5], [0.5, 1.0]]), 0.1
    assert inside(old, 3.0 * old, share) is not old
    np.testing.assert_allclose(inside(old, 3.0 * old, share), 3.0 * old)
    held = inside(old, np.array([[1.0, 2.0], [2.0, 1.0]]), share)
    assert np.linalg.eigvalsh(held)[0] > 0
    root = np.linalg.cholesky(old)
    inner = np.linalg.solve(root, np.linalg.solve(root, held).T)
    assert np.linalg.eigvalsh(inner)[0] == pytest.approx(share)
