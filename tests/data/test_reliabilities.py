"""Scales are described at first visits only, acts of support as one of them."""

import numpy as np
import pandas as pd
import pytest

from peerstats.data.codebook_file import read_codebook
from peerstats.data.reliabilities import reliabilities
from peerstats.data.scales import reliability
from peerstats.data.study import Table


def table(name, frame):
    codes = pd.DataFrame("", index=frame.index, columns=frame.columns, dtype=object)
    return Table(name=name, values=frame, codes=codes)


def test_scales_and_acts_at_first_visits():
    draw = np.random.default_rng(3)
    n = 40
    items = pd.DataFrame(draw.integers(1, 4, size=(n, 3)), columns=["lon_1", "lon_2", "lon_3"])
    keys = pd.DataFrame(
        {
            "visit_id": [f"v{i}" for i in range(n)],
            "participant_id": [f"p{i % 30}" for i in range(n)],
            "visit_no": [1.0] * 30 + [2.0] * 10,
        }
    )
    got = draw.integers(0, 2, size=(n, 4)).astype(float)
    acts = pd.DataFrame(
        {
            "visit_id": np.repeat(keys["visit_id"], 4).to_numpy(),
            "act": ["E1", "E2", "T1", "M1"] * n,
            "received": got.ravel(),
        }
    )
    women = pd.DataFrame({"participant_id": [f"p{i}" for i in range(30)]})
    tables = {
        "participants": table("participants", women),
        "visits": table("visits", pd.concat([keys, items.astype(float)], axis=1)),
        "support_acts": table("support_acts", acts),
    }
    found = reliabilities(tables, read_codebook())
    assert set(found) == {"isolation_score", "ps_total"}
    assert found["isolation_score"].n == 30
    assert found["isolation_score"].alpha == pytest.approx(reliability(items[:30]).alpha)
    assert found["ps_total"].items == ("E1", "E2", "T1", "M1")
    by_hand = reliability(pd.DataFrame(got[:30])).alpha
    assert found["ps_total"].alpha == pytest.approx(by_hand)
