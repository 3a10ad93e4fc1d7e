"""What a consistency rule is: where it looks, what it needs, and one function that judges rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from peerstats.data.derived.source import Source

Severity = Literal["error", "warn", "note", "off"]
Where = Literal["participants", "unit", "venues", "support_acts", "violence"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One comparison: the rows it could be made in, and those among them that fail."""

    columns: tuple[str, ...]
    applies: pd.Series
    offends: pd.Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the registry. `find` returns its comparisons; none when it cannot be run.

    `table` "unit" is the interview: visits, or participants in a study without visits. `columns`
    must all be there; what else `find` reads where present is its own affair. A rule with
    `metric` is published even when nothing fails, with its rate by site.
    """

    id: str
    severity: Severity
    table: Where
    title: str
    find: Callable[[Source], list[Piece]] = field(repr=False)
    columns: tuple[str, ...] = ()
    metric: bool = False


def observed(view: Source, *names: str) -> pd.Series:
    """Return True where every one of the columns has a value."""
    return view.rows.values[list(names)].notna().all(axis=1)


def words(view: Source, name: str) -> pd.Series:
    """Return a category as plain text, so that columns with other levels can be compared."""
    return view.value(name).astype(object)


def implies(view: Source, columns: tuple[str, ...], given: pd.Series, then: pd.Series) -> Piece:
    """Return the comparison "`given` implies `then`" over rows with all columns observed."""
    applies = given.fillna(False).astype(bool) & observed(view, *columns)
    return Piece(
        columns=columns, applies=applies, offends=applies & ~then.fillna(False).astype(bool)
    )


def always(view: Source) -> pd.Series:
    """Return True for every row."""
    return pd.Series(np.ones(len(view.rows.values), dtype=bool), index=view.rows.values.index)
