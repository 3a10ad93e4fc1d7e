"""Exact Hessians with slopes and auxiliary parameters, and sums over parts of the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peerstats.model.design import build_design
from peerstats.model.engines import fixed, onefactor
from peerstats.model.engines.blocks import Blocks
from peerstats.model.engines.likelihood import hessian_of
from peerstats.model.engines.onefactor import OneFactor
from peerstats.model.engines.problem import make_problem
from peerstats.model.families import find_family

OUTCOMES = {
    "binomial": "cbind(yes, no)",
    "beta_binomial": "cbind(yes, no)",
    "negative_binomial": "count",
    "negative_binomial1": "count",
    "zero_inflated_negative_binomial": "count",
    "hurdle_poisson": "count",
    "cumulative_logit": "level",
}
RANDOM = ["(1 | g)", "(x | g)", "(x || g)", "(1 + k | g)"]


def sample(seed: int, n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "k": rng.choice(["a", "b", "c"], n)})
    frame["g"] = [f"g{i % 10}" for i in range(n)]
    frame["yes"], frame["no"] = rng.integers(0, 4, n), rng.integers(1, 3, n)
    frame["count"], frame["level"] = rng.poisson(1.5, n), np.arange(n) % 4
    return frame


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(sorted(OUTCOMES)),
    random=st.sampled_from(RANDOM),
    effects=st.booleans(),
)
def test_hessians_are_differences_of_the_gradient(
    seed: int, name: str, random: str, effects: bool
) -> None:
    family = find_family(name)
    random = "(x | g)" if name == "binomial" else random  # blocks are for more than intercepts
    right = f"x + k + {random}" if effects or name == "binomial" else "x + k"
    design = build_design(f"{OUTCOMES[name]} ~ {right}", sample(seed), outcome=family.outcome)
    family = family.for_outcome(design.levels) if family.for_outcome else family
    blocks = Blocks(make_problem(design, family))
    at = 0.3 * np.random.default_rng(seed).normal(size=blocks.ends[2]) + 0.1
    modes = blocks.evaluate(at, np.zeros(blocks.structure.q)).modes
    numeric, h = [], 1e-3
    for d in h * np.eye(len(at)):
        up, down, far, farther = (
            blocks.evaluate(at + step * d, modes).gradient for step in (1, -1, 2, -2)
        )
        numeric.append((8.0 * (up - down) - (far - farther)) / (12.0 * h))
    found = blocks.hessian(at, modes)
    assert np.abs(found - numeric).max() < 1e-6 * np.abs(numeric).max()


def test_several_factors_have_no_formula_here() -> None:
    design = build_design("cbind(yes, no) ~ x + (x | g) + (1 | k)", sample(1))
    assert not Blocks(make_problem(design, find_family("binomial"))).knows_hessian


@pytest.mark.parametrize("nodes", [1, 5])
def test_parts_of_the_data_sum_to_the_whole(nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    design = build_design("cbind(yes, no) ~ x + k + (1 | g)", sample(2))
    problem = make_problem(design, find_family("binomial"))
    beta, tau, modes = np.array([0.1, -0.3, 0.2, 0.4]), np.array([0.7]), np.zeros(10)

    def everything() -> list[np.ndarray]:
        model = OneFactor(problem=problem, nodes=nodes)
        found, hessian = model.evaluate(beta, tau, modes), hessian_of(model)
        assert hessian is not None
        start = fixed.fit_fixed(problem)
        return [
            np.array([found.value]),
            found.gradient,
            found.modes,
            hessian(beta, tau, found.modes),
            *model.information(beta, tau),
            model.mode_sds(beta, tau, found.modes),
            start.beta,
            start.information,
        ]

    whole = everything()
    for rows in (1, 30):
        monkeypatch.setattr(onefactor, "BLOCK", rows)
        monkeypatch.setattr(fixed, "BLOCK", rows)
        assert len(OneFactor(problem=problem).parts) > 1
        for one, other in zip(everything(), whole, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-8)
