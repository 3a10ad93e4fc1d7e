"""An honest subset of benchmarks/coverage.py: levels known by simulation.

400 replicates have a Monte Carlo error of 1.1 points around 95 %, so a cell passes within 3.5 of
them; what the default must not do, and its peers do with 3 sites, is far outside.
"""

import numpy as np
import pytest

from benchmarks.coverage_cells import Cell, design, marginal_targets, replicates
from benchmarks.coverage_check import differences
from benchmarks.coverage_goals import picked
from benchmarks.coverage_scores import scores

COUNT = 400
ERROR = float(np.sqrt(0.95 * 0.05 / COUNT))
CELLS = [
    Cell(3, 10, 0.05, 0.5, 1.0),
    Cell(3, 40, 0.2, 0.5, 2.0),
    Cell(5, 40, 0.2, 0.15, 1.0),
    Cell(8, 10, 0.05, 0.8, 2.0),
    Cell(20, 40, 0.2, 0.5, 1.0, 0.5),
    Cell(50, 10, 0.2, 0.5, 2.0),
]


def coverage(cell, peers=0):
    found = {}
    for score in scores(cell, replicates(cell, COUNT), peers):
        line = score.sums()
        if line["usable"]:
            found[score.method, score.term] = line["covers"] / line["usable"]
    return found


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_the_default_rule_keeps_its_level(cell):
    found = coverage(cell)
    for _, term, source in (row for row in picked(cell) if row[0] == "default"):
        if term == "c" and cell.confounded:
            continue  # the venue mix is not the site-level exposure's business
        # With 30 women at 3 sites the statistic has few values, and intervals are too wide.
        above = 0.04 if cell.sites * cell.n < 60 else 3.5 * ERROR
        assert 0.95 - 3.5 * ERROR < found[source, term] < 0.95 + above, (term, found)


def test_robust_z_does_not():
    found = coverage(Cell(3, 40, 0.2, 0.5, 2.0), peers=COUNT)
    assert found["gee_z", "b"] < 0.5
    assert found["gee_z", "c"] < 0.5
    assert found["poisson_z", "c"] < 0.7
    assert found["wald_z", "c"] < 0.85


@pytest.mark.parametrize("cell", CELLS[:3], ids=lambda cell: cell.name)
def test_the_batch_engine_says_what_the_door_says(cell):
    assert list(differences(cell, 3)) == []


def test_draws_depend_on_the_cell_and_block_alone():
    cell = Cell(5, 10, 0.05, 0.5, 2.0)
    few, many = replicates(cell, 20), replicates(cell, 600)
    np.testing.assert_array_equal(few.yes, many.yes[..., :20])
    assert not (many.yes[..., :100] == many.yes[..., 500:]).all()


def test_designs_have_their_prevalence_and_targets():
    for cell in (Cell(5, 10, 0.2, 0.15, 2.0), Cell(8, 40, 0.2, 0.5, 2.0, 0.5)):
        tables = replicates(cell, 500)
        error = 3.5 * np.std(tables.yes.sum(axis=(0, 1)) / tables.women) / np.sqrt(500)
        assert abs(tables.yes.sum() / tables.n.sum() - cell.prevalence) < error
    cell = Cell(5, 10, 0.0, 0.5, 2.0)
    np.testing.assert_allclose(marginal_targets(cell)[0], np.log(2), atol=1e-9)
    odds, risks = marginal_targets(Cell(5, 10, 0.2, 0.5, 2.0))
    assert ((risks < odds) & (odds < np.log(2)) & (risks > 0.2)).all()
    assert design(cell).x3.tolist() == [1, 1, 0, 0, 0]
