"""A report says what it does with women who were visited more than once."""

from __future__ import annotations

import pytest

from peerstats.run import main

ANALYSIS = """\
title = "Visits"
[data]
participants = "p.csv"
sites = "s.csv"
visits = "v.csv"
unit = "{unit}"
[[tables]]
key = "t1"
kind = "baseline"
variables = ["age"]
[report]
formats = ["md"]
"""


def report(folder, unit, visits):
    women = range(40)
    rows = [f"v{w}_{k},w{w}_x,{k}" for w in women for k in range(1, visits + 1)]
    (folder / "s.csv").write_text("site_id\nnorth\nsouth\n")
    (folder / "p.csv").write_text(
        "participant_id,site_id,age\n"
        + "".join(f"w{w}_x,{'north' if w % 2 else 'south'},{20 + w}\n" for w in women)
    )
    (folder / "v.csv").write_text("visit_id,participant_id,visit_no\n" + "\n".join(rows) + "\n")
    (folder / "study.toml").write_text(ANALYSIS.format(unit=unit))
    assert main([str(folder / "study.toml"), "--out", str(folder / "out"), "-q"]) == 0
    return (folder / "out/release/report.md").read_text(encoding="utf-8")


FIRST = "Each woman is analysed at her first visit; later visits are not used."
VISIT = "The unit of the models is the visit"


@pytest.mark.parametrize(
    ("unit", "visits", "first", "visit"),
    [
        ("participants", 1, False, False),
        ("participants", 2, True, False),
        ("visits", 2, False, True),
    ],
)
def test_what_a_row_is_stands_in_the_methods(tmp_path, unit, visits, first, visit):
    text = report(tmp_path, unit, visits)
    assert (FIRST in text, VISIT in text) == (first, visit)
