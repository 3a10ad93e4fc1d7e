"""The batch engine's default rule against the package's own door, replicate by replicate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

import peerstats as ps
from benchmarks.coverage_cells import X1, X2, Cell, design, replicates
from benchmarks.coverage_goals import picked
from benchmarks.coverage_scores import TERMS, Score, scores
from peerstats.errors import PeerstatsError
from peerstats.model.batch.tables import Tables

FORMULA = "y ~ x1 + x2 + x3 + (1 | site)"
CELLS = (
    Cell(3, 10, 0.05, 0.5, 2.0),
    Cell(5, 40, 0.2, 0.15, 2.0),
    Cell(12, 10, 0.05, 0.8, 1.0),
    Cell(50, 10, 0.2, 0.15, 2.0),
)
CLOSE = 1e-3  # relative: the two quadratures have different numbers of nodes


def check(each: int = 5) -> int:
    """Print every difference; 1 when there is one."""
    found = [told for cell in CELLS for told in differences(cell, each)]
    print("\n".join(found) or f"{each} replicates of {len(CELLS)} cells agree")
    return int(bool(found))


def differences(cell: Cell, each: int) -> Iterator[str]:
    """Say where the door and the batch engine differ on a cell's first replicates."""
    tables = replicates(cell, each)
    every = {(s.method, s.term): s for s in scores(cell, tables, 0)}
    ours = {t: every[source, t] for m, t, source in picked(cell) if m in SHOWN}
    for r in range(each):
        try:
            rows = ps.infer(FORMULA, women(cell, tables, r), sites="site")
        except PeerstatsError:
            rows = None
        for k, term in enumerate(TERMS):
            row = None if rows is None else rows.row(f"x{k + 1}")
            if not agrees(cell, ours[term], r, row):
                yield f"{cell} replicate {r} term {term}: {row}"


SHOWN = ("default", "shown_without_test")


def agrees(cell: Cell, score: Score, r: int, row: object) -> bool:
    """Whether a row of the door says what the score says."""
    low = getattr(row, "conf_low", np.nan)
    p_value = getattr(row, "p_value", np.nan)
    if not score.usable[r]:
        return bool(np.isnan(p_value))
    truth = float(cell.slopes[TERMS.index(score.term)])
    same = np.isclose(getattr(row, "estimate", np.nan), score.estimate[r], rtol=CLOSE, atol=CLOSE)
    same &= (low <= truth <= getattr(row, "conf_high", np.nan)) == score.covers[r]
    tested = score.method != "two_stage" or cell.sites > 4
    return bool(same and ((p_value < 0.05) == score.rejects[r] if tested else np.isnan(p_value)))


def women(cell: Cell, tables: Tables, r: int) -> pd.DataFrame:
    """One replicate as a table of women."""
    x3 = design(cell).x3
    rows = [
        (float(i < tables.yes[j, c, r]), X1[c], X2[c], x3[j], j)
        for j, c in np.argwhere(tables.n[:, :, r] > 0)
        for i in range(int(tables.n[j, c, r]))
    ]
    return pd.DataFrame(rows, columns=["y", "x1", "x2", "x3", "site"])
