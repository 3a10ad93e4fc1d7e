"""Several models at a time: the women's rows may not pass through files that others can read."""

from __future__ import annotations

from pathlib import Path

import joblib
import pytest

from peerstats.pipeline.compute import compute, load
from peerstats.pipeline.plan import find_analysis, make_plan


def test_tables_do_not_go_to_other_processes_through_files(monkeypatch):
    """joblib writes arrays above 1 MB to shared memory, in folders that everybody may enter."""
    asked = []

    def parallel(**options):
        asked.append(options)
        raise InterruptedError

    monkeypatch.setattr(joblib, "Parallel", parallel)
    plan = make_plan(find_analysis(Path("founding")))
    with pytest.raises(InterruptedError):
        compute(plan, load(plan), jobs=2)
    assert asked == [{"n_jobs": 2, "max_nbytes": None}]
