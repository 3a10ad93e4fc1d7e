"""The engine finds the coefficients a synthetic study was drawn from: the benchmark, made small."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from peerstats.data.synthetic.truth import OUTCOMES


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "recovery.py"
    spec = importlib.util.spec_from_file_location("recovery", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lines(benchmark):
    outcomes = ("ccu_clients", "client_phys_sex_6m")
    return list(benchmark.recover(outcomes, seed=2, scale=5, missing=False))


def test_every_coefficient_is_within_three_standard_errors(lines):
    off = {(x.outcome, x.term): x.z for x in lines if x.z is not None}
    assert len(off) == 18
    assert max(abs(z) for z in off.values()) < 3


def test_most_coefficients_are_within_two_standard_errors(lines):
    sizes = [abs(x.z) for x in lines if x.z is not None]
    assert sum(size < 2 for size in sizes) / len(sizes) >= 0.85


def test_variances_are_of_the_right_size(lines):
    # 60 sites and 600 venues: a variance is known to about a quarter of itself.
    for line in lines:
        if line.term == "variance venue":
            assert line.estimate == pytest.approx(line.truth, rel=0.5)


def test_the_fitted_models_are_the_true_ones(benchmark):
    for name, outcome in OUTCOMES.items():
        formula = benchmark.formula_of(name, {"coefficients": outcome.coefficients})
        terms = {term.strip() for term in formula.split("~")[1].split("+")}
        assert set(outcome.coefficients) <= terms
        assert "(1 | site_id/venue_id)" in terms
