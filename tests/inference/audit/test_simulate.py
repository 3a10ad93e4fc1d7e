"""Replicates: the same numbers whoever works, nothing done twice, nothing of anybody kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from peerstats.errors import PlaceError, UsageError
from peerstats.inference.audit import simulate as module
from peerstats.inference.audit.plan import AuditPlan, Request, plan_audit
from peerstats.inference.audit.rows import summarise
from peerstats.inference.audit.scratch import Scratch
from peerstats.inference.audit.simulate import Effort, share_out, simulate
from peerstats.inference.audit.tally import Tally
from peerstats.inference.audit.workers import check_backend, each
from peerstats.inference.rule import infer
from peerstats.model.fit import Fit, fit

NOWHERE = Scratch(folder=None)
ONE = Effort(replicates=20, jobs=1, backend="sequential")


def test_numbers_do_not_depend_on_who_works(plan: AuditPlan):
    alone = simulate([plan], ONE, NOWHERE)
    together = simulate([plan], Effort(replicates=20, jobs=2, backend="threading"), NOWHERE)
    assert alone == together
    assert {tally.replicates for tallies in alone.values() for tally in tallies} == {100}


def test_an_audit_goes_on_where_it_stopped(
    plan: AuditPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[tuple[int, int]] = []
    first = simulate([plan], ONE, Scratch(folder=tmp_path))
    files = sorted(tmp_path.rglob("*.json"))
    files[0].unlink()
    files[1].write_text("{ half a fi")
    worked: list[str] = []
    before = module.work
    monkeypatch.setattr(module, "work", lambda task: worked.append(task.name) or before(task))
    again = simulate([plan], ONE, Scratch(folder=tmp_path), lambda *at: seen.append(at))
    assert again == first
    assert len(worked) == 2
    assert seen[0] == (len(files) - 2, len(files))
    assert seen[-1] == (len(files), len(files))


def test_blocks_hold_sums_and_nothing_of_anybody(plan: AuditPlan, tmp_path: Path):
    simulate([plan], ONE, Scratch(folder=tmp_path))
    for path in tmp_path.rglob("*.json"):
        rows = json.loads(path.read_text())
        assert all(len(row) == 7 for row in rows)
        assert path.stat().st_mode & 0o077 == 0
    assert {path.name for path in tmp_path.iterdir()} == {plan.fingerprint}


def test_another_truth_has_another_fingerprint(model: Fit, plan: AuditPlan):
    other = plan_audit(
        Request(
            model="m1",
            fit=model,
            estimates=infer(model),
            sites=None,
            exposure="support",
            seed=8,
        )
    )
    assert other.fingerprint != plan.fingerprint


def test_the_exposures_cells_come_first(plan: AuditPlan):
    assert [cell.null for cell in plan.cells][:3] == ["", "support", "mexico"]
    assert [cell.items[0].first for cell in plan.cells][:3] == [True, True, False]


def test_a_variance_at_zero_is_audited_where_sites_differ_too():
    site = np.repeat(np.arange(4), 20)
    y = np.tile([0, 1, 1, 0, 1], 16)
    x = np.tile([0, 0, 1, 1], 20)
    flat = fit("y ~ x + (1 | site)", {"y": y, "x": x, "site": site})
    request = Request(model="m", fit=flat, estimates=infer(flat), sites=None, exposure="x", seed=1)
    found = plan_audit(request)
    assert [scenario.key for scenario in found.scenarios] == ["fitted", "upper"]
    assert "95% profile interval" in found.scenarios[1].words
    upper = next(cell for cell in found.cells if cell.key == "upper:")
    assert 0 < upper.setting.fit.solution.sds[0] <= 0.907


def test_rows_give_each_rate_with_its_error(plan: AuditPlan):
    audit = summarise(plan, simulate([plan], ONE, NOWHERE))
    rows = {(row.term, row.method): row for row in audit.rows}
    assert {method for _, method in rows} == {"chosen", "ml_z", "gee_z", "poisson_z"}
    chosen = rows["support", "chosen"]
    assert chosen.replicates == 100
    assert 0.85 <= chosen.coverage <= 1
    assert 0 <= chosen.type1 <= 0.14
    assert chosen.coverage_error == pytest.approx(0.022, abs=0.012)
    assert abs(chosen.bias) < 5 * chosen.bias_error
    # Six sites are too few for a sandwich and z: known from every study of it.
    assert rows["mexico", "gee_z"].misleads
    assert rows["mexico", "poisson_z"].misleads


def test_time_is_shared_out_and_what_is_left_shared_again():
    assert share_out([1.0, 1.0], [1, 1], 10.0) == [0, 0]
    assert share_out([0.1, 0.1], [4, 1], 10.0) == [60, 20]
    assert share_out([0.0001, 0.01], [1, 1], 21.0) == [2000, 2000]


def test_unknown_backends_and_packages_are_told():
    with pytest.raises(UsageError, match=r"unknown backend 'locy'\. Did you mean 'loky'"):
        check_backend("locy", 1)
    with pytest.raises(UsageError, match="--jobs is 0"):
        check_backend("loky", 0)


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_backend_that_is_not_installed_says_how_to_get_it(
    backend: str, monkeypatch: pytest.MonkeyPatch
):
    import sys

    for name in ("distributed", "ray"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PlaceError, match=rf"pip install 'peerstats\[{backend}\]'"):
        list(each(abs, [1], backend, 2))


def test_results_come_back_with_their_place():
    assert sorted(each(abs, [-1, -2, 3], "threading", 2)) == [(0, 1), (1, 2), (2, 3)]


def test_shares_of_nothing_are_missing():
    assert np.isnan(Tally().coverage)
    assert np.isnan(Tally(replicates=3).rejection_error)
    assert Tally(replicates=4, answered=3).unanswered == pytest.approx(0.25)
