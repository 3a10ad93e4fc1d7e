"""A synthetic study: its tables as CSV files would hold them, and the truth behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Synthetic:
    """An invented study: every table as text, and the parameters it was drawn from.

    `tables` holds one frame of str per table, with typed missing codes (".r", ".d", …) in the
    cells. `truth` holds what an estimator should find; it can be written as JSON.
    """

    profile: str
    seed: int
    tables: Mapping[str, pd.DataFrame]
    truth: Mapping[str, Any]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(table)}" for name, table in self.tables.items())
        return f"<Synthetic {self.profile} (SYNTHETIC), seed {self.seed}: {sizes}>"
