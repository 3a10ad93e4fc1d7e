"""Results → Table: which numbers stand where, one file a kind of table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from peerstats.errors import UsageError, did_you_mean
from peerstats.results import Results
from peerstats.tables import (
    adjustment,
    audit,
    baseline,
    fits,
    flow,
    missingness,
    model,
    quality,
    reliability,
)
from peerstats.tables.table import Column, Note, Row, Table

__all__ = ["TABLES", "Column", "Note", "Row", "Table", "build_table"]

TABLES: Mapping[str, Callable[[Results, str], Table]] = {
    "adjustment": adjustment.build,
    "audit": audit.build,
    "baseline": baseline.build,
    "fits": fits.build,
    "flow": flow.build,
    "missingness": missingness.build,
    "model": model.build,
    "quality": quality.build,
    "reliability": reliability.build,
}


def build_table(results: Results, kind: str, block: str) -> Table:
    """Build the table of this kind from the block with this key; `UsageError` for either unknown.

    The address of every number printed follows from the block (see `results.blocks`).
    """
    if kind not in TABLES:
        raise UsageError(f"Unknown table '{kind}'.{did_you_mean(kind, TABLES)}")
    return TABLES[kind](results, block)
