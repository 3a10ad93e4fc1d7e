"""The exact gradients against differences of the log-likelihood, over random designs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peerstats.model.design import build_design
from peerstats.model.engines.blocks import Blocks
from peerstats.model.engines.crossed import Crossed, Crossing
from peerstats.model.engines.evaluation import Likelihood
from peerstats.model.engines.likelihood import hessian_of, likelihood_of
from peerstats.model.engines.nested import Nested, is_nested
from peerstats.model.engines.onefactor import OneFactor
from peerstats.model.engines.problem import make_problem
from peerstats.model.engines.profiled import Linear, hessian, slopes
from peerstats.model.families import find_family

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MODELS = st.sampled_from(
    [("binomial", "logit"), ("binomial", "probit"), ("binomial", "cloglog"), ("poisson", "log")]
)


def sample(seed: int, n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "k": rng.choice(["a", "b", "c"], n)})
    frame["g"] = rng.choice([f"g{i:02d}" for i in range(12)], n)
    frame["h"] = rng.choice([f"h{i}" for i in range(5)], n)
    frame["yes"], frame["no"] = rng.integers(0, 4, n), rng.integers(1, 3, n)
    frame["count"] = rng.poisson(1.5, n)
    return frame


def difference(model: Likelihood, beta: np.ndarray, tau: np.ndarray, q: int) -> tuple[Any, Any]:
    """Our gradient and a fourth-order central difference of the log-likelihood."""
    p = len(beta)
    both = np.r_[beta, tau]

    def value(at: np.ndarray) -> float:
        return model.evaluate(at[:p], at[p:], np.zeros(q)).value

    numeric = np.zeros(len(both))
    h = 5e-4
    for k in range(len(both)):
        d = np.zeros(len(both))
        d[k] = h
        near, far = value(both + d) - value(both - d), value(both + 2 * d) - value(both - 2 * d)
        numeric[k] = (8 * near - far) / (12 * h)
    return model.evaluate(beta, tau, np.zeros(q)).gradient, numeric


def agree(gradient: np.ndarray, numeric: np.ndarray) -> None:
    # h^4 truncation at h = 5e-4 and rounding both stay below a millionth of the largest element.
    assert np.abs(gradient - numeric).max() < 1e-6 * max(1.0, np.abs(numeric).max())


@FEW
@given(
    seed=st.integers(0, 10_000),
    model=MODELS,
    nodes=st.sampled_from([1, 2, 3, 9]),
    tau=st.floats(0.0, 2.5),
)
def test_one_factor(seed: int, model: tuple[str, str], nodes: int, tau: float) -> None:
    family = find_family(*model)
    outcome = "count" if family.name == "poisson" else "cbind(yes, no)"
    problem = make_problem(build_design(f"{outcome} ~ x + k + (1 | g)", sample(seed)), family)
    beta = np.random.default_rng(seed).normal(size=4) * 0.5
    likelihood = OneFactor(problem=problem, nodes=nodes)
    agree(*difference(likelihood, beta, np.array([tau]), problem.sizes[0]))


@FEW
@given(
    seed=st.integers(0, 10_000),
    model=MODELS,
    tau=st.tuples(*[st.floats(0.0, 1.5)] * 3),
    random=st.sampled_from(["(1 | g) + (1 | h) + (1 | k)", "(1 | h/g) + (1 | k)"]),
)
def test_several_factors(
    seed: int, model: tuple[str, str], tau: tuple[float, ...], random: str
) -> None:
    family = find_family(*model)
    outcome = "count" if family.name == "poisson" else "cbind(yes, no)"
    problem = make_problem(build_design(f"{outcome} ~ x + {random}", sample(seed)), family)
    beta = np.random.default_rng(seed).normal(size=2) * 0.5
    agree(*difference(Crossed(Crossing(problem)), beta, np.array(tau), sum(problem.sizes)))


@FEW
@given(
    seed=st.integers(0, 10_000),
    model=MODELS,
    tau=st.tuples(*[st.floats(0.0, 2.0)] * 3),
    nodes=st.sampled_from([-2, -1, 0, 1, 2, 9]),
)
def test_hessians(seed: int, model: tuple[str, str], tau: tuple[float, ...], nodes: int) -> None:
    """Exact Hessians against fourth-order differences of the gradient; nodes < 1: several."""
    family = find_family(*model)
    outcome = "count" if family.name == "poisson" else "cbind(yes, no)"
    several = {0: "(1 | h/g)", -1: "(1 | g) + (1 | h)", -2: "(1 | g) + (1 | h) + (1 | k)"}
    random = several.get(nodes, "(1 | g)")
    design = build_design(f"{outcome} ~ x * no + {random}", sample(seed))
    problem = make_problem(design, family)
    likelihood = likelihood_of(problem, max(nodes, 1))
    hessian = hessian_of(likelihood)
    assert hessian is not None
    at = np.r_[np.random.default_rng(seed).normal(size=4) * 0.5, tau[: len(problem.sizes)]]
    modes = likelihood.evaluate(at[:4], at[4:], np.zeros(sum(problem.sizes))).modes

    def gradient(at: np.ndarray) -> np.ndarray:
        return likelihood.evaluate(at[:4], at[4:], modes).gradient

    numeric, h = [], 5e-4
    for d in h * np.eye(len(at)):
        near, far = gradient(at + d) - gradient(at - d), gradient(at + 2 * d) - gradient(at - 2 * d)
        numeric.append((8 * near - far) / (12 * h))
    agree(hessian(at[:4], at[4:], modes), np.array(numeric))


@pytest.mark.parametrize("tau", [(0.8, 0.5), (0.0, 0.7), (1.2, 0.0)])
def test_a_nested_problem_has_the_likelihood_of_the_general_one(tau: tuple[float, float]) -> None:
    design = build_design("cbind(yes, no) ~ x + k + (1 | h/g)", sample(3))
    problem = make_problem(design, find_family("binomial", "cloglog"))
    assert is_nested(problem)
    special, general = Nested(problem), Crossed(Crossing(problem))
    beta, taus = np.array([0.1, -0.3, 0.2, 0.4]), np.array(tau)
    ours = special.evaluate(beta, taus, np.zeros(sum(problem.sizes)))
    theirs = general.evaluate(beta, taus, np.zeros(sum(problem.sizes)))
    assert ours.value == pytest.approx(theirs.value, rel=1e-13)
    np.testing.assert_allclose(ours.gradient, theirs.gradient, atol=1e-10)
    np.testing.assert_allclose(ours.modes, theirs.modes, atol=1e-10)
    spreads = [m.mode_sds(beta, taus, ours.modes) for m in (special, general)]
    np.testing.assert_allclose(*spreads, rtol=1e-12)
    for one, other in zip(*(m.information(beta, taus) for m in (special, general)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_crossed_factors_are_not_taken_for_nested_ones() -> None:
    family, data = find_family("binomial"), sample(3)
    for random, nested in (("(1 | h/g)", True), ("(1 | g) + (1 | h)", False), ("(1 | g)", True)):
        problem = make_problem(build_design(f"cbind(yes, no) ~ x + {random}", data), family)
        assert is_nested(problem) == nested
        assert hessian_of(likelihood_of(problem, 1)) is not None


STRUCTURES = st.sampled_from(
    [
        "(1 + x | g)",
        "(x || g)",
        "(k | g)",
        "(k || h)",
        "(1 + x | h/g)",
        "(x | g) + (x | h)",
        "(1 | g) + (0 + x | h) + (1 | k)",
        "(0 + k | g) + (x | g)",
    ]
)


def differences(value: Any, at: np.ndarray, h: float = 2e-3) -> np.ndarray:
    found = []
    for d in h * np.eye(len(at)):
        near, far = value(at + d) - value(at - d), value(at + 2 * d) - value(at - 2 * d)
        found.append((8 * near - far) / (12 * h))
    return np.array(found)


@FEW
@given(seed=st.integers(0, 10_000), model=MODELS, random=STRUCTURES)
def test_any_random_part(seed: int, model: tuple[str, str], random: str) -> None:
    family = find_family(*model)
    outcome = "count" if family.name == "poisson" else "cbind(yes, no)"
    problem = make_problem(build_design(f"{outcome} ~ x + {random}", sample(seed)), family)
    blocks = Blocks(problem)
    at = np.random.default_rng(seed).normal(size=blocks.ends[2]) * 0.5
    modes = np.zeros(blocks.structure.q)
    numeric = differences(lambda x: blocks.evaluate(x, modes).value, at)
    agree(blocks.evaluate(at, modes).gradient, numeric)


@FEW
@given(
    seed=st.integers(0, 10_000),
    model=MODELS,
    random=st.sampled_from(["(x | g)", "(x || g)", "(k | h)", "(1 | g)"]),
    nodes=st.sampled_from([2, 5]),
)
def test_quadrature_over_several_effects(
    seed: int, model: tuple[str, str], random: str, nodes: int
) -> None:
    family = find_family(*model)
    outcome = "count" if family.name == "poisson" else "cbind(yes, no)"
    problem = make_problem(build_design(f"{outcome} ~ x + {random} + (0 + x | {random[-2]})"
        if random == "(1 | g)" else f"{outcome} ~ x + {random}", sample(seed)), family)  # fmt: skip
    blocks = Blocks(problem, nodes)
    at = np.random.default_rng(seed).normal(size=blocks.ends[2]) * 0.4
    modes = np.zeros(blocks.structure.q)
    numeric = differences(lambda x: blocks.evaluate(x, modes).value, at)
    agree(blocks.evaluate(at, modes).gradient, numeric)


AUXILIARY = [
    ("negative_binomial", "count"),
    ("negative_binomial1", "count"),
    ("beta_binomial", "cbind(yes, no)"),
    ("zero_inflated_poisson", "count"),
    ("zero_inflated_negative_binomial", "count"),
    ("hurdle_poisson", "count"),
]


@FEW
@given(
    seed=st.integers(0, 10_000),
    model=st.sampled_from(AUXILIARY),
    random=st.sampled_from(["", "+ (1 | g)", "+ (x | g)", "+ (1 | h/g)", "+ (1 | g) + (1 | h)"]),
    nodes=st.sampled_from([1, 3]),
)
def test_auxiliary_parameters(seed: int, model: tuple[str, str], random: str, nodes: int) -> None:
    family = find_family(model[0])
    problem = make_problem(build_design(f"{model[1]} ~ x {random}", sample(seed)), family)
    blocks = Blocks(problem, nodes if random in ("+ (1 | g)", "+ (x | g)") else 1)
    at = np.random.default_rng(seed).normal(size=blocks.ends[2]) * 0.4
    modes = np.zeros(blocks.structure.q)
    numeric = differences(lambda x: blocks.evaluate(x, modes).value, at)
    agree(blocks.evaluate(at, modes).gradient, numeric)


@FEW
@given(seed=st.integers(0, 10_000), reml=st.booleans(), random=STRUCTURES)
def test_linear_model_withslopes(seed: int, reml: bool, random: str) -> None:
    design = build_design(f"count ~ x + k + {random}", sample(seed))
    linear = Linear(make_problem(design, find_family("gaussian")), reml)
    at = np.random.default_rng(seed).normal(size=linear.structure.triangles[-1].stop)
    agree(slopes(linear, linear.at(at))[0], differences(lambda x: linear.at(x).value, at, 1e-3))
    numeric = differences(lambda x: slopes(linear, linear.at(x))[0], at, 1e-3)
    found = hessian(linear, linear.at(at))
    if linear.structure.rest_size == 0 or np.isfinite(found).all():
        agree(found, numeric)


@FEW
@given(
    seed=st.integers(0, 10_000),
    reml=st.booleans(),
    theta=st.tuples(st.floats(0.05, 2.0), st.floats(0.05, 2.0)),
)
def test_linear_model(seed: int, reml: bool, theta: tuple[float, float]) -> None:
    design = build_design("x ~ count + k + (1 | g) + (1 | h)", sample(seed))
    linear = Linear(make_problem(design, find_family("gaussian")), reml)
    at, h = np.array(theta), 1e-4
    numeric = []
    for k in range(2):
        d = np.zeros(2)
        d[k] = h
        numeric.append((linear.at(at + d).value - linear.at(at - d).value) / (2 * h))
    agree(slopes(linear, linear.at(at))[0], np.array(numeric))
    curve = differences(lambda x: slopes(linear, linear.at(x))[0], at, 1e-3)
    agree(hessian(linear, linear.at(at)), curve)


def test_one_factor_and_several_factors_agree() -> None:
    """A second factor with its standard deviation at zero changes nothing."""
    family, data = find_family("binomial"), sample(1)
    one = make_problem(build_design("cbind(yes, no) ~ x + (1 | g)", data), family)
    two = make_problem(build_design("cbind(yes, no) ~ x + (1 | g) + (1 | h)", data), family)
    beta = np.array([0.2, -0.4])
    first = OneFactor(problem=one).evaluate(beta, np.array([0.8]), np.zeros(12))
    second = Crossed(Crossing(two)).evaluate(beta, np.array([0.8, 0.0]), np.zeros(17))
    assert first.value == pytest.approx(second.value, rel=1e-12)
    np.testing.assert_allclose(first.gradient, second.gradient[:3], rtol=1e-9, atol=1e-9)


def test_quadrature_agrees_with_brute_force_integration() -> None:
    from scipy.integrate import quad

    family, data = find_family("binomial"), sample(2, 30)
    design = build_design("cbind(yes, no) ~ x + (1 | h)", data)
    beta, tau = np.array([0.3, 0.5]), 1.2
    total = 0.0
    assert design.trials is not None
    for level in range(len(design.groups["h"].levels)):
        rows = design.groups["h"].codes == level
        y, m = design.y[rows], design.trials[rows]

        def joint(v: float, rows: Any = rows, y: Any = y, m: Any = m) -> float:
            eta = design.X[rows] @ beta + tau * v
            return float(np.exp(family.loglik(y, eta, trials=m) - 0.5 * v * v) / np.sqrt(2 * np.pi))

        total += np.log(quad(joint, -12, 12, epsabs=0, epsrel=1e-11, limit=200)[0])
    found = OneFactor(problem=make_problem(design, family), nodes=41)
    assert found.evaluate(beta, np.array([tau]), np.zeros(5)).value == pytest.approx(
        total, abs=1e-8
    )
