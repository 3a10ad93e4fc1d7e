"""Counts by site beside an estimate of few sites."""

from dataclasses import replace

import numpy as np
import pytest

from peerstats.disclosure import policy, release

SAFE = ((60, 20), (60, 30))  # no small level-by-outcome cell
RARE = ((60, 20), (30, 3))


def together(table, model):
    """A table and a model in one report."""
    return replace(
        table,
        numbers={**table.numbers, **model.numbers},
        blocks={**table.blocks, **model.blocks},
        fits=model.fits,
    )


@pytest.mark.parametrize(
    ("sites", "small", "cells", "by_site"),
    [
        (3, 4, SAFE, False),
        (3, 6, SAFE, False),
        (3, 7, SAFE, True),
        (9, 4, SAFE, True),
        (3, 4, RARE, True),
    ],
)
def test_outcome_and_covariates_of_few_sites_are_shown_for_everybody_only(
    table_one, model, sites, small, cells, by_site
):
    """`y` is the outcome, `x` the covariate; `z` is in no model."""
    counts = np.array([[21] * sites, [small, *[10] * (sites - 1)]])
    women = counts.sum(axis=0).tolist()
    table = table_one({"y": counts, "x": counts, "z": counts}, women, sites=True)
    lone = model(cells)
    block = lone.blocks["m1"]
    lone = replace(lone, blocks={"m1": replace(block, terms=block.terms[:1])})
    numbers = {at: n for at, n in lone.numbers.items() if not at.startswith("m1.age")}
    released = release(together(table, replace(lone, numbers=numbers)), policy("standard"))
    shown = {v.name: v.by_group for v in released.blocks["t1"].variables}
    assert shown == {"y": by_site, "x": by_site, "z": True}
    assert ("t1.y.l1.g0.n" in released.numbers) == by_site
    assert "t1.y.l1.all.n" in released.numbers
