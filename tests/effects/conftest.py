"""Fits to measure: a public survey, sites that do not differ, and lme4's own herds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peerstats.inference.rule import infer
from peerstats.model.fit import fit

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def contraception():
    """The model of 1,934 women in 60 districts by 25-point quadrature, and its estimates."""
    import peerstats

    path = Path(peerstats.__file__).parent / "data/embedded/bangladesh/contraception.csv"
    data = pd.read_csv(path, dtype={"district": str})
    fitted = fit("usen ~ age + urban + livch + (1 | district)", data, method="agq", nodes=25)
    return fitted, infer(fitted)


@pytest.fixture(scope="session")
def alike():
    """make(sites): sites of 40 women that differ less than chance would make them."""

    def make(sites):
        data = pd.DataFrame(
            {
                "y": np.tile([0, 0, 1, 1], 10 * sites),
                "x": np.tile([0, 1], 20 * sites),
                "site_id": np.repeat([f"s{k}" for k in range(sites)], 40),
            }
        )
        fitted = fit("y ~ x + (1 | site_id)", data)
        return fitted, infer(fitted)

    return make


@pytest.fixture(scope="session")
def herds():
    """lme4's cbpp: cases of a cattle disease in 15 herds, fitted by Laplace."""
    data = pd.read_csv(REFERENCE / "cbpp.csv", dtype={"herd": str, "period": str})
    return fit("cbind(incidence, healthy) ~ period + (1 | herd)", data)


@pytest.fixture(scope="session")
def lme4_profile():
    return json.loads((REFERENCE / "profile.json").read_text())
