"""The model without random effects: what it proves before it has the last digit."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from peerstats.model.design import build_design
from peerstats.model.engines.fixed import fit_fixed, prepare
from peerstats.model.engines.problem import make_problem
from peerstats.model.estimable import _separated, separating_columns
from peerstats.model.families import find_family

MODELS = [
    ("binomial", "logit"),
    ("binomial", "probit"),
    ("binomial", "cloglog"),
    ("poisson", "log"),
]


def sample(seed: int, n: int = 24) -> pd.DataFrame:
    """So few rows that in many draws a covariate separates the outcome."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "k": rng.choice(["a", "b", "c"], n)})
    frame["g"] = np.arange(n) % 4
    frame["y"] = (rng.random(n) < 1 / (1 + np.exp(2.0 - 3.0 * frame["x"]))).astype(float)
    return frame


@cache
def separates(seed: int, name: str) -> bool:
    """Whether the linear programs find a direction, which no weight and no link changes."""
    ready = prepare(build_design("y ~ x + k + (1 | g)", sample(seed)), find_family(name))
    return bool(separating_columns(ready.problem, ready.design.columns))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("weight", [1.0, 0.01])
def test_a_mixed_models_start_is_called_found_only_where_nothing_separates(
    model: tuple[str, str], weight: float
) -> None:
    family = find_family(*model)
    for seed in range(16):
        frame = sample(seed)
        weights = np.where(np.arange(len(frame)) % 3, 1.0, weight)
        ready = prepare(build_design("y ~ x + k + (1 | g)", frame, weights), family)
        assert (_separated(ready) is not None) == separates(seed, family.name)
    assert 2 < sum(separates(seed, family.name) for seed in range(16)) < 14


@pytest.mark.parametrize("model", MODELS)
def test_a_mixed_models_start_is_near_the_maximum(model: tuple[str, str]) -> None:
    family = find_family(*model)
    frame = sample(4, n=400)
    starts = [
        fit_fixed(make_problem(build_design(f"y ~ x + k{random}", frame), family))
        for random in (" + (1 | g)", "")
    ]
    start, maximum = starts
    assert start.found
    assert maximum.found
    away = start.beta - maximum.beta
    assert away @ maximum.information @ away < 2e-3  # squared standard errors
    assert 0.0 <= maximum.loglik - start.loglik < 1e-3
