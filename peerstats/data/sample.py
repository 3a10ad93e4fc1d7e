"""The rows one analysis uses, and why the others are not among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from peerstats.data.codebook import Field


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One row per unit with every variable asked for; rows dropped are counted by reason.

    `frame` is complete in `variables`. Categories are ordered with the reference first, so that a
    treatment contrast is against the codebook's reference.
    """

    frame: pd.DataFrame
    fields: Mapping[str, Field]
    n_start: int
    dropped: tuple[tuple[str, str, int], ...]  # (variable, missing code or rule, rows), first reason wins

    def __repr__(self) -> str:
        return f"<Sample: {len(self.frame)} of {self.n_start} rows, {len(self.fields)} variables>"
