"""What an approximation is worth: Laplace, few nodes, many nodes, and a variance of zero."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from peerstats.model.fit import fit

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((FOLDER / "lme4.json").read_text(encoding="utf-8"))["fits"]


def read(name: str) -> pd.DataFrame:
    data = pd.read_csv(FOLDER / f"{name}.csv")
    for column in {"district", "id", "Batch"} & set(data.columns):
        data[column] = data[column].astype(str)
    return data


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
