"""Which engine fits what, equal rows summed, and searches that cannot end well."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.errors import ModelError
from peerstats.model.design import build_design
from peerstats.model.engines import ENGINES, Choices, Engine, choose_engine, run_engine
from peerstats.model.engines.evaluation import Evaluation
from peerstats.model.engines.fixed import prepare
from peerstats.model.engines.glmm import fit_glmm
from peerstats.model.engines.onefactor import OneFactor
from peerstats.model.engines.optimise import highest, maximise
from peerstats.model.engines.problem import collapse, make_problem
from peerstats.model.families import FAMILIES, find_family
from peerstats.model.fit import fit
from peerstats.model.formula import parse_formula


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("right", ["x", "x + (1 | g)", "(1 | g/h)", "(x || g)"])
def test_every_family_has_one_engine_for_every_structure(family: str, right: str) -> None:
    formula, known = parse_formula(f"y ~ {right}"), find_family(family)
    willing = [e.name for e in ENGINES.values() if e.refuses(formula, known, Choices()) is None]
    assert choose_engine(formula, known, Choices()).name == willing[0]
    plain = "ml" if known.auxiliary else "ols" if family == "gaussian" else "glm"
    mixed = "lmm" if family == "gaussian" else "glmm"
    assert willing[0] == (mixed if formula.random else plain)


def survey(n: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    site = rng.integers(0, 12, n)
    frame = pd.DataFrame({"site": site, "a": rng.integers(0, 2, n), "b": rng.integers(0, 3, n)})
    frame["y"] = rng.binomial(1, 1 / (1 + np.exp(0.5 * frame["a"] - 0.1 * site)))
    return frame


def test_equal_rows_are_summed_and_change_nothing() -> None:
    data = survey()
    for family in (find_family("binomial"), find_family("poisson")):
        design = build_design("y ~ a + C(b) + (1 | site)", data)
        summed = make_problem(design, family)
        assert summed.n == 12 * 2 * 3
        assert summed.m.sum() == len(data)
        shaken = data.assign(a=data["a"] + 1e-13 * np.arange(len(data)))
        single = make_problem(build_design("y ~ a + C(b) + (1 | site)", shaken), family)
        assert single.n == len(data)
        beta, tau = np.array([-0.2, 0.1, 0.3, -0.3]), np.array([0.7])
        for nodes in (1, 9):
            one = OneFactor(problem=summed, nodes=nodes).evaluate(beta, tau, np.zeros(12))
            two = OneFactor(problem=single, nodes=nodes).evaluate(beta, tau, np.zeros(12))
            assert one.value == pytest.approx(two.value, abs=1e-8)
            np.testing.assert_allclose(one.gradient, two.gradient, atol=1e-7)


def test_gaussian_rows_are_never_summed() -> None:
    design = build_design("y ~ a + (1 | site)", survey())
    assert make_problem(design, find_family("gaussian")).n == design.n


def test_collapse_is_left_when_covariates_are_continuous() -> None:
    data = survey(6_000).assign(x=np.random.default_rng(1).normal(size=6_000))
    design = build_design("y ~ x + (1 | site)", data)
    assert make_problem(design, find_family("binomial")).n == 6_000
    assert collapse is not None


def test_blocks_of_groups_do_not_change_quadrature(monkeypatch: pytest.MonkeyPatch) -> None:
    design = build_design("y ~ a + (1 | site)", survey())
    model = OneFactor(problem=make_problem(design, find_family("binomial")), nodes=7)
    arguments = (np.array([0.1, -0.2]), np.array([0.5]), np.zeros(12))
    whole = model.evaluate(*arguments)
    monkeypatch.setattr("peerstats.model.engines.nodes.BLOCK", 50)
    parts = model.evaluate(*arguments)
    assert whole.value == pytest.approx(parts.value, rel=1e-14)
    np.testing.assert_allclose(whole.gradient, parts.gradient, rtol=1e-11)
    about = model.slope(*arguments[:2], whole.modes, 7)
    np.testing.assert_allclose(about, whole.gradient, rtol=1e-5)


def test_a_sample_of_parts_stands_for_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    once = survey(600)
    data = pd.concat([once.assign(site=once["site"] + 100 * k) for k in range(4)])
    design = build_design("y ~ a + (1 | site)", data)
    problem = make_problem(design, find_family("binomial"))
    monkeypatch.setattr("peerstats.model.engines.onefactor.BLOCK", problem.n // 4)
    model = OneFactor(problem=problem)
    beta, tau = np.array([0.1, -0.2]), np.array([0.5])
    found = model.evaluate(beta, tau, np.zeros(48))
    assert len(model.parts) == 4
    every_other = model.slope(beta, tau, found.modes, 1, 2)
    np.testing.assert_allclose(every_other, found.gradient, rtol=1e-5)


def test_several_memory_layouts_of_the_coupling_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    data = survey(600).assign(c=np.arange(600) % 25)
    formula = "y ~ a + (1 | c) + (1 | site) + (1 | b)"
    dense = fit(formula, data)
    monkeypatch.setattr("peerstats.model.engines.crossed.DENSE", 0)
    sparse = fit(formula, data)
    assert dense.llf == pytest.approx(sparse.llf, abs=1e-9)
    np.testing.assert_allclose(dense.bse, sparse.bse, rtol=1e-5)


def test_a_search_without_a_maximum_says_so() -> None:
    """A rising plane has none: the optimum must not claim one."""

    def plane(parameters: np.ndarray, modes: np.ndarray) -> Evaluation:
        return Evaluation(value=float(parameters.sum()), gradient=np.ones(2), modes=modes)

    assert not maximise(plane, np.zeros(2), np.eye(2), np.zeros(0)).reached


def test_a_quadratic_is_maximised_with_its_hessian() -> None:
    hessian = np.array([[3.0, 1.0], [1.0, 2.0]])
    top = np.array([4.0, -2.0])

    def bowl(parameters: np.ndarray, modes: np.ndarray) -> Evaluation:
        gap = parameters - top
        return Evaluation(
            value=float(-0.5 * gap @ hessian @ gap), gradient=-hessian @ gap, modes=modes
        )

    found = maximise(bowl, np.zeros(2), np.diag([0.5, 2.0]), np.zeros(0))
    assert found.reached
    np.testing.assert_allclose(found.parameters, top, atol=1e-8)
    np.testing.assert_allclose(found.hessian, hessian, rtol=1e-8)


def test_newton_leaves_a_saddle_and_holds_what_has_no_row() -> None:
    """L = -(x² - 1)² - (y - 3)²: from x = 0.1, where the curvature in x is upward, to x = 1."""

    def hill(at: np.ndarray, modes: np.ndarray) -> Evaluation:
        x, y = at
        value = -((x * x - 1) ** 2) - (y - 3) ** 2
        return Evaluation(
            value=float(value), gradient=np.array([-4 * x * (x * x - 1), 6 - 2 * y]), modes=modes
        )

    def hessian(at: np.ndarray, modes: np.ndarray) -> np.ndarray:
        return np.diag([4 - 12 * at[0] ** 2, -2.0])

    found = maximise(hill, np.array([0.1, 0.0]), np.eye(2), np.zeros(0), hessian)
    assert found.reached
    np.testing.assert_allclose(found.parameters, [1.0, 3.0], atol=1e-9)
    np.testing.assert_allclose(found.hessian, np.diag([8.0, 2.0]), rtol=1e-9)
    only_y = np.array([[0.0], [1.0]])
    for known in (hessian, None):
        place, top = highest(hill, np.array([0.1, 0.0]), only_y, np.zeros(0), known)
        np.testing.assert_allclose(place, [0.1, 3.0], atol=1e-6)
        assert top.value == pytest.approx(-(0.99**2))


def nearly_pure(seed: int = 1) -> pd.DataFrame:
    """Sites nearly all yes or all no: the variance runs away."""
    site = np.repeat(np.arange(40), 6)
    y = site % 2
    y[5], y[20] = 1, 1 - y[20]
    return pd.DataFrame({"y": y, "site": site})


def test_a_variance_that_runs_away_is_not_passed_off_as_a_result() -> None:
    model = fit("y ~ 1 + (1 | site)", nearly_pure())
    assert any("incredibly large" in message for message in model.messages)
    assert any("Do not use these numbers" in message for message in model.messages)
    assert not model.converged
    assert "NO" in model.summary()


def test_no_variance_between_groups_gives_the_plain_model() -> None:
    rng = np.random.default_rng(12)
    data = pd.DataFrame({"y": [0, 1] * 150, "site": np.repeat(np.arange(30), 10)})
    data["x"] = rng.normal(size=300)
    mixed, plain = fit("y ~ x + (1 | site)", data), fit("y ~ x", data)
    assert mixed.convergence.singular
    assert mixed.varcorr["sd"][0] == 0
    assert mixed.llf == pytest.approx(plain.llf, abs=1e-8)
    np.testing.assert_allclose(mixed.params, plain.params, atol=1e-6)
    np.testing.assert_allclose(mixed.bse, plain.bse, rtol=1e-5)
    assert np.isnan(mixed.variance_interval()["conf_high"][0])
    assert mixed.random_effects["site"]["mode"].abs().max() == 0


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "log"])
def test_every_link_reaches_its_optimum(link: str) -> None:
    rng = np.random.default_rng(5)
    site = np.repeat(np.arange(40), 30)
    x = rng.integers(0, 2, 1200)
    family = find_family("binomial", link)
    eta = -1.2 + 0.4 * x + 0.25 * rng.normal(size=40)[site]
    data = pd.DataFrame({"y": rng.binomial(1, family.inverse(eta)), "x": x, "site": site})
    for method in ("laplace", "agq"):
        model = fit("y ~ x + (1 | site)", data, link=link, method=method, nodes=9)
        assert model.converged
        assert abs(model.params["x"] - 0.4) < 3 * model.bse["x"]


def test_start_value_does_not_decide() -> None:
    design = build_design("y ~ a + (1 | site)", survey())
    ready = prepare(design, find_family("binomial"))
    first = fit_glmm(ready, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("peerstats.model.engines.start.LEAST_TAU", 2.0)
        second = fit_glmm(ready, 1)
    assert first.loglik == pytest.approx(second.loglik, abs=1e-8)
    np.testing.assert_allclose(first.beta, second.beta, atol=1e-6)


def test_a_singular_matrix_on_the_way_is_no_crash():
    def breaks(ready, choices):
        raise np.linalg.LinAlgError("Matrix is not positive definite")

    broken = Engine(name="broken", refuses=lambda *_: None, fit=breaks)
    with pytest.raises(ModelError, match="curvature is singular"):
        run_engine(broken, None, Choices())
