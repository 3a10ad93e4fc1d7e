"""Where a row is a visit, sizes are still of women: ten visits of two women protect nobody."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook import Field, Level
from peerstats.data.sample import Sample
from peerstats.disclosure import policy, release
from peerstats.results import Results
from peerstats.results.groups import group_results
from peerstats.results.models import ModelRequest, model_results

TESTED = Field(name="tested", table="visits", label="Tested", type="boolean", column="tested")
PLACE = Field(
    name="place",
    table="participants",
    label="Place",
    type="category",
    column="place",
    levels=(Level(value="street", label="Street"), Level(value="bar", label="Bar")),
)


@pytest.fixture(scope="module")
def answer():
    """Six sites of 20 women with two visits each; in site 0 two women of bars with 20 each."""
    rng = np.random.default_rng(1)
    woman = np.r_[np.repeat(np.arange(120), 2), np.repeat([120, 121], 20)]
    site = np.r_[np.repeat(np.arange(6), 40), np.zeros(40, dtype=int)]
    frame = pd.DataFrame(
        {
            "participant_id": [f"w{w}" for w in woman],
            "site_id": [f"site{s}" for s in site],
            "tested": rng.binomial(1, 0.3 + 0.08 * site).astype(float),
            "place": pd.Categorical(
                np.where(woman >= 120, "bar", "street"), categories=["street", "bar"]
            ),
        }
    )
    fields = {"tested": TESTED, "place": PLACE}
    sample = Sample(frame=frame, fields=fields, n_start=len(frame), dropped=())
    request = ModelRequest(
        key="m1", title="M", outcome=TESTED, exposure="place", random="(1 | site_id)"
    )
    return model_results(request, sample, sites="site_id")


def test_a_model_counts_women_and_says_how_many_visits_they_made(answer):
    numbers = answer.numbers
    assert numbers["m1.n"].value == 122
    assert numbers["m1.visits"].value == 280
    assert numbers["m1.place.bar.n"].value == 2
    assert numbers["m1.place.bar.or"].basis == 2


def test_the_gate_withholds_what_two_women_stand_behind(answer):
    results = Results(
        analysis="a",
        title="A",
        synthetic=True,
        provenance="",
        numbers=answer.numbers,
        blocks={"m1": answer.block},
        fits=answer.records,
    )
    released = release(results, policy("standard"))
    for name in ("or", "low", "high", "p", "n", "events"):
        assert not released.numbers[f"m1.place.bar.{name}"].shown


def test_a_group_is_as_large_as_its_women(answer):
    _, numbers = group_results("g", "G", ("m1", answer.fit), "site_id", {}, women=answer.women)
    assert numbers["g.site0.n"].value == 22
    assert numbers["g.site1.mode"].basis == 20
