from __future__ import annotations

import json

import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.study import Study, Table
from peerstats.pipeline.record import as_json, fingerprints, software


def study_of(values, codes):
    table = Table(name="participants", values=pd.DataFrame(values), codes=pd.DataFrame(codes))
    return Study(
        name="s",
        codebook=read_codebook(),
        tables={"participants": table},
        findings=(),
        notes=(),
        flow=(),
        synthetic=True,
        provenance="",
    )


WOMEN = {"participant_id": ["a1", "b2"], "age": [20.0, float("nan")]}
CODES = {"participant_id": ["", ""], "age": ["", ".r"]}


def test_a_fingerprint_does_not_depend_on_the_order_of_rows():
    turned = {k: v[::-1] for k, v in WOMEN.items()}, {k: v[::-1] for k, v in CODES.items()}
    assert fingerprints(study_of(WOMEN, CODES), b"k") == fingerprints(study_of(*turned), b"k")


@pytest.mark.parametrize(
    ("values", "codes", "key"),
    [
        ({**WOMEN, "age": [21.0, float("nan")]}, CODES, b"k"),
        (WOMEN, {**CODES, "age": ["", ".d"]}, b"k"),
        ({"participant_id": WOMEN["participant_id"], "years": WOMEN["age"]},
         {"participant_id": ["", ""], "years": ["", ".r"]}, b"k"),
        (WOMEN, CODES, b"another key"),
    ],
    ids=["value", "missing code", "name", "key"],
)  # fmt: skip
def test_a_fingerprint_depends_on_everything_else(values, codes, key):
    assert fingerprints(study_of(values, codes), key) != fingerprints(study_of(WOMEN, CODES), b"k")


def test_records_are_plain_json_and_hold_no_number_that_is_none():
    assert json.loads(as_json({"a": "é"})) == {"a": "é"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"a": float("nan")})


def test_the_software_is_named_with_its_versions():
    assert {"peerstats", "python", "numpy", "statsmodels"} <= set(software())
