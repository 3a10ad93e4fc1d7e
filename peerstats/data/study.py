"""A study as loaded: tables with typed missing values, and what the checks found in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from peerstats.data.codebook import Codebook

Severity = Literal["error", "warn", "note"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """One table: values with NaN where absent, and beside each absence its typed code.

    `codes` has the shape, index and columns of `values`; a cell is "" where a value was given and
    one of `.a .n .r .d .x .m` where none was.
    """

    name: str
    values: pd.DataFrame
    codes: pd.DataFrame
    made: frozenset[str] = frozenset()  # columns derived here and not given

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self.values)} rows, {self.values.shape[1]} columns>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one consistency rule found: how many rows of how many, never which values."""

    rule: str
    severity: Severity
    table: str
    columns: tuple[str, ...]
    count: int
    checked: int
    message: str
    # (site, count, checked), where the rule is a rate
    by_site: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """One box of the flow diagram: how many women are left, or were left out and why."""

    key: str
    label: str
    count: int
    excluded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """Tables that obey the codebook, with the findings, notes and flow made on the way."""

    name: str
    codebook: Codebook
    tables: Mapping[str, Table]
    findings: tuple[Finding, ...]
    # What the reader accepted with a remark: byte order mark, semicolons, …
    rules_run: tuple[str, ...] = ()  # ids of the rules that could be run on these tables
    notes: tuple[str, ...]
    flow: tuple[FlowStep, ...]
    synthetic: bool
    provenance: str

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(t.values)}" for name, t in self.tables.items())
        return f"<Study {self.name}{' (SYNTHETIC)' if self.synthetic else ''}: {sizes}>"
