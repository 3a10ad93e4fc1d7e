"""Groups with equal rows: found, fitted as one, and given back each with its own mode."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.model.design import build_design
from peerstats.model.engines.alike import alike_groups
from peerstats.model.engines.onefactor import OneFactor
from peerstats.model.engines.problem import Problem, make_problem
from peerstats.model.families import find_family
from peerstats.model.fit import fit

VISITS = "y ~ age * smoke + (1 | child)"


def children(count: int = 250, seed: int = 0) -> pd.DataFrame:
    """Four visits each at set ages; a yes/no covariate, some missed last visits."""
    rng = np.random.default_rng(seed)
    child = np.repeat(np.arange(count), 4)
    age, smoke = np.tile(np.arange(4.0), count), (rng.random(count) < 0.4)[child] * 1.0
    eta = -1.0 - 0.2 * age + 0.4 * smoke + 1.3 * rng.normal(size=count)[child]
    frame = pd.DataFrame({"child": child, "age": age, "smoke": smoke})
    frame["y"] = (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))) * 1.0
    frame["count"] = rng.poisson(np.exp(0.3 * eta))
    frame["months"] = np.where(child % 3 == 0, 12.0, 6.0)
    missed = (frame["age"] == 3) & (rng.random(len(eta)) < 0.2)
    return frame[~missed].sample(frac=1.0, random_state=seed, ignore_index=True)


def problem_of(data: pd.DataFrame, formula: str = VISITS, family: str = "binomial") -> Problem:
    known = find_family(family)
    return make_problem(build_design(formula, data), known)


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        (VISITS, "binomial"),
        ("count ~ age + smoke + offset(log(months)) + (1 | child)", "poisson"),
    ],
)
@pytest.mark.parametrize("tau", [0.0, 0.7, 2.0])
def test_kinds_have_the_likelihood_of_their_groups(formula: str, family: str, tau: float) -> None:
    problem = problem_of(children(), formula, family)
    alike = alike_groups(problem)
    assert alike is not None
    assert alike.problem.n < problem.n
    assert alike.copies.sum() == problem.sizes[0]
    beta = np.random.default_rng(1).normal(size=problem.X.shape[1]) * 0.5
    single, merged = (
        OneFactor(problem=problem),
        OneFactor(problem=alike.problem, alike=alike.copies),
    )
    one = single.evaluate(beta, np.array([tau]), np.zeros(problem.sizes[0]))
    two = merged.evaluate(beta, np.array([tau]), np.zeros(alike.problem.sizes[0]))
    assert two.value == pytest.approx(one.value, rel=1e-12)
    np.testing.assert_allclose(two.gradient, one.gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two.hessian, one.hessian, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(two.modes[alike.kind], one.modes, atol=1e-9)
    place = (beta, np.array([tau]))
    np.testing.assert_allclose(
        merged.slope(*place, two.modes, 7), single.slope(*place, one.modes, 7), rtol=1e-8, atol=1e-8
    )
    np.testing.assert_allclose(
        merged.mode_sds(*place, two.modes)[alike.kind], single.mode_sds(*place, one.modes)
    )
    for ours, theirs in zip(merged.information(*place), single.information(*place), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_a_fit_by_kinds_is_the_fit_by_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    data = children()
    merged = fit(VISITS, data)
    monkeypatch.setattr("peerstats.model.engines.alike.FEWEST_GROUPS", 10**9)
    single = fit(VISITS, data)
    assert merged.llf == pytest.approx(single.llf, abs=1e-8)
    np.testing.assert_allclose(merged.params, single.params, atol=1e-6)
    np.testing.assert_allclose(merged.bse, single.bse, rtol=1e-5)
    pd.testing.assert_frame_equal(
        merged.random_effects["child"], single.random_effects["child"], rtol=1e-5
    )
    assert merged.messages == single.messages


def test_parts_of_many_kinds_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    alike = alike_groups(problem_of(children()))
    assert alike is not None
    place = (np.array([-1.0, 0.1, 0.3, -0.2]), np.array([0.8]), np.zeros(len(alike.copies)))
    whole = OneFactor(problem=alike.problem, alike=alike.copies).evaluate(*place)
    monkeypatch.setattr("peerstats.model.engines.onefactor.BLOCK", 30)
    model = OneFactor(problem=alike.problem, alike=alike.copies)
    assert len(model.parts) > 2
    parts = model.evaluate(*place)
    assert parts.value == pytest.approx(whole.value, rel=1e-12)
    np.testing.assert_allclose(parts.hessian, whole.hessian, rtol=1e-10)


def test_groups_that_differ_are_left_alone() -> None:
    data = children()
    noise = np.random.default_rng(2).normal(size=len(data))
    assert alike_groups(problem_of(data.assign(age=data["age"] + 1e-9 * noise))) is None
    # A covariate of the group alone: first rows differ, and so do the groups.
    assert alike_groups(problem_of(data.assign(smoke=noise[data["child"]]))) is None
    assert alike_groups(problem_of(data[data["child"] < 50])) is None  # too few to matter
