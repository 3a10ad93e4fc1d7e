from __future__ import annotations

import pandas as pd

from peerstats.data.flow import build_flow
from peerstats.data.study import Table


def tables(**sites: list[float]) -> dict[str, Table]:
    frames = {
        "sites": pd.DataFrame({"site_id": ["a", "b"], **sites}),
        "participants": pd.DataFrame({"participant_id": range(52)}),
    }
    return {
        name: Table(name=name, values=frame, codes=frame.astype(object).map(lambda _: ""))
        for name, frame in frames.items()
    }


def test_from_approached_to_analysed() -> None:
    given = tables(approached=[40, 30], eligible=[35, 25], refused=[5, 3])
    steps = build_flow(given, [("population", "Internal migrants", 21)])
    assert [(s.key, s.count, s.excluded) for s in steps] == [
        ("approached", 70, False),
        ("eligible", 60, False),
        ("refused", 8, True),
        ("interviewed", 52, False),
        ("population", 21, True),
        ("analysed", 31, False),
    ]


def test_a_count_that_one_site_lacks_is_not_summed() -> None:
    steps = build_flow(tables(approached=[40, float("nan")], eligible=[35, 25]), [])
    assert [s.key for s in steps] == ["eligible", "interviewed", "analysed"]
