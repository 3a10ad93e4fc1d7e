"""What a derivation reads and what it is: names it makes, columns it needs, one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from peerstats.data.codebook import Codebook
from peerstats.data.derived.absence import Column
from peerstats.data.linked import first_visits, positions, unit
from peerstats.data.study import Table

Place = Literal["unit", "participants", "venues"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """The rows a variable is derived for, linked to their parents, and the tables around them."""

    tables: Mapping[str, Table]
    codebook: Codebook
    rows: Table

    def has(self, *names: str) -> bool:
        """Return whether every name is a column of the linked rows."""
        return all(name in self.rows.values.columns for name in names)

    def value(self, name: str) -> pd.Series:
        """Return the values of one column (n,)."""
        return self.rows.values[name]

    def code(self, name: str) -> pd.Series:
        """Return the codes of one column (n,), "" where observed."""
        return self.rows.codes[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """One rule of the dictionary: it runs when its table and all columns it needs are there.

    `place` says whose rows it describes: "unit" is the visit, or the woman in a one-visit study.
    """

    names: tuple[str, ...]
    place: Place
    make: Callable[[Source], Mapping[str, Column]]
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()  # read where present
    long: tuple[str, ...] = ()  # a long table and the columns of it that are needed
    relative: bool = False  # depends on the other women, so another sample gives another value


def interval(source: Source, name: str) -> tuple[pd.Series, pd.Series]:
    """Return both bounds of a duration; a bound that is not known is 0 or infinite."""
    value = source.value(name).astype(float)
    low = source.value(f"{name}_low").astype(float) if source.has(f"{name}_low") else value
    high = source.value(f"{name}_high").astype(float) if source.has(f"{name}_high") else value
    low, high = low.fillna(value), high.fillna(value)
    return low.mask(low.isna() & high.notna(), 0.0), high.mask(high.isna() & low.notna(), np.inf)


def less(low: pd.Series, high: pd.Series, cut: float) -> pd.Series:
    """Return 1 where the interval lies below the cut, 0 where it does not, NaN where it straddles.

    >>> less(pd.Series([0.0, 1.0, 0.5]), pd.Series([1.0, 1.0, 2.0]), 1).tolist()
    [1.0, 0.0, nan]
    """
    below = (high < cut) | ((high == cut) & (low < high))
    return pd.Series(np.where(below, 1.0, np.where(low >= cut, 0.0, np.nan)), index=low.index)


def more(low: pd.Series, high: pd.Series, cut: float) -> pd.Series:
    """Return 1 where the interval lies above the cut, 0 where it does not, NaN where it straddles.

    >>> more(pd.Series([12.0, 12.0, 6.0]), pd.Series([12.0, 24.0, 24.0]), 12).tolist()
    [0.0, 1.0, nan]
    """
    above = (low > cut) | ((low == cut) & (low < high))
    return pd.Series(np.where(above, 1.0, np.where(high <= cut, 0.0, np.nan)), index=low.index)


def spread(source: Source, long: Table, item: pd.Series, column: str) -> tuple[pd.DataFrame, ...]:
    """Return one row per unit and one column per item of a long table, values and codes.

    Items stand in the order in which they first occur. A unit without any row in the long table has
    `.x` (not collected here) in all of them; a single row that is absent beside others is `.m`.
    """
    place = _unit_positions(source, long)
    known = (place >= 0).to_numpy() & item.notna().to_numpy()
    labels = pd.Index(item[known].astype(str).unique())
    shape = (len(source.rows.values), len(labels))
    values, codes = np.full(shape, np.nan), np.full(shape, ".x", dtype=object)
    at = place.to_numpy()[known]
    to = labels.get_indexer(pd.Index(item[known].astype(str)))
    codes[np.unique(at)] = ".m"
    values[at, to] = long.values[column].to_numpy(dtype=float)[known]
    codes[at, to] = long.codes[column].to_numpy(dtype=object)[known]
    codes[np.isnan(values) & (codes == "")] = ".m"
    index = source.rows.values.index
    return pd.DataFrame(values, index, labels), pd.DataFrame(codes, index, labels)


def _unit_positions(source: Source, long: Table) -> pd.Series:
    """Return the unit of each long row: by visit, else woman and wave, else her first visit."""
    units, rows = source.rows.values, long.values
    if unit(source.tables) == "visits" and "visit_id" in rows.columns:
        return positions(units["visit_id"], rows["visit_id"])
    if "wave" in rows.columns:
        first = rows["wave"].min() if unit(source.tables) == "participants" else None
        if first is not None:
            place = positions(units["participant_id"], rows["participant_id"])
            return place.mask(rows["wave"] != first, -1)
        if "visit_no" in units.columns:
            return positions(_pair(units, "visit_no"), _pair(rows, "wave"))
    firsts = units["participant_id"].where(first_visits(source.rows))
    return positions(firsts, rows["participant_id"])


def _pair(frame: pd.DataFrame, wave: str) -> pd.Series:
    return pd.Series(
        list(zip(frame["participant_id"], frame[wave], strict=True)), frame.index, dtype=object
    )
