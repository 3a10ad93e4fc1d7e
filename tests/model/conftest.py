"""Public data and the fits that several test files look at."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from peerstats.model.fit import fit

REFERENCE = Path(__file__).parents[1] / "reference"
FACTORS = ("Subject", "Batch", "batch", "sample", "cask", "plate", "herd", "period", "subject",
           "district", "livch", "trt")  # fmt: skip


def read_data(name):
    data = pd.read_csv(REFERENCE / f"{name}.csv")
    return data.astype({column: str for column in FACTORS if column in data})


@pytest.fixture(scope="session")
def public_data():
    """read(name): one of the public data sets, its factors as text."""
    return read_data


@pytest.fixture(scope="session")
def inference():
    """Degrees of freedom, profiles and tests of lme4, lmerTest and pbkrtest."""
    return json.loads((REFERENCE / "inference.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def herds():
    """The cbpp model of lme4's documentation."""
    return fit("cbind(incidence, noninc) ~ period + (1 | herd)", read_data("cbpp"))


@pytest.fixture(scope="session")
def sleep():
    """Random slopes by REML."""
    data = read_data("sleepstudy")
    return fit("Reaction ~ Days + (Days | Subject)", data, family="gaussian", reml=True)
