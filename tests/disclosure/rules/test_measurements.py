"""Means by group: the mean of one woman follows from everybody's mean and the others'."""

from dataclasses import replace

import numpy as np
import pytest

from peerstats.disclosure import policy, release
from peerstats.results.blocks import BaselineVariable
from peerstats.results.counting import count

STANDARD = policy("standard")


@pytest.fixture
def fees(table_one, mean):
    """Fees of the women who had some, by group; only those who answered are described."""

    def build(samples, women=(20, 20, 20)):
        samples = [np.asarray(x, dtype=float) for x in samples]
        columns = {"all": np.concatenate(samples)}
        columns |= {f"g{j}": x for j, x in enumerate(samples)}
        numbers = [count(f"t1.fee.{g}.answered", len(x)) for g, x in columns.items()]
        numbers += [mean(f"t1.fee.{g}.mean", x.mean(), len(x)) for g, x in columns.items()]
        numbers += [mean("t1.fee.smd", 0.2, min(map(len, samples)), kind="smd")]
        results = table_one({}, list(women))
        fee = BaselineVariable(name="fee", label="Fee", numeric=True)
        blocks = {"t1": replace(results.blocks["t1"], variables=(fee,))}
        numbers = {**results.numbers, **{n.address: n for n in numbers}}
        return replace(results, numbers=numbers, blocks=blocks)

    return build


def test_means_of_large_groups_are_shown(fees):
    released = release(fees([[400, 500] * 5, [300, 450] * 5, [200, 250] * 5]), STANDARD)
    assert released.number("t1.fee.g2.mean").shown


def test_one_womans_fee_does_not_follow_from_the_other_means(fees):
    """Before: 19 × 460.9 - 9 × 427.8 - 9 × 458.9 = 776.8, and her fee was 777."""
    results = fees([[420] * 5 + [437.55] * 4, [450] * 5 + [470.025] * 4, [777]])
    released = release(results, STANDARD)
    assert released.number("t1.fee.all.mean").shown
    assert not [at for at in released.numbers if at.startswith(("t1.fee.g", "t1.fee.smd"))]
    assert not released.blocks["t1"].variables[0].by_group
    assert "Fee shown for all women only" in " ".join(released.clearance.actions)
