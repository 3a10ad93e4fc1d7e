"""Public data sets, fitted by lme4 (tests/reference/make_lme4.R) and by us.

Tolerances: lme4 searches without gradients, so its optimum may lie a little below ours but never
above; estimates differ by less than a thousandth of a standard error; its standard errors come
from a numerical Hessian, good to about half a per cent.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from peerstats.model.fit import Fit, fit

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "lme4.json").read_text(encoding="utf-8"))["fits"]
FACTORS = {"district", "herd", "period", "ID", "trt", "id", "subject", "item", "Subject"}
GAUSSIAN = ("sleepstudy", "dyestuff", "dyestuff2", "pastes", "penicillin")


def read(name: str) -> pd.DataFrame:
    data = pd.read_csv(FOLDER / f"{name}.csv")
    for column in FACTORS & set(data.columns):
        data[column] = data[column].astype(str)
    if "item" in data:  # the columns of the verbal aggression data, as R orders their levels
        data["btype"] = pd.Categorical(data["btype"], ["curse", "scold", "shout"])
    return data


def data_set(case: str) -> str:
    name = case.split("_")[0]
    return "verbal" if name == "verbal" else name


def refit(case: str) -> Fit:
    reference = REFERENCE[case]
    name = data_set(case)
    if name in GAUSSIAN:
        return fit(reference["formula"], read(name), "gaussian", reml=case.endswith("reml"))
    counts = name == "epil" or case == "nested_poisson"
    nodes = reference["nodes"]
    method = "agq" if nodes > 1 else "laplace"
    family = "poisson" if counts else "binomial"
    return fit(reference["formula"], read(name), family, method=method, nodes=nodes)


def in_r(name: str) -> str:
    """The name R gives a column: treatment levels glued to the variable."""
    return name.replace("[T.", "").replace("]", "").replace("Intercept", "(Intercept)")


def by_our_names(model: Fit, values: dict[str, Any]) -> np.ndarray:
    found = {frozenset(key.split(":")): value for key, value in values.items()}
    return np.array([found[frozenset(in_r(name).split(":"))] for name in model.params.index])


@pytest.mark.parametrize("case", REFERENCE)
def test_fits_agree_with_lme4(case: str) -> None:
    reference, model = REFERENCE[case], refit(case)
    assert model.converged
    assert model.convergence.gradient < 1e-5
    assert model.llf >= reference["loglik"] - 1e-5
    assert model.llf <= reference["loglik"] + 2e-3  # higher by more would be another model
    theirs = by_our_names(model, reference["estimate"])
    assert np.abs((model.params - theirs) / model.bse).max() < 1e-3
    np.testing.assert_allclose(model.bse, by_our_names(model, reference["std_error"]), rtol=5e-3)
    sds = model.varcorr.set_index("group")["sd"]
    for group, sd in reference["sd"].items():
        ours = sds[group if group in sds.index else ":".join(reversed(group.split(":")))]
        assert ours == pytest.approx(sd, rel=5e-3, abs=1e-5)


@pytest.mark.parametrize("case", REFERENCE)
def test_conditional_modes_agree_with_lme4(case: str) -> None:
    reference, model = REFERENCE[case], refit(case)
    for group, modes in reference["mode"].items():
        turned = ":".join(reversed(group.split(":")))
        ours = model.random_effects[group if group in model.random_effects else turned]
        if group not in model.random_effects:  # lme4 writes venue:site for (1 | site/venue)
            modes = {":".join(reversed(k.split(":"))): v for k, v in modes.items()}
        theirs = pd.Series(modes).reindex(ours.index)
        spread = pd.Series(reference["mode_sd"][group], index=list(modes)).reindex(ours.index)
        scale = np.maximum(spread, 1e-6)
        assert np.abs((ours["mode"] - theirs) / scale).max() < 2e-3
        assert np.abs(ours["sd"] - spread).max() < 5e-3 * max(spread.max(), 1e-3)


def test_the_bar_on_contraception() -> None:
    """Laplace and 25-point quadrature: log-likelihood within 1e-4 of lme4's or higher."""
    formula = "usen ~ age + urban + livch + (1 | district)"
    data = read("contraception")
    for method, case in (("laplace", "contraception_laplace"), ("agq", "contraception_agq25")):
        model = fit(formula, data, method=method, nodes=25)
        assert model.llf >= REFERENCE[case]["loglik"] - 1e-4


def test_one_node_is_laplace_and_more_nodes_settle() -> None:
    formula, data = "usen ~ age + (1 | district)", read("contraception")
    laplace = fit(formula, data)
    one = fit(formula, data, method="agq", nodes=1)
    assert (one.method, one.llf) == ("laplace", laplace.llf)
    eleven, forty = (fit(formula, data, method="agq", nodes=q).llf for q in (11, 41))
    assert eleven == pytest.approx(forty, abs=1e-7)
    assert abs(laplace.llf - forty) > 1e-2


def test_a_coarse_approximation_is_told() -> None:
    """On ohio, Laplace is a whole standard error away from the exact likelihood."""
    formula, data = "resp ~ age * smoke + (1 | id)", read("ohio")
    assert any("Use method='agq'" in message for message in fit(formula, data).messages)
    few = fit(formula, data, method="agq", nodes=3)
    assert any("Use more nodes" in message for message in few.messages)
    assert fit(formula, data, method="agq", nodes=25).messages == ()
    women = fit("usen ~ age + urban + livch + (1 | district)", read("contraception"))
    assert women.messages == ()


def test_zero_variance_is_called_singular() -> None:
    model = fit("Yield ~ 1 + (1 | Batch)", read("dyestuff2"), "gaussian")
    assert model.convergence.singular
    assert model.varcorr["variance"][0] == 0
    assert any("singular" in message for message in model.messages)
    assert "Singular" in model.summary()
